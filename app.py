"""Winnow's app: `streamlit run app.py`. The server with its own routes, and the frame around every page."""

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from curation.ui.frame import frame, said
from curation.ui.map import card
from curation.ui.server.access import Guard
from curation.ui.server.routes import prefix, routes

if get_script_run_ctx(suppress_warning=True) is None:  # the server imports this file once, to find the app
    # Streamlit finds out that `pages/` is not its old menu only when the frame is drawn for the first time; until then
    # a link or a reload that leads straight to a page would run that page alone, without the frame.
    PagesManager.uses_pages_directory = False
    guard = Middleware(Guard, base=prefix())
    app = st.App(__file__, routes=[*routes(), *card.routes()], middleware=[guard], on_script_error=said)
else:
    frame()
