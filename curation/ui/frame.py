"""The frame around every page: login, menu, open project, job strip."""

from __future__ import annotations

import logging
import sqlite3

import streamlit as st
from streamlit.errors import Error as StreamlitError

from curation.errors import AccessError, WinnowError
from curation.ui.parts import theme
from curation.ui.parts.job_strip import job_strip
from curation.ui.server import access, projects
from curation.ui.state.project import Project, close_project, open_project, set_open

# file -> title, icon. The first is the default page; the next eight follow the data.
PAGES = {
    "data": ("Data", ":material/folder_open:"),
    "map": ("Map", ":material/scatter_plot:"),
    "review": ("Review", ":material/rule:"),
    "grow": ("Grow", ":material/potted_plant:"),
    "prune": ("Prune", ":material/content_cut:"),
    "verify": ("Verify", ":material/monitoring:"),
    "schedule": ("Schedule", ":material/event_repeat:"),
    "condense": ("Condense", ":material/compress:"),
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

log = logging.getLogger("winnow")
LIVE = ("Data", "Map", "Prune")  # drawn again for every result that comes; a queue must not move under one's hands
CLOSE = "\0close"  # no folder has this name
OTHERS = 8  # projects the menu offers beside the open one


def frame() -> None:
    """Draw one page inside the frame. An error that Winnow raises on purpose is shown as its one sentence."""
    st.set_page_config(page_title="Winnow", page_icon="🌾", layout="wide", initial_sidebar_state="expanded")
    st.html(theme.page_css())
    st.logo(MARK, size="large")
    pages = [
        st.Page(f"pages/{name}.py", title=title, icon=icon, default=name == "data")
        for name, (title, icon) in PAGES.items()
    ]
    try:
        who = access.visitor()
    except AccessError as error:
        st.navigation(pages, position="hidden")
        _login(error)
        return
    page = st.navigation({"Curate": pages[:-1], "Reference": pages[-1:]})
    try:
        project = open_project()
        if project is not None:
            with st.sidebar.container(key="sidebar_project", gap="xsmall"):
                _switcher(project)
        if who is not None:
            _account(who)
        if project is not None:
            job_strip(project, live=page.title in LIVE)
        page.run()
    except (WinnowError, OSError, sqlite3.Error) as error:
        show_error(error)


def show_error(error: Exception) -> bool:
    """Show an error of a page, a fragment or a click as one sentence.

    Returns False for unexpected errors (bugs), which Streamlit then shows by their type.
    """
    if isinstance(error, WinnowError):
        text = str(error)
    elif isinstance(error, OSError | sqlite3.Error) and not isinstance(error, StreamlitError):
        log.error("the app could not read or write", exc_info=error)
        text = _about_the_disk(error)
    else:
        return False
    st.error(theme.plain(text), icon=":material/error:")
    return True


def _about_the_disk(error: Exception) -> str:
    name = st.session_state.get("project")
    if name and projects.project_folder(name) is None:
        return f"the project {name} is gone: its folder was deleted or moved; open another one on the Data page"
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    where = f" {error.filename}" if getattr(error, "filename", None) else ""
    return f"could not read or write{where}: {reason}; finished results are kept"


def _login(error: AccessError) -> None:
    """The page of somebody who is not logged in. It reads no project."""
    theme.header("Winnow", "Log in to see your projects.")
    if not st.user.get("is_logged_in"):
        try:
            access.login_on()
            for way in access.providers():
                text = "Log in" if way is None else f"Log in with {theme.plain(way)}"
                st.button(text, key=f"login_{way}", type="primary", on_click=st.login, args=(way,) if way else ())
            return
        except AccessError as stronger:
            error = stronger
    st.error(theme.plain(error), icon=":material/lock:")
    if st.user.get("is_logged_in"):
        st.button("Log out", key="logout", on_click=st.logout)


def _account(who: access.Visitor) -> None:
    with st.sidebar.container(key="sidebar_account", gap="xsmall"):
        st.caption(theme.plain(who.name))
        st.button("Log out", key="logout", type="tertiary", on_click=st.logout)


def _switcher(project: Project) -> None:
    """The open project: a menu to open another one or none, and how many items it has."""
    st.caption("Project")
    others = [name for name in projects.project_names() if name != project.name][:OTHERS]
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
        items, decided = project.items, project.effective
    except WinnowError:  # the page says it
        return
    if items is not None:
        count = len({*decided.labels, *decided.dropped, *decided.pinned, *decided.confirmed})
        st.caption(f"{len(items):,} items  ·  {count:,} decided")
