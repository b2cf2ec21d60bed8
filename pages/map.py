"""Map: every item a point, hard ones large, suspicious ones outlined; lasso some, look at them, decide."""

from collections.abc import Collection

import numpy as np
import streamlit as st

from curation.ui import charts, mappanel, mapping, theme
from curation.ui.findings import findings
from curation.ui.itemview import STYLE
from curation.ui.project import Project, open_project
from curation.ui.standing import standing

DARK = theme.is_dark()


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        text = "Choose a dataset first; its map is drawn when it is analysed."
        if theme.empty_state("scatter_plot", "No dataset is open", text, "Choose a dataset", key="map_empty"):
            st.switch_page("pages/data.py")
        return
    found = findings(project)
    if found.xy is None:
        text = "The map is part of the analysis: embeddings, scores, flags, and a place for every item."
        if theme.empty_state("scatter_plot", "The map is not drawn yet", text, "Go to the analysis", key="map_empty"):
            st.switch_page("pages/data.py")
        return
    st.html(f"{STYLE}<style>{_CSS}</style>")
    now = standing(project.items, project.in_force)
    look = _controls(found, now)
    shown = mapping.shown_rows(found, now, look)
    drawn = _drawn(project, found, now, look, shown)
    left, right = st.columns([3, 2], gap="medium")
    with right:  # first: pictures are there at once, the map takes the browser a moment
        mappanel.side(project, found, shown, look)
    with left:
        _chart(project, drawn, shown)


def _controls(found, now) -> mapping.Look:
    colours, sizes = mapping.colour_options(found), mapping.size_options(found)
    keep = {"persist_state": "session"}
    _forget_unknown("map_colour", colours)
    _forget_unknown("map_size", sizes)
    _forget_unknown("map_classes", now.classes)
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        st.html('<div class="wn-header"><h1>Map</h1></div>', width=90)
        colour = st.selectbox("Colour", list(colours), format_func=colours.get, key="map_colour", width=200, **keep)
        size = st.selectbox("Size = difficulty", list(sizes), format_func=sizes.get, key="map_size", width=170, **keep)
        classes = st.multiselect(
            "Classes", now.classes, key="map_classes", placeholder="All classes", width="stretch", **keep
        )
        flagged = st.toggle("Flagged only", key="map_flagged", disabled=not found.flags, **keep)
    return mapping.Look(colour, size, tuple(classes), flagged)


def _forget_unknown(key: str, options: Collection[str]) -> None:
    """Drop a choice made for another dataset, or before the analysis was changed."""
    chosen = st.session_state.get(key)
    if chosen is not None and not {*(chosen if isinstance(chosen, list) else [chosen])} <= {*options}:
        del st.session_state[key]


def _drawn(project: Project, found, now, look: mapping.Look, shown: np.ndarray) -> mapping.Drawn:
    """The map of this look, drawn once: decisions do not redraw it while it is on the screen, since any change would
    lose zoom and lasso. Coming back to the page does."""
    state, name = st.session_state, f"map:drawn:{project.name}"
    token = state.get(f"map:redraw:{project.name}", 0)
    selected = np.intersect1d(np.array(project.selected, np.int64), shown)
    drawn: mapping.Drawn | None = state.get(name)
    on_screen = "map_chart" in state
    if drawn is None or not drawn.shows(found, look, DARK, token) or not (on_screen or drawn.fresh(now, selected)):
        state[name] = mapping.draw(found, now, look, shown, selected, DARK, token)
    return state[name]


def _chart(project: Project, drawn: mapping.Drawn, shown: np.ndarray) -> None:
    state = st.session_state

    def picked() -> None:
        rows = mapping.taken(state.get("map_chart"), drawn.found, shown, drawn.rows, drawn.groups)
        project.selected = rows.tolist()
        mappanel.start_anew(project, opened=int(rows[0]) if len(rows) == 1 else None)
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
