"""The pool on the map: what waits for a label is grey, what has one coloured, the batch ringed; an area is labelled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from curation.data.items import TRAIN, UNLABELED
from curation.engine import results
from curation.engine.plan import POOL, Plan
from curation.ui.grow.batches import Batch
from curation.ui.map import card
from curation.ui.map.colours import Categories
from curation.ui.map.renderer import Gesture, point_map
from curation.ui.map.scene import Panel, Rings, Scene
from curation.ui.parts import actions, item_card
from curation.ui.parts.gallery import Tile, gallery, pager, part
from curation.ui.parts.item_kinds.shown import brief
from curation.ui.parts.tiles import tile
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project
from curation.ui.state.reasons import percent

PAGE = 60  # tiles


def places(the_plan: Plan, n: int) -> np.ndarray | None:
    """float [n, 2], NaN for items that are not in the pool; None until the map of the pool is drawn."""
    step = the_plan.find("map", POOL)
    if not the_plan.done(step):
        return None
    return results.spread(the_plan.workspace.path("map", step.key), n)


def pool_map(project: Project, the_plan: Plan, batch: Batch | None, dark: bool) -> None:
    """The map, and beside it what was drawn around. The map must be there."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _chart(project, places(the_plan, len(project.items)), batch, dark)
    with right:
        _side(project, batch)


def scene(xy: np.ndarray, state: ItemState, pool: np.ndarray, batch: np.ndarray, selected: np.ndarray) -> Scene:
    """The item rows `pool` by their labels, with a ring around those in `batch`."""
    shown = np.zeros(len(xy), bool)
    shown[pool] = True
    labels = Categories(state.classes, state.labels, none="no label yet")
    return Scene(
        xy,
        [Panel(labels, "label", clusters=True)],
        rings=Rings(batch, "in this batch"),
        labels=labels,
        shown=shown,
        selected=selected[shown[selected]],
        alt="Map of the pool: alike items lie close together",
    )


@st.fragment(key="grow_map_chart")
def _chart(project: Project, xy: np.ndarray, batch: Batch | None, dark: bool) -> None:
    """The map; a label that is given reruns it for its colours, a gesture does not."""
    state, items = item_state(project.items, project.effective), project.items
    asked = batch.rows if batch else np.empty(0, np.int64)
    drawn = scene(xy, state, items.rows(TRAIN, UNLABELED), asked, project.selected)

    def heard(gesture: Gesture) -> None:
        project.selected = gesture.rows
        st.session_state[f"grow:picked:{project.name}"] = frozenset()
        st.rerun("grow_map_side")

    with st.container(key="grow_map_box", height=600, border=False):
        told = replace(drawn, card=card.address(project), file=f"{project.name}-pool")
        point_map("grow_map_points", told, on_gesture=heard, dark=dark)
    st.caption("Drag to select, Shift-drag to pan, scroll to zoom")


@st.fragment(key="grow_map_side")
def _side(project: Project, batch: Batch | None) -> None:
    """What was drawn around, else the batch: as a gallery, to be labelled."""
    actions.announce()
    session, state, chosen = (
        st.session_state,
        item_state(project.items, project.effective),
        f"grow:picked:{project.name}",
    )
    selected = project.selected

    def clear() -> None:
        project.selected = []
        st.rerun(["grow_map_side", "grow_map_chart"])

    rows = selected if len(selected) else batch.rows if batch else selected
    what = "selected" if len(selected) else "in this batch"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        item_card.note(
            f"{len(rows):,} {what}" if len(rows) else "Draw around items to select and label them", width="content"
        )
        if len(selected):
            st.button("Clear", key="grow_map_clear", type="tertiary", icon=":material/close:", on_click=clear)
    with st.container(key="grow_map_scroll"):
        choice = gallery(
            _tiles(project, state, batch, rows[part("grow_map_page", len(rows), PAGE)]),
            key="grow_map_tiles",
            selected=session.get(chosen, frozenset()),
            size=78,
            name="Items on the map",
        )
    session[chosen] = choice.selected
    pager("grow_map_page", len(rows), PAGE)
    targets = sorted(int(id_) for id_ in choice.selected) or selected.tolist()

    def labelled() -> None:
        session[chosen] = frozenset()
        st.rerun(["grow_map_side", "grow_map_chart"])

    actions.action_bar(project, targets, state.classes, key="grow_map", after=labelled)


def _tiles(project: Project, state: ItemState, batch: Batch | None, rows: np.ndarray) -> list[Tile]:
    made = []
    asked = set(batch.rows.tolist()) if batch else set()
    for row, content in zip(rows.tolist(), brief(project.items, rows, 112), strict=True):
        guess = batch.guess(row) if row in asked and state.labels[row] < 0 else None
        guess = None if state.queued[row] else guess
        name = f"{guess[0]}?" if guess else "skipped" if state.queued[row] else state.label(row)
        badge = "kept" if state.labels[row] >= 0 and state.relabelled[row] else None
        note = percent(guess[1]) if guess else ""
        made.append(tile(row, project.items.cell("id", row), content, name, note, badge))
    return made


CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_map_box) { flex: none; height: max(420px, calc(100vh - 15.5rem)); }
.st-key-grow_map_box { height: 100%; overflow: hidden; }
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_map_scroll) { max-height: max(280px, calc(100vh - 27.5rem)); }
.st-key-grow_map_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""
