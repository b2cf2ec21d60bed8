"""Map: every item a point, hard ones large, suspicious ones outlined; lasso some, look at them, decide."""

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
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _chart(project, found, now, look, shown)
    with right:
        mappanel.side(project, found, shown, look)


def _controls(found, now) -> mapping.Look:
    colours, sizes = mapping.colour_options(found), mapping.size_options(found)
    keep = {"persist_state": "session"}
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        theme_title = '<div class="wn-header"><h1>Map</h1></div>'
        st.html(theme_title, width=90)
        colour = st.selectbox("Colour", list(colours), format_func=colours.get, key="map_colour", width=200, **keep)
        size = st.selectbox("Size = difficulty", list(sizes), format_func=sizes.get, key="map_size", width=170, **keep)
        classes = st.multiselect(
            "Classes", now.classes, key="map_classes", placeholder="All classes", width="stretch", **keep
        )
        flagged = st.toggle("Flagged only", key="map_flagged", disabled=not found.flags, **keep)
    return mapping.Look(colour, size, tuple(classes), flagged)


def _chart(project: Project, found, now, look: mapping.Look, shown: np.ndarray) -> None:
    """The map, drawn once per look: decisions do not redraw it, since any change would lose zoom and lasso."""
    state, name = st.session_state, f"map:drawn:{project.name}"
    redraw = state.setdefault(f"map:redraw:{project.name}", 0)
    spec = (id(found), look, DARK, redraw)
    if name not in state or state[name]["spec"] != spec or "map_chart" not in state:
        state[name] = {"spec": spec, **_draw(project, found, now, look, shown)}
    drawn = state[name]

    def picked() -> None:
        rows = mapping.taken(state.get("map_chart"), found, shown, drawn["rows"], drawn["groups"])
        project.selected = rows.tolist()
        state[f"map:chosen:{project.name}"] = frozenset()
        state[f"map:opened:{project.name}"] = int(rows[0]) if len(rows) == 1 else None
        mappanel.first_page()
        st.rerun("map_side")

    with st.container(key="map_box", height=640, border=False):
        st.plotly_chart(
            drawn["figure"],
            key="map_chart",
            height="stretch",
            on_select=picked,
            config=charts.CONFIG,
            alt="Map of the items: alike items lie close together",
        )
    st.caption(f"{drawn['words']} · drag to lasso, scroll to zoom, double click in the legend shows one class alone")


def _draw(project: Project, found, now, look: mapping.Look, shown: np.ndarray) -> dict:
    selected = np.intersect1d(project.selected, shown)
    rows = mapping.drawn_rows(found, shown, look, selected)
    colour, flagged = mapping.colouring(found, now, look, DARK), found.marked()
    figure = charts.map_figure(
        found.xy,
        colour,
        difficulty=mapping.measure(found, look.size),
        flagged=flagged,
        hover=mapping.hover(found, now, look),
        rows=rows,
        dark=DARK,
    )
    mapping.show_selected(figure, selected)
    # Part of the figure, so that clearing the selection draws a fresh one without the lasso.
    figure.layout.meta = st.session_state[f"map:redraw:{project.name}"]
    sized = mapping.measure(found, look.size) is not None
    words = mapping.drawn_words(len(rows), len(shown), int(flagged[shown].sum()), len(selected), sized)
    groups = mapping.legend_groups(colour)
    codes = colour.codes if isinstance(colour, charts.Categories) else None
    marked = bool(len(selected))
    return {"figure": figure, "rows": rows, "groups": groups, "codes": codes, "words": words, "marked": marked}


# Both halves end where the window ends; the gallery scrolls within.
_CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-map_box) { flex: none; height: max(460px, calc(100vh - 10.2rem)); }
.st-key-map_box { height: 100%; overflow: hidden; }
[data-testid="stLayoutWrapper"]:has(> .st-key-map_side) { flex: none; height: max(490px, calc(100vh - 8.2rem)); }
.st-key-map_side { height: 100%; }
[data-testid="stLayoutWrapper"]:has(> .st-key-map_scroll) { flex: 1 1 0; min-height: 0; }
.st-key-map_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""

main()
