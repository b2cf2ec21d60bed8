"""The picture frame: the menu, the open project, the job strip. Pages draw what is inside."""

from __future__ import annotations

import streamlit as st

from curation.errors import WinnowError
from curation.ui import theme
from curation.ui.jobstrip import job_strip
from curation.ui.project import open_project

# file -> title, icon. The first is the default page; the next five follow the data.
PAGES = {
    "data": ("Data", ":material/folder_open:"),
    "map": ("Map", ":material/scatter_plot:"),
    "review": ("Review", ":material/rule:"),
    "prune": ("Prune", ":material/content_cut:"),
    "verify": ("Verify", ":material/monitoring:"),
    "export": ("Export", ":material/ios_share:"),
    "methods": ("Methods", ":material/menu_book:"),
}


def frame() -> None:
    """Draw one page inside the frame; whatever Winnow raises on purpose is shown as its one sentence."""
    st.set_page_config(page_title="Winnow", page_icon="🌾", layout="wide", initial_sidebar_state="expanded")
    st.html(theme.page_css())
    pages = [
        st.Page(f"pages/{name}.py", title=title, icon=icon, default=name == "data")
        for name, (title, icon) in PAGES.items()
    ]
    page = st.navigation({"Curate": pages[:-1], "Reference": pages[-1:]})
    try:
        project = open_project()
        with st.sidebar:
            if project is not None:
                st.caption(f"Project  \n**{theme.plain(project.name)}**")
        if project is not None:
            job_strip(project)
        page.run()
    except WinnowError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")
