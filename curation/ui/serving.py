"""How the app is served: its routes, who is let in, and how errors are shown. Both files `app.py` use it."""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from curation.ui.frame import show_error
from curation.ui.map import card
from curation.ui.server.access import Guard
from curation.ui.server.routes import prefix, routes


def for_a_visitor() -> bool:
    """Whether a page is asked for. Otherwise the server imports `app.py`, once, to find the app."""
    return get_script_run_ctx(suppress_warning=True) is not None


def settings() -> dict[str, Any]:
    """What `st.App` is given besides its script."""
    # Streamlit finds out that `pages/` is not its old menu only when the frame is drawn for the first time; until then
    # a link or a reload that leads straight to a page would run that page alone, without the frame.
    PagesManager.uses_pages_directory = False
    guard = Middleware(Guard, base=prefix())
    return {"routes": [*routes(), *card.routes()], "middleware": [guard], "on_script_error": show_error}
