"""Map: every item a point, hard ones large, suspicious ones outlined; lasso some, look at them, decide."""

from collections.abc import Collection

import numpy as np
import streamlit as st

from curation.ui.map import panel, selection
from curation.ui.parts import charts, theme
from curation.ui.parts.item_card import STYLE
from curation.ui.state.analysis_results import analysis_results
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project, open_project

DARK = theme.is_dark()


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        text = "Choose a dataset first; its map is drawn when it is analysed."
        if theme.empty_state("scatter_plot", "No dataset is open", text, "Choose a dataset", key="map_empty"):
            st.switch_page("pages/data.py")
        return
    analysis = analysis_results(project)
    if analysis.xy is None:
        text = "The map is part of the analysis: embeddings, scores, flags, and a place for every item."
        if theme.empty_state("scatter_plot", "The map is not drawn yet", text, "Go to the analysis", key="map_empty"):
            st.switch_page("pages/data.py")
        return
    st.html(f"{STYLE}<style>{_CSS}</style>")
    state = item_state(project.items, project.effective)
    look = _controls(analysis, state)
    shown = selection.shown_rows(analysis, state, look)
    drawn = _drawn(project, analysis, state, look, shown)
    left, right = st.columns([3, 2], gap="medium")
    with right:  # first: pictures are there at once, the map takes the browser a moment
        panel.side(project, analysis, shown, look)
    with left:
        _chart(project, drawn, shown)


def _controls(analysis, state) -> selection.Look:
    colours, sizes = selection.colour_options(analysis), selection.size_options(analysis)
    keep = {"persist_state": "session"}
    _forget_unknown("map_colour", colours)
    _forget_unknown("map_size", sizes)
    _forget_unknown("map_classes", state.classes)
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        st.html('<div class="wn-header"><h1>Map</h1></div>', width=90)
        colour = st.selectbox("Colour", list(colours), format_func=colours.get, key="map_colour", width=200, **keep)
        size = st.selectbox("Size = difficulty", list(sizes), format_func=sizes.get, key="map_size", width=170, **keep)
        classes = st.multiselect(
            "Classes", state.classes, key="map_classes", placeholder="All classes", width="stretch", **keep
        )
        flagged = st.toggle("Flagged only", key="map_flagged", disabled=not analysis.flags, **keep)
    return selection.Look(colour, size, tuple(classes), flagged)


def _forget_unknown(key: str, options: Collection[str]) -> None:
    """Drop a choice made for another dataset, or before the analysis was changed."""
    chosen = st.session_state.get(key)
    if chosen is not None and not {*(chosen if isinstance(chosen, list) else [chosen])} <= {*options}:
        del st.session_state[key]


def _drawn(project: Project, analysis, state, look: selection.Look, shown: np.ndarray) -> selection.Drawn:
    """The map of this look, drawn once: decisions do not redraw it while it is on the screen, since any change would
    lose zoom and lasso. Coming back to the page does."""
    session, name = st.session_state, f"map:drawn:{project.name}"
    token = session.get(f"map:redraw:{project.name}", 0)
    selected = np.intersect1d(np.array(project.selected, np.int64), shown)
    drawn: selection.Drawn | None = session.get(name)
    on_screen = "map_chart" in session
    if drawn is None or not drawn.shows(analysis, look, DARK, token) or not (on_screen or drawn.fresh(state, selected)):
        session[name] = selection.draw(analysis, state, look, shown, selected, DARK, token)
    return session[name]


def _chart(project: Project, drawn: selection.Drawn, shown: np.ndarray) -> None:
    session = st.session_state

    def picked() -> None:
        rows = selection.taken(session.get("map_chart"), drawn.analysis, shown, drawn.rows, drawn.groups)
        project.selected = rows.tolist()
        panel.start_anew(project, opened=int(rows[0]) if len(rows) == 1 else None)
        st.rerun("map_side")

    with st.container(key="map_box", height=640, border=False):
        st.plotly_chart(
            drawn.figure,
            key="map_chart",
            height="stretch",
            on_select=picked,
            config=charts.CONFIG,
            alt="Map of the items: alike items lie close together",
        )
    st.caption(f"{drawn.words} · drag to lasso, scroll to zoom, double click in the legend shows one class alone")


# Both halves end where the window ends; the gallery scrolls within.
_CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-map_box) { flex: none; height: max(460px, calc(100vh - 10.2rem)); }
.st-key-map_side .wn-chips { max-height: 3.6rem; overflow: hidden; }
.st-key-map_side .wn-chip { display: block; max-width: 11rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.st-key-map_side .wn-chip i { display: inline-block; margin-right: 0.35rem; vertical-align: -0.1rem; }
.st-key-map_box { height: 100%; overflow: hidden; }
[data-testid="stLayoutWrapper"]:has(> .st-key-map_side) { flex: none; height: max(490px, calc(100vh - 8.2rem)); }
.st-key-map_side { height: 100%; }
[data-testid="stLayoutWrapper"]:has(> .st-key-map_scroll) { flex: 1 1 0; min-height: 0; }
.st-key-map_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""

main()
