"""Winnow's app from a checkout: `streamlit run app.py`. The same as `winnow app`, which serves curation/ui/app.py."""

import streamlit as st

from curation.ui.frame import frame
from curation.ui.serving import for_a_visitor, settings

if for_a_visitor():
    frame()
else:
    app = st.App(__file__, **settings())
