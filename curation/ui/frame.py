"""The picture frame: the menu, the open project, the job strip. Pages draw what is inside."""

from __future__ import annotations

import streamlit as st

from curation.errors import WinnowError
from curation.ui import home, theme
from curation.ui.jobstrip import job_strip
from curation.ui.project import Project, close_project, open_project, set_open

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

# Winnowing: the grain falls, the chaff is blown away. The blue reads on a light and on a dark page.
MARK = """<svg xmlns="http://www.w3.org/2000/svg" width="132" height="28" viewBox="0 0 132 28">
<g fill="#3A82C4"><circle cx="7" cy="21" r="4.2"/><circle cx="17" cy="23" r="3.4"/>
<circle cx="13.5" cy="13.5" r="3.4"/></g>
<g fill="#97A3AF"><circle cx="21.5" cy="9.5" r="2.1"/><circle cx="27" cy="5" r="1.5"/>
<circle cx="26" cy="12.5" r="1.1"/></g>
<text x="38" y="21" font-family="Source Sans Pro, Segoe UI, Helvetica, Arial, sans-serif" font-size="20"
 font-weight="650" fill="#3A82C4">Winnow</text></svg>"""

CLOSE = "\0close"  # no folder has this name


def frame() -> None:
    """Draw one page inside the frame; whatever Winnow raises on purpose is shown as its one sentence."""
    st.set_page_config(page_title="Winnow", page_icon="🌾", layout="wide", initial_sidebar_state="expanded")
    st.html(theme.page_css())
    st.logo(MARK, size="large")
    pages = [
        st.Page(f"pages/{name}.py", title=title, icon=icon, default=name == "data")
        for name, (title, icon) in PAGES.items()
    ]
    page = st.navigation({"Curate": pages[:-1], "Reference": pages[-1:]})
    try:
        project = open_project()
        if project is not None:
            with st.sidebar.container(key="sidebar_project", gap="xsmall"):
                _switcher(project)
            job_strip(project)
        page.run()
    except WinnowError as error:
        st.error(theme.plain(str(error)), icon=":material/error:")


def _switcher(project: Project) -> None:
    """The open project: what it holds in small print, a menu to open another or none."""
    st.caption("Project")
    others = [info.name for info in home.projects() if info.name != project.name][:8]
    chosen = st.menu_button(
        theme.plain(project.name),
        [*others, CLOSE],
        format_func=lambda name: "Close this project" if name == CLOSE else f"Open {theme.plain(name)}",
        key="project_menu",
        width="stretch",
    )
    if chosen == CLOSE:
        close_project()
        st.switch_page("pages/data.py")
    elif chosen:
        set_open(chosen)
        st.rerun()
    try:
        items, decided = project.items, project.in_force
    except WinnowError:  # the page says it
        return
    if items is not None:
        count = len({*decided.labels, *decided.dropped, *decided.pinned, *decided.confirmed})
        st.caption(f"{len(items):,} items  ·  {count:,} decided")
