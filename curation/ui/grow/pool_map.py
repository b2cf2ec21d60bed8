"""The pool on a map: unlabelled items grey, labelled ones in colour, the batch outlined; select with a lasso, label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from curation.data.items import TRAIN, UNLABELED
from curation.engine import results
from curation.engine.plan import POOL, Plan
from curation.ui.grow.batches import Batch
from curation.ui.parts import actions, charts, item_card
from curation.ui.parts.charts import Categories, colour_map, map_figure, sample_rows
from curation.ui.parts.gallery import Tile, gallery, pager, part
from curation.ui.parts.theme import literal
from curation.ui.parts.tiles import pictures
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project
from curation.ui.state.reasons import percent

PAGE = 60  # tiles
CAP = 20_000  # points drawn; Plotly's lasso is quick up to here
SEED = 0  # of the sample drawn above that


@dataclass(frozen=True)
class Drawn:
    """A map as it was drawn. stamp: what it was drawn from; labels given since do not change it, for a change would
    lose zoom and lasso. rows: item rows drawn; pool: all that are on the map."""

    stamp: tuple
    figure: go.Figure
    rows: np.ndarray
    pool: np.ndarray
    xy: np.ndarray


def places(the_plan: Plan, n: int) -> np.ndarray | None:
    """float [n, 2], NaN for items that are not in the pool; None until the map of the pool is drawn."""
    step = the_plan.find("map", POOL)
    if not the_plan.done(step):
        return None
    return results.spread(the_plan.workspace.path("map", step.key), n)


def pool_map(project: Project, the_plan: Plan, batch: Batch | None, dark: bool) -> None:
    """The map, and beside it what was drawn around. The map must be there."""
    state, session = item_state(project.items, project.effective), st.session_state
    drawn = _drawn(project, the_plan, batch, state, dark)
    left, right = st.columns([3, 2], gap="medium")
    with right:
        _side(project, batch)
    with left:

        def picked() -> None:
            event = session.get("grow_map_chart")
            hit = np.array(charts.points(event), np.int64)
            hidden = np.setdiff1d(drawn.pool, drawn.rows, assume_unique=True)
            project.selected = np.union1d(hit, hidden[charts.inside(event, drawn.xy[hidden])]).tolist()
            session[f"grow:picked:{project.name}"] = frozenset()
            st.rerun("grow_map_side")

        with st.container(key="grow_map_box", height=600, border=False):
            st.plotly_chart(
                drawn.figure, key="grow_map_chart", height="stretch", on_select=picked, config=charts.CONFIG,
                alt="Map of the pool: similar items are close together",
            )  # fmt: skip
        shown = f"{len(drawn.rows):,} of {len(drawn.pool):,} items drawn: the batch, labelled ones, the rest at random"
        shown = shown if len(drawn.rows) < len(drawn.pool) else f"{len(drawn.pool):,} items"
        st.caption(f"{shown} · drag to lasso, scroll to zoom")


def figure(
    xy: np.ndarray, state: ItemState, pool: np.ndarray, batch: np.ndarray, ids: np.ndarray, dark: bool
) -> tuple[go.Figure, np.ndarray]:
    """The map of the item rows `pool`, and the rows that were drawn: the batch always, then what is labelled."""
    at = np.full(len(xy), -1, np.int64)
    at[pool] = np.arange(len(pool))
    labelled = pool[state.labels[pool] >= 0]
    rng = np.random.default_rng(SEED)
    if len(labelled) > CAP // 2:
        labelled = rng.choice(labelled, CAP // 2, replace=False)
    rows = pool[sample_rows(len(pool), CAP, always=[at[batch], at[labelled]], rng=rng)]
    mark = np.zeros(len(xy), bool)
    mark[batch] = True
    counts = np.bincount(state.labels[pool][state.labels[pool] >= 0], minlength=len(state.classes))
    colour = Categories(state.classes, state.labels, colour_map(state.classes, counts), none="no label yet")
    hover = {"label": np.array([*state.classes, "no label yet"], object)[state.labels], "file:": ids}
    made = map_figure(xy, colour, flagged=mark, hover=hover, rows=rows, dark=dark)
    made.update_traces(marker={"opacity": 1, "size": 10, "line": {"width": 1.8}}, selector={"marker.symbol": "diamond"})
    for note in made.layout.annotations:  # the one that says what a diamond is
        note.text = "◇ this batch"
    return made, rows


def _drawn(project: Project, the_plan: Plan, batch: Batch | None, state: ItemState, dark: bool) -> Drawn:
    session, name = st.session_state, f"grow:map:{project.name}"
    stamp = (the_plan.find("map", POOL).key, batch.key if batch else "", dark)
    if name not in session or session[name].stamp != stamp or "grow_map_chart" not in session:
        items = project.items
        xy = places(the_plan, len(items))
        pool = items.rows(TRAIN, UNLABELED)
        pool = pool[np.isfinite(xy[pool]).all(axis=1)]
        batch_rows = np.intersect1d(batch.rows, pool) if batch else np.empty(0, np.int64)
        made, rows = figure(xy, state, pool, batch_rows, items.column("id"), dark)
        session[name] = Drawn(stamp, made, rows, pool, xy)
    return session[name]


@st.fragment(key="grow_map_side")
def _side(project: Project, batch: Batch | None) -> None:
    """What was drawn around, else the batch: as a gallery, to be labelled."""
    actions.announce()
    session, state, chosen = (
        st.session_state,
        item_state(project.items, project.effective),
        f"grow:picked:{project.name}",
    )
    selected = np.array(project.selected, np.int64)
    rows = selected if len(selected) else batch.rows if batch else selected
    what = "selected" if len(selected) else "in this batch"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        item_card.note(
            f"{len(rows):,} {what}" if len(rows) else "Draw around items to select and label them", width="content"
        )
        if len(selected) and st.button("Clear", key="grow_map_clear", type="tertiary", icon=":material/close:"):
            project.selected = []
            st.rerun(scope="fragment")
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

    def forget() -> None:
        session[chosen] = frozenset()

    actions.action_bar(project, targets, state.classes, key="grow_map", after=forget)


def _tiles(project: Project, state: ItemState, batch: Batch | None, rows: np.ndarray) -> list[Tile]:
    ids, made = project.items.column("id"), []
    asked = set(batch.rows.tolist()) if batch else set()
    for row, src in zip(rows.tolist(), pictures(project.items, rows.tolist(), 112), strict=True):
        guess = batch.guess(row) if row in asked and state.labels[row] < 0 else None
        guess = None if state.queued[row] else guess
        name = f"{guess[0]}?" if guess else "skipped" if state.queued[row] else state.label(row)
        badge = "kept" if state.labels[row] >= 0 and state.relabelled[row] else None
        note = percent(guess[1]) if guess else ""
        made.append(Tile(str(row), src, literal(name), literal(note), badge, title=literal(ids[row])))
    return made


CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_map_box) { flex: none; height: max(420px, calc(100vh - 15.5rem)); }
.st-key-grow_map_box { height: 100%; overflow: hidden; }
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_map_scroll) { max-height: max(280px, calc(100vh - 27.5rem)); }
.st-key-grow_map_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""
