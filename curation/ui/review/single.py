"""Review one by one: the item large, why it is in doubt, what both labels look like, and a key for every answer.

A fragment that reads what is decided and never asks for a plan, so that a key press is answered at once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import streamlit as st

from curation.ui.parts import actions, item_card, number_keys, reading, theme
from curation.ui.parts.item_kinds.content import Content
from curation.ui.parts.item_kinds.shown import whole
from curation.ui.parts.theme import escaped, plain
from curation.ui.parts.tiles import tiles
from curation.ui.review import queue
from curation.ui.review.outlook import outlook
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import DECISIONS, ItemState, item_state
from curation.ui.state.project import Project
from curation.ui.state.similar_items import nearest, nearest_of_class
from curation.ui.state.word_help import speaking

COMING, COMING_WORDS = 12, 8  # items shown below the one on the desk; of items that show words


@st.fragment(key="review_one")
def one_by_one(project: Project, analysis: AnalysisResults) -> None:
    """The queue, an item at a time, driven by keys."""
    session, at_key = st.session_state, f"review:at:{project.name}"
    state = item_state(analysis.items, project.effective)
    rows = queue.mislabel_queue(analysis, queue.sent_by_hand(project.decisions))
    decided = state.decided
    at = session.get(at_key)
    if queue.position(rows, at) is None:
        at = queue.next_open(rows, decided, None)
    if at is None:
        title = f"All {len(rows):,} items are decided" if len(rows) else "No label is in doubt"
        finished(project, analysis, rows, title)
        return
    desk = _Desk(project, analysis, state, rows, at)
    done, total = queue.progress(rows, state)
    place = queue.position(rows, at) + 1
    st.progress(done / total, text=f"{done:,} of {total:,} decided · item {place:,} of the queue")
    if expected := outlook(analysis, state, rows):
        item_card.note(f"{expected}.")
    picture, verdict, alike = st.columns([12, 9, 8], gap="medium")
    with picture:
        _picture(desk)
    with verdict:
        _verdict(desk)
    with alike:
        _alike(desk)
    _coming(desk)
    actions.stale_line(project, analysis.known, key="review")


class _Desk:
    """The item on the desk, and what may be done with it. The methods are callbacks: they draw nothing."""

    def __init__(self, project: Project, analysis: AnalysisResults, state: ItemState, rows: np.ndarray, at: int):
        self.project, self.analysis, self.state, self.rows, self.at = project, analysis, state, rows, at
        self.label, self.suggestion = state.label(at), analysis.suggestion(at, state)
        self.id = analysis.items.cell("id", at)

    def decide(self, action: str, value: str | None = None) -> None:
        self.project.decide([self.at], action, value)
        words = {"relabel": f"{self.label} → {value}", "confirm": "label confirmed", "drop": "dropped"}
        self._last(f"{self.id}: {words[action]}")
        decided = self.state.decided.copy()
        decided[self.at] = True
        self._go(queue.next_open(self.rows, decided, self.at))

    def give(self, label: str) -> None:
        """Relabel the item, or confirm the label it has."""
        if label == self.label:
            self.decide("confirm")
        else:
            self.decide("relabel", label)

    def typed(self, key: str) -> None:
        label = (st.session_state.get(key) or "").strip()
        st.session_state[key] = None
        if label:
            self.give(label)

    def undo(self) -> None:
        undone = self.project.undo()
        self._last(f"Undone: {actions.in_words(undone)}" if undone else "There is nothing to undo")
        row = self.analysis.items.row_of.get(undone[0].id) if undone else None
        if row is not None and queue.position(self.rows, row) is not None:
            self._go(row)

    def skip(self) -> None:
        following = queue.next_open(self.rows, self.state.decided, self.at)
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
    content = whole(desk.analysis.items, desk.at)
    marks = _marks(desk, content)
    with st.container(key="review_picture"):
        reading.close_up(content, desk.label, key=f"review_read_{desk.at}", side=620, marks=marks)
    if marks:
        st.html(_legend(desk, {mark.kind for mark in marks}))
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        item_card.note(f"{desk.id} · {desk.analysis.items.cell('split', desk.at)}")
        with st.container(horizontal=True, gap="small", width="content"):
            for text, step, key in (("Previous", -1, "Left"), ("Next", 1, "Right")):
                st.button(
                    text, key=f"review_{text.lower()}", shortcut=key, type="tertiary", on_click=desk.walk, args=(step,)
                )


def _marks(desk: _Desk, content: Content) -> list[reading.Mark]:
    """Words that speak for the label or for the suggested one."""
    if not content.said:
        return []
    found = speaking(desk.project, content.said[0].text[: reading.LONG], desk.label, desk.suggestion)
    other = desk.suggestion or "other labels"
    return [
        reading.Mark(*at, *(("for", f"speaks for {desk.label}") if ours else ("against", f"speaks for {other}")))
        for *at, ours in found
    ]


def _legend(desk: _Desk, kinds: Collection[str]) -> str:
    """What the marked words speak for."""
    names = {"for": desk.label, "against": desk.suggestion or "other labels"}
    said = [f'<mark class="wn-{kind}">{escaped(name)}</mark>' for kind, name in names.items() if kind in kinds]
    return f'<div class="wn-note">Marked words speak for {" or ".join(said)}, says a linear student of words.</div>'


def _verdict(desk: _Desk) -> None:
    state, at = desk.state, desk.at
    st.html(_labels(desk))
    if state.decided[at]:
        words = f"{DECISIONS[state.decision[at]]} from {desk.analysis.items.cell('label', at)}"
        theme.chips([(words if state.relabelled[at] else DECISIONS[state.decision[at]], state.badge(at))])
    item_card.why(desk.analysis, state, at)
    short = max(len(desk.label), len(desk.suggestion or "")) <= 6
    keep, accept = st.columns(2, gap="small") if short else (st.container(), st.container())
    keep.button(
        f"Keep “{plain(desk.label)}”", key="review_keep", shortcut="K", width="stretch", on_click=desk.decide,
        args=("confirm",), help="Confirm the label: it is right",
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
        item_card.note(f"Last: {desk.last()}")


def _other_labels(desk: _Desk) -> None:
    """Another label: up to ten by number, any by name."""
    classes = desk.state.classes
    if len(classes) <= 10:
        number_keys.draw(classes, desk.give, key="review")
    key = "review_other"
    st.selectbox(
        "Another label", classes, index=None, key=key, placeholder="Another label, or type a new one",
        accept_new_options=True, on_change=desk.typed, args=(key,), label_visibility="collapsed",
    )  # fmt: skip


def _labels(desk: _Desk) -> str:
    given, suggested = escaped(desk.label), escaped(desk.suggestion or "–")
    long = " wn-long" if max(len(desk.label), len(desk.suggestion or "")) > 12 else ""
    return (
        f'<div class="wn-labels{long}"><div><small>Label</small><b>{given}</b></div><i>→</i>'
        f"<div><small>Suggested</small><b>{suggested}</b></div></div>"
    )


def _alike(desk: _Desk) -> None:
    """Items with the label and items with the suggested label, nearest first."""
    names = [name for name in (desk.label, desk.suggestion) if name]
    shown = False
    for name in names:
        rows = nearest_of_class(desk.analysis, desk.state, desk.at, name)
        if len(rows):
            item_card.note(f"Nearest labelled {name}")
            item_card.strip(tiles(desk.analysis, desk.state, rows), columns=3, of_words=1, captions=False)
            shown = True
    if not shown and len(near := nearest(desk.analysis, desk.at, 9)[0]):
        item_card.note("Nearest neighbours")
        item_card.strip(tiles(desk.analysis, desk.state, near, note=lambda row: ""), columns=3, of_words=1)


def _coming(desk: _Desk) -> None:
    """The next open items of the queue."""
    place = queue.position(desk.rows, desk.at)
    following = [row for row in np.roll(desk.rows, -place)[1:] if not desk.state.decided[row]]
    following = following[: COMING_WORDS if desk.analysis.items.has_texts else COMING]
    if following:
        item_card.note("Coming next")
        item_card.strip(
            tiles(desk.analysis, desk.state, following, flagged=desk.analysis.marked("mislabel")),
            columns=COMING,
            of_words=4,
        )


def finished(project: Project, analysis: AnalysisResults, rows: Sequence[int], title: str) -> None:
    """The page once everything is decided. rows: what may be looked at again."""
    text = "All decisions are saved. Next, choose the part worth training on."
    if theme.empty_state("task_alt", title, text, "Go to Prune", key="review_done"):
        st.switch_page("pages/prune.py")
    if len(rows):

        def back() -> None:
            st.session_state[f"review:at:{project.name}"] = int(rows[-1])

        st.button("Look at them again", key="review_again", type="tertiary", on_click=back)
    actions.stale_line(project, analysis.known, key="review")


CSS = (
    number_keys.CSS
    + """
.wn-labels { display: flex; align-items: center; gap: 1rem; }
.wn-labels div { min-width: 0; } .wn-labels i { opacity: 0.5; font-style: normal; }
.wn-labels small { display: block; font-size: 0.8rem; opacity: 0.65; }
.wn-labels b { font-size: 1.5rem; font-weight: 650; line-height: 1.25; overflow-wrap: anywhere; }
.wn-labels.wn-long b { font-size: 1.1rem; }
[data-testid="stLayoutWrapper"]:has(> .st-key-review_scroll) { max-height: max(400px, calc(100vh - 12.5rem)); }
.st-key-review_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
.st-key-review_picture img { width: 100%; max-height: calc(100vh - 13.5rem); object-fit: contain;
  object-position: left top; }
"""
)
