"""Winnow's app in the installed package: what `winnow app` serves, with the settings in .streamlit/ beside it."""

import streamlit as st

from curation.ui.frame import frame
from curation.ui.serving import for_a_visitor, settings

if for_a_visitor():
    frame()
else:
    app = st.App(__file__, **settings())
