"""Map: every item a point, hard ones large, suspicious ones ringed; draw around some, look at them, decide."""

from collections.abc import Collection

import numpy as np
import streamlit as st

from curation.ui.map import card, panel, selection
from curation.ui.map.colours import Categories
from curation.ui.map.renderer import Gesture, point_map
from curation.ui.map.scene import Panel, Scene
from curation.ui.parts import theme
from curation.ui.parts.item_card import STYLE
from curation.ui.state.analysis_results import AnalysisResults, analysis_results
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project, open_project
from curation.ui.state.similar_items import nearest

CLASSES = ("label", "prediction")  # colours that give clusters a name


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        text = "Choose a dataset and analyse it; the map is then drawn here."
        if theme.empty_state("scatter_plot", "No dataset is open", text, "Choose a dataset", key="map_empty"):
            st.switch_page("pages/data.py")
        return
    analysis = analysis_results(project)
    if analysis.xy is None:
        text = "The map is part of the analysis, with embeddings, scores and flags."
        if theme.empty_state("scatter_plot", "The map is not drawn yet", text, "Go to the analysis", key="map_empty"):
            st.switch_page("pages/data.py")
        return
    st.html(f"{STYLE}<style>{_CSS}</style>")
    state = item_state(project.items, project.effective)
    look = _controls(analysis, state)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _chart(project, analysis, look)
    with right:
        panel.side(project, analysis, selection.shown_rows(analysis, state, look), look)


def _controls(analysis, state) -> selection.Look:
    colours, sizes = selection.colour_options(analysis), selection.size_options(analysis)
    keep = {"persist_state": "session"}
    _forget_unknown("map_colour", colours)
    _forget_unknown("map_size", sizes)
    _forget_unknown("map_classes", state.classes)
    splits = selection.split_options(analysis)
    _forget_unknown("map_split", splits)
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        st.html('<div class="wn-header"><h1>Map</h1></div>', width=90)
        colour = st.selectbox("Colour", list(colours), format_func=colours.get, key="map_colour", width=200, **keep)
        size = st.selectbox("Size = difficulty", list(sizes), format_func=sizes.get, key="map_size", width=170, **keep)
        classes = st.multiselect(
            "Classes", state.classes, key="map_classes", placeholder="All classes", width="stretch", **keep
        )
        split = ""
        if len(splits) > 2:  # of more than one
            split = st.selectbox("Split", list(splits), format_func=splits.get, key="map_split", width=120, **keep)
        flagged = st.toggle("Flagged only", key="map_flagged", disabled=not analysis.flags, **keep)
    return selection.Look(colour, size, tuple(classes), flagged, split)


def _forget_unknown(key: str, options: Collection[str]) -> None:
    """Drop a choice made for another dataset, or before the analysis was changed."""
    chosen = st.session_state.get(key)
    if chosen is not None and not {*(chosen if isinstance(chosen, list) else [chosen])} <= {*options}:
        del st.session_state[key]


@st.fragment(key="map_chart")
def _chart(project: Project, analysis: AnalysisResults, look: selection.Look) -> None:
    """The map; a decision reruns it for its colours, a gesture does not."""
    state = item_state(project.items, project.effective)
    shown = np.zeros(len(analysis.items), bool)
    shown[selection.shown_rows(analysis, state, look)] = True
    selected = project.selected
    values = selection.measure(analysis, look.size)

    def heard(gesture: Gesture) -> None:
        rows = gesture.rows.tolist()
        if gesture.kind == "similar":
            panel.select(project, [*rows, *nearest(analysis, rows[0])[0].tolist()])
        panel.show(project, rows, opened=rows[0] if len(rows) == 1 else None)
        st.rerun("map_side")

    dark = theme.is_dark()
    scene = Scene(
        analysis.xy,
        [Panel(selection.colouring(analysis, state, look, dark), look.colour, clusters=look.colour in CLASSES)],
        difficulty=None if values is None else (look.size, values),
        rings=selection.rings(analysis, state),
        labels=Categories(state.classes, state.labels),
        splits=selection.splits(analysis),
        shown=shown,
        selected=selected[shown[selected]],
        card=card.address(project),
        file=f"{project.name}-map",
    )
    with st.container(key="map_box", height=640, border=False):
        point_map("map_points", scene, on_gesture=heard, similar=analysis.neighbours is not None, dark=dark)
    about = "A first map, by PCA, until the recipe's own is drawn. " if analysis.drawing else ""
    about += selection.sample_note(analysis.map_notes)
    st.caption(f"{about}Drag to select, Shift-drag to pan, scroll to zoom; click a point to open it")


# Both halves end where the window ends; the gallery scrolls within.
_CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-map_box) { flex: none; height: max(460px, calc(100vh - 10.2rem)); }
.st-key-map_controls .wn-header { display: flex; align-items: center; min-height: 2.5rem; }
.st-key-map_side .wn-chips { max-height: 3.6rem; overflow: hidden; }
.st-key-map_side .wn-chip { display: block; max-width: 11rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.st-key-map_side .wn-chip i { display: inline-block; margin-right: 0.35rem; vertical-align: -0.1rem; }
.st-key-map_box { height: 100%; overflow: hidden; }
[data-testid="stLayoutWrapper"]:has(> .st-key-map_side) { flex: none; height: max(490px, calc(100vh - 8.2rem)); }
.st-key-map_side { height: 100%; }
[data-testid="stLayoutWrapper"]:has(> .st-key-map_scroll) { flex: 1 1 0; min-height: 0; }
.st-key-map_scroll { --wn-read: 40vh; height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""

if __name__ == "__main__":  # as a page of the installed app
    main()
