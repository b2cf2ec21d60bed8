"""The review's ways to look at what is flagged: one by one, in a grid, duplicates side by side, outliers in a grid.

Each is a fragment that reads what is decided and never asks for a plan, so a key press is answered at once.
"""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from curation.ui import actions, itemview, queue, theme, thumbs
from curation.ui.findings import Findings, nearest, nearest_of_class
from curation.ui.gallery import gallery
from curation.ui.project import Project
from curation.ui.standing import DECISIONS, Standing, standing
from curation.ui.theme import plain
from curation.ui.tiles import tiles

PAGE = 60  # tiles
COMING = 10  # items shown below the one on the desk
GROUPS = 10  # groups of duplicates on a page


# -- one by one ----------------------------------------------------------------------------------------------


@st.fragment(key="review_one")
def one_by_one(project: Project, found: Findings) -> None:
    """The queue, an item at a time, driven by keys."""
    state, at_key = st.session_state, f"review:at:{project.name}"
    now = standing(found.items, project.in_force)
    rows = queue.mislabel_queue(found, queue.sent_by_hand(project.decisions))
    decided = now.decided
    at = state.get(at_key)
    if queue.position(rows, at) is None:
        at = queue.next_open(rows, decided, None)
    if at is None:
        _finished(project, found, rows)
        return
    desk = _Desk(project, found, now, rows, at)
    done = int(decided[rows].sum())
    place = queue.position(rows, at) + 1
    st.progress(done / len(rows), text=f"{done:,} of {len(rows):,} decided · this is number {place:,}")
    picture, verdict, alike = st.columns([12, 9, 8], gap="medium")
    with picture:
        _picture(desk)
    with verdict:
        _verdict(desk)
    with alike:
        _alike(desk)
    _coming(desk)
    actions.stale_line(project, found.known, key="review")


class _Desk:
    """The item on the desk, and what may be done with it. The methods are callbacks: they draw nothing."""

    def __init__(self, project: Project, found: Findings, now: Standing, rows: np.ndarray, at: int):
        self.project, self.found, self.now, self.rows, self.at = project, found, now, rows, at
        self.label, self.suggestion = now.label(at), found.suggestion(at, now)
        self.id = str(found.items.column("id")[at])

    def decide(self, action: str, value: str | None = None) -> None:
        self.project.decide([self.at], action, value)
        words = {"relabel": f"{self.label} → {value}", "confirm": f"kept as {self.label}", "drop": "dropped"}
        self._last(f"{self.id}: {words[action]}")
        decided = self.now.decided
        decided[self.at] = True
        self._go(queue.next_open(self.rows, decided, self.at))

    def other(self, key: str) -> None:
        label = (st.session_state.get(key) or "").strip()
        st.session_state[key] = None
        if label:
            self.decide("confirm" if label == self.label else "relabel", label if label != self.label else None)

    def undo(self) -> None:
        undone = self.project.undo()
        self._last(f"Undone: {actions.said(undone)}" if undone else "There is nothing to undo")
        row = self.found.items.row_of.get(undone[0].id) if undone else None
        if row is not None and queue.position(self.rows, row) is not None:
            self._go(row)

    def skip(self) -> None:
        following = queue.next_open(self.rows, self.now.decided, self.at)
        self._go(self.at if following is None else following)

    def walk(self, step: int) -> None:
        self._go(queue.beside(self.rows, self.at, step))

    def last(self) -> str:
        return st.session_state.get(f"review:last:{self.project.name}", "")

    def _go(self, row: int | None) -> None:
        st.session_state[f"review:at:{self.project.name}"] = row

    def _last(self, words: str) -> None:
        st.session_state[f"review:last:{self.project.name}"] = words


def _picture(desk: _Desk) -> None:
    with st.container(key="review_picture"):
        theme.picture(thumbs.large(desk.found.items, desk.at), desk.label, side=620)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        itemview.note(desk.id)
        with st.container(horizontal=True, gap="small", width="content"):
            for text, step, key in (("Previous", -1, "Left"), ("Next", 1, "Right")):
                st.button(
                    text, key=f"review_{text.lower()}", shortcut=key, type="tertiary", on_click=desk.walk, args=(step,)
                )


def _verdict(desk: _Desk) -> None:
    now, at = desk.now, desk.at
    st.html(_labels(desk))
    if now.decided[at]:
        words = f"{DECISIONS[now.decision[at]]} from {desk.found.items.column('label')[at]}"
        theme.chips([(words if now.relabelled[at] else DECISIONS[now.decision[at]], now.badge(at))])
    itemview.why(desk.found, now, at)
    keep, accept = st.columns(2, gap="small")
    keep.button(
        f"Keep “{plain(desk.label)}”", key="review_keep", shortcut="K", width="stretch", on_click=desk.decide,
        args=("confirm",), help="The label is right",
    )  # fmt: skip
    accept.button(
        f"Change to “{plain(desk.suggestion)}”" if desk.suggestion else "No suggestion",
        key="review_accept", shortcut="A", width="stretch", type="primary", disabled=desk.suggestion is None,
        on_click=desk.decide, args=("relabel", desk.suggestion), help="The suggested label is right",
    )  # fmt: skip
    drop, skip, undo = st.columns(3, gap="small")
    drop.button("Drop", key="review_drop", shortcut="X", width="stretch", on_click=desk.decide, args=("drop",))
    skip.button("Skip", key="review_skip", shortcut="S", width="stretch", on_click=desk.skip)
    undo.button("Undo", key="review_undo", shortcut="U", width="stretch", on_click=desk.undo)
    _other_labels(desk)
    if desk.last():
        itemview.note(f"Last: {desk.last()}")


def _other_labels(desk: _Desk) -> None:
    """Another label: up to ten by number, any by name."""
    classes = desk.now.classes
    if len(classes) <= 10:
        with st.container(horizontal=True, gap="xxsmall", key="review_numbers"):
            for name, digit in numbered(classes).items():
                action = ("relabel", name) if name != desk.label else ("confirm",)
                st.button(
                    plain(name), key=f"review_to_{digit}", shortcut=digit, on_click=desk.decide, args=action,
                    width="content",
                )  # fmt: skip
    key = "review_other"
    st.selectbox(
        "Another label", classes, index=None, key=key, placeholder="Another label, or type a new one",
        accept_new_options=True, on_change=desk.other, args=(key,), label_visibility="collapsed",
    )  # fmt: skip


def numbered(classes: tuple[str, ...]) -> dict[str, str]:
    """The digit that stands for each of up to ten classes: its own where all are digits, else 1 to 9 and 0.

    >>> numbered(("0", "7")), numbered(("cat", "dog"))
    ({'0': '0', '7': '7'}, {'cat': '1', 'dog': '2'})
    """
    own = all(len(name) == 1 and name in "0123456789" for name in classes)
    return {name: name if own else str((i + 1) % 10) for i, name in enumerate(classes)}


def _labels(desk: _Desk) -> str:
    given, suggested = html.escape(desk.label), html.escape(desk.suggestion or "–")
    return (
        f'<div class="wn-labels"><div><small>Label</small><b>{given}</b></div><i>→</i>'
        f"<div><small>Suggested</small><b>{suggested}</b></div></div>"
    )


def _alike(desk: _Desk) -> None:
    """What the label and what the suggestion look like, nearest first."""
    names = [name for name in (desk.label, desk.suggestion) if name]
    shown = False
    for name in names:
        rows = nearest_of_class(desk.found, desk.now, desk.at, name)
        if len(rows):
            itemview.note(f"Nearest labelled {name}")
            itemview.strip(tiles(desk.found, desk.now, rows), size=72, captions=False)
            shown = True
    if not shown and len(near := nearest(desk.found, desk.at, 9)[0]):
        itemview.note("Nearest neighbours")
        itemview.strip(tiles(desk.found, desk.now, near, note=lambda row: ""), size=72)


def _coming(desk: _Desk) -> None:
    """The next open items, so that one sees where this is going."""
    place = queue.position(desk.rows, desk.at)
    following = [row for row in np.roll(desk.rows, -place)[1:] if not desk.now.decided[row]][:COMING]
    if following:
        itemview.note("Coming next")
        itemview.strip(tiles(desk.found, desk.now, following, flagged=desk.found.marked("mislabel")), size=84)


def _finished(project: Project, found: Findings, rows: np.ndarray) -> None:
    title = f"All {len(rows):,} are decided" if len(rows) else "No label is in doubt"
    text = "What was relabelled and dropped is in force already. Next, keep the part worth training on."
    if theme.empty_state("task_alt", title, text, "Go on to prune", key="review_done"):
        st.switch_page("pages/prune.py")
    if len(rows):

        def back() -> None:
            st.session_state[f"review:at:{project.name}"] = int(rows[-1])

        st.button("Look at them again", key="review_again", type="tertiary", on_click=back)
    actions.stale_line(project, found.known, key="review")


# -- many at once --------------------------------------------------------------------------------------------


@st.fragment(key="review_grid")
def label_grid(project: Project, found: Findings) -> None:
    """The queue as a gallery: suggestions accepted, labels kept or items dropped for many at once."""
    rows = queue.mislabel_queue(found, queue.sent_by_hand(project.decisions))
    _grid(project, found, rows, "labels")


@st.fragment(key="review_outliers")
def outlier_grid(project: Project, found: Findings) -> None:
    """Outliers as a gallery, most isolated first."""
    _grid(project, found, queue.outlier_queue(found), "outliers")


def _grid(project: Project, found: Findings, rows: np.ndarray, kind: str) -> None:
    actions.announce()
    state, now = st.session_state, standing(found.items, project.in_force)
    key, chosen = f"review_{kind}", f"review:{kind}:{project.name}"
    if (opened := (state.get(f"{key}_tiles") or {}).get("opened")) is not None and kind == "labels":
        state[f"review:at:{project.name}"] = int(opened)
        state["review_mode"] = "one"
        st.rerun()
    open_ = rows[~now.decided[rows]]
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}_head"):
        everything = st.toggle(
            f"Show the {len(rows) - len(open_):,} decided too", key=f"{key}_all", persist_state="session"
        )
        place = st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")
    shown = rows if everything else open_
    if not len(shown):
        _finished(project, found, rows)
        return
    pages = max(1, -(-len(shown) // PAGE))
    state[f"{key}_page"] = min(state.get(f"{key}_page", 1), pages)
    part = shown[(state[f"{key}_page"] - 1) * PAGE :][:PAGE]
    choice = gallery(
        tiles(found, now, part, note=lambda row: _note(found, now, row, kind), flagged=found.marked()),
        key=f"{key}_tiles",
        selected=state.get(chosen, frozenset()),
        size=112,
        name="Items in doubt",
    )
    state[chosen] = choice.selected
    if pages > 1:
        st.pagination(pages, key=f"{key}_page")
    picked = np.array(sorted(int(id_) for id_ in choice.selected), np.int64)
    with place:
        _bulk(project, found, now, picked if len(picked) else part, bool(len(picked)), kind, chosen)
    actions.stale_line(project, found.known, key=key)


def _note(found: Findings, now: Standing, row: int, kind: str) -> str:
    if kind == "outliers":
        place = {r: i for i, r in enumerate(queue.outlier_queue(found)[:0])}
        return str(place.get(row, ""))
    suggestion = found.suggestion(row, now)
    return f"→ {suggestion}" if suggestion else ""


def _bulk(
    project: Project, found: Findings, now: Standing, rows: np.ndarray, picked: bool, kind: str, chosen: str
) -> None:
    """Actions on the chosen tiles, or on all that are shown when none is chosen."""
    count = f"{len(rows):,}" if picked else f"all {len(rows):,} shown"
    suggested = {int(row): name for row in rows if (name := found.suggestion(row, now))}

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
        help="The labels are right",
    )  # fmt: skip
    st.button(f"Drop {count}", key=f"review_bulk_drop_{kind}", icon=":material/delete:", on_click=do, args=("drop",))
    st.button(
        "Undo", key=f"review_bulk_undo_{kind}", icon=":material/undo:", type="tertiary",
        on_click=actions.undo, args=(project,),
    )  # fmt: skip


# -- duplicates ----------------------------------------------------------------------------------------------


@st.fragment(key="review_duplicates")
def duplicates(project: Project, found: Findings) -> None:
    """Groups of the same picture side by side: what is kept, and the copies that can go."""
    actions.announce()
    state, now = st.session_state, standing(found.items, project.in_force)
    groups = queue.duplicate_groups(found, now)
    open_groups = [group for group in groups if len(queue.open_copies(group, now))]
    copies = {int(group[0]): queue.open_copies(group, now) for group in open_groups}
    total = sum(len(rows) for rows in copies.values())
    with st.container(horizontal=True, vertical_alignment="center", key="review_dup_head"):
        everything = st.toggle(
            f"Show the {len(groups) - len(open_groups):,} decided too", key="review_dup_all", persist_state="session"
        )
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                f"Drop all duplicates ({actions.items(total)})", key="review_dup_drop_all", type="primary",
                icon=":material/delete:", disabled=not total, on_click=_drop_copies, args=(project, found, copies),
            )  # fmt: skip
            st.button(
                "Undo", key="review_dup_undo", icon=":material/undo:", type="tertiary",
                on_click=actions.undo, args=(project,),
            )  # fmt: skip
    shown = groups if everything else open_groups
    if not shown:
        _finished(project, found, np.empty(0, np.int64))
        return
    pages = max(1, -(-len(shown) // GROUPS))
    state["review_dup_page"] = min(state.get("review_dup_page", 1), pages)
    for group in shown[(state["review_dup_page"] - 1) * GROUPS :][:GROUPS]:
        _group(project, found, now, group)
    if pages > 1:
        st.pagination(pages, key="review_dup_page")


def _group(project: Project, found: Findings, now: Standing, group: np.ndarray) -> None:
    kept, copies, ids = int(group[0]), queue.open_copies(group, now), found.items.column("id")
    with st.container(border=True, key=f"review_dup_{kept}"):
        left, right = st.columns([4, 1], gap="medium", vertical_alignment="center")
        with left:
            itemview.strip(tiles(found, now, group[:12], note=lambda row: "is kept" if row == kept else str(ids[row])), size=96)
        with right:
            if queue.labels_differ(group, now):
                theme.chips([("the labels differ", "flagged")])
            if not len(copies):
                st.caption("decided")
                return
            these = "copy" if len(copies) == 1 else f"{len(copies)} copies"
            st.button(
                f"Drop the {these}", key=f"review_dup_drop_{kept}", width="stretch",
                on_click=_drop_copies, args=(project, found, {kept: copies}),
            )  # fmt: skip
            st.button(
                "Keep all", key=f"review_dup_keep_{kept}", type="tertiary", width="stretch",
                on_click=actions.act, args=(project, copies.tolist(), "confirm"),
            )  # fmt: skip


def _drop_copies(project: Project, found: Findings, copies: dict[int, np.ndarray]) -> None:
    ids = found.items.column("id")
    if len(copies) == 1:
        ((kept, rows),) = copies.items()
        actions.act(project, rows, "drop", why=f"duplicate of {ids[kept]}")
    else:
        actions.act(project, np.concatenate(list(copies.values())), "drop", why="duplicate")


CSS = """
.wn-labels { display: flex; align-items: center; gap: 1rem; }
.wn-labels div { min-width: 0; } .wn-labels i { opacity: 0.5; font-style: normal; }
.wn-labels small { display: block; font-size: 0.8rem; opacity: 0.65; }
.wn-labels b { font-size: 1.5rem; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere; }
.st-key-review_picture img { width: 100%; max-height: calc(100vh - 13.5rem); object-fit: contain; object-position: left top; }
"""
