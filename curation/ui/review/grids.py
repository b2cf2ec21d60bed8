"""Review many at once: doubtful labels and outliers as galleries, duplicates side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from curation.ui.parts import actions, item_card, theme
from curation.ui.parts.gallery import gallery, pager, part
from curation.ui.parts.tiles import tiles
from curation.ui.review import queue
from curation.ui.review.differences import differences
from curation.ui.review.outlook import outlook
from curation.ui.review.single import finished
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project

PAGE = 60  # tiles
GROUPS = 10  # groups of duplicates on a page
SHOWN = 8  # items of a group


@st.fragment(key="review_grid")
def label_grid(project: Project, analysis: AnalysisResults) -> None:
    """The queue as a gallery: suggestions accepted, labels kept or items dropped for many at once."""
    rows = queue.mislabel_queue(analysis, queue.sent_by_hand(project.decisions))
    _grid(project, analysis, rows, "labels")


@st.fragment(key="review_outliers")
def outlier_grid(project: Project, analysis: AnalysisResults) -> None:
    """Outliers as a gallery, most isolated first."""
    _grid(project, analysis, queue.outlier_queue(analysis), "outliers")


def _grid(project: Project, analysis: AnalysisResults, rows: np.ndarray, kind: str) -> None:
    actions.announce()
    session, state = st.session_state, item_state(analysis.items, project.effective)
    key, chosen = f"review_{kind}", f"review:{kind}:{project.name}"
    if (opened := (session.get(f"{key}_tiles") or {}).get("opened")) is not None and kind == "labels":
        session[f"review:at:{project.name}"] = int(opened)
        session["review_mode"] = "one"
        st.rerun()
    open_ = rows[~state.decided[rows]]
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_head"):
        everything = st.toggle("Show decided items too", key=f"{key}_all", persist_state="session")
        place = st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")
    if kind == "labels" and (expected := outlook(analysis, state, rows)):
        item_card.note(f"{expected}.")
    shown = rows if everything else open_
    if not len(shown):
        finished(project, analysis, [], f"All {len(rows):,} items are decided")
        return
    page = shown[part(f"{key}_page", len(shown), PAGE)]
    with st.container(key="review_scroll"):
        choice = gallery(
            tiles(analysis, state, page, note=_notes(analysis, state, kind), flagged=analysis.marked()),
            key=f"{key}_tiles",
            selected=session.get(chosen, frozenset()),
            size=112,
            name="Items in doubt",
        )
    session[chosen] = choice.selected
    pager(f"{key}_page", len(shown), PAGE)
    picked = np.array(sorted(int(id_) for id_ in choice.selected), np.int64)
    with place:
        _bulk(project, analysis, state, picked if len(picked) else page, bool(len(picked)), kind, chosen)
    actions.stale_line(project, analysis.known, key=key)


def _notes(analysis: AnalysisResults, state: ItemState, kind: str) -> Callable[[int], str]:
    """The second line of a tile."""
    if kind == "outliers":
        flags = [(analysis.titles.get(name, name), flag) for name, flag in analysis.of_kind("outlier").items()]
        return lambda row: ", ".join(f"{title} {flag.score[row]:.2f}" for title, flag in flags if flag.flagged[row])
    return lambda row: f"→ {suggestion}" if (suggestion := analysis.suggestion(row, state)) else ""


def _bulk(
    project: Project,
    analysis: AnalysisResults,
    state: ItemState,
    rows: np.ndarray,
    picked: bool,
    kind: str,
    chosen: str,
) -> None:
    """Actions on the chosen tiles, or on all that are shown when none is chosen."""
    count = f"{len(rows):,}" if picked else f"all {len(rows):,} shown"
    suggested = {int(row): name for row in rows if (name := analysis.suggestion(row, state))}

    def do(action: str) -> None:
        if action == "relabel":
            actions.act(project, list(suggested), action, list(suggested.values()))
        else:
            actions.act(project, rows, action)
        st.session_state[chosen] = frozenset()

    if kind == "labels":
        st.button(
            f"Accept {len(suggested):,} suggestions", key="review_bulk_accept", type="primary",
            icon=":material/check:", on_click=do, args=("relabel",), disabled=not suggested,
        )  # fmt: skip
    st.button(
        f"Keep {count}", key=f"review_bulk_keep_{kind}", icon=":material/thumb_up:", on_click=do, args=("confirm",),
        help="Confirm the labels: they are right",
    )  # fmt: skip
    st.button(f"Drop {count}", key=f"review_bulk_drop_{kind}", icon=":material/delete:", on_click=do, args=("drop",))
    st.button(
        "Undo", key=f"review_bulk_undo_{kind}", icon=":material/undo:", type="tertiary",
        on_click=actions.undo, args=(project,),
    )  # fmt: skip


@st.fragment(key="review_duplicates")
def duplicates(project: Project, analysis: AnalysisResults) -> None:
    """Groups of copies side by side: the one that is kept, and those that can be dropped."""
    actions.announce()
    state = item_state(analysis.items, project.effective)
    groups = queue.duplicate_groups(analysis, state)
    open_groups = [group for group in groups if len(queue.open_copies(group, state))]
    copies = {int(group[0]): queue.open_copies(group, state) for group in open_groups}
    total = sum(len(rows) for rows in copies.values())
    with st.container(horizontal=True, vertical_alignment="center", key="review_dup_head"):
        everything = st.toggle("Show decided groups too", key="review_dup_all", persist_state="session")
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                f"Drop all duplicates ({actions.items(total)})", key="review_dup_drop_all", type="primary",
                icon=":material/delete:", disabled=not total, on_click=_drop_copies, args=(project, analysis, copies),
            )  # fmt: skip
            st.button(
                "Undo", key="review_dup_undo", icon=":material/undo:", type="tertiary",
                on_click=actions.undo, args=(project,),
            )  # fmt: skip
    shown = groups if everything else open_groups
    if not shown:
        finished(project, analysis, [], f"All {len(groups):,} groups of duplicates are decided")
        return
    with st.container(key="review_scroll"):
        page = shown[part("review_dup_page", len(shown), GROUPS)]
        small = max(len(group) for group in page) <= 2
        small &= not analysis.items.has_texts  # words need the whole width
        places = st.columns(2, gap="small") if small else [st.container()]  # pairs stand two in a row
        for i, group in enumerate(page):
            with places[i % len(places)]:
                _group(project, analysis, state, group, columns=2 if small else SHOWN)
    pager("review_dup_page", len(shown), GROUPS)


def _group(project: Project, analysis: AnalysisResults, state: ItemState, group: np.ndarray, columns: int) -> None:
    kept, copies, items = int(group[0]), queue.open_copies(group, state), analysis.items
    with st.container(border=True, key=f"review_dup_{kept}"):
        left, right = st.columns([4, 1] if columns > 2 else [1, 1], gap="medium", vertical_alignment="center")
        with left:
            note = {int(row): "kept" if row == kept else items.cell("id", row) for row in group[:SHOWN]}
            shown = tiles(analysis, state, group[:SHOWN], note=note.get)
            if analysis.items.has_texts:
                item_card.compared(shown, differences(analysis.items, group[:SHOWN]))
            else:
                item_card.strip(shown, columns=columns, of_words=2)
        with right:
            if queue.labels_differ(group, state):
                theme.chips([("the labels differ", "flagged")])
            item_card.note(f"{len(group):,} copies; {queue.kept_because(group, state)}")
            if not len(copies):
                st.caption("decided")
                return
            these = "the other" if len(copies) == 1 else f"the {len(copies)} others"
            st.button(
                f"Drop {these}", key=f"review_dup_drop_{kept}", width="stretch",
                on_click=_drop_copies, args=(project, analysis, {kept: copies}),
            )  # fmt: skip
            st.button(
                "Keep all", key=f"review_dup_keep_{kept}", type="tertiary", width="stretch",
                on_click=actions.act, args=(project, copies.tolist(), "confirm"),
            )  # fmt: skip


def _drop_copies(project: Project, analysis: AnalysisResults, copies: dict[int, np.ndarray]) -> None:
    if len(copies) == 1:
        ((kept, rows),) = copies.items()
        actions.act(project, rows, "drop", why=f"duplicate of {analysis.items.cell('id', kept)}")
    else:
        actions.act(project, np.concatenate(list(copies.values())), "drop", why="duplicate")
