"""Label a batch: the item on the desk with a key for every answer, and the whole batch beside it, for many at once.

A fragment that reads what is decided and never asks for a plan, so that a key press is answered at once. Every answer
is a decision on the disk when the click returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from curation.ui import actions, itemview, theme, thumbs
from curation.ui.findings import percent
from curation.ui.gallery import Tile, gallery
from curation.ui.growbatch import SKIPPED, WHY, Batch, answered, following, offered, progress, waiting
from curation.ui.paging import pager, part
from curation.ui.project import Project
from curation.ui.reviewone import numbered
from curation.ui.standing import Standing, standing
from curation.ui.theme import escaped, literal, plain
from curation.ui.tiles import pictures

PAGE = 60  # tiles
ALIKE = 6  # labelled items shown beside the one on the desk
LOOKED_AT = 20_000  # labelled items it is compared with, at most


@st.fragment(key="grow_label")
def label(project: Project, batch: Batch, vectors: tuple[np.ndarray, np.ndarray] | None, more: Callable) -> None:
    """vectors: (item rows, embeddings), to show what is alike. more: starts the next batch."""
    actions.announce()
    state, now = st.session_state, standing(project.items, project.in_force)
    desk = Desk(project, batch, now, state.get(f"grow:at:{project.name}"))
    labelled, aside, _ = progress(batch.rows, now)
    words = f"{labelled:,} of {len(batch.rows):,} labelled" + (f" · {aside:,} put aside" if aside else "")
    words += f" · {len(waiting(project.items, now)):,} of all items have no label yet"
    st.progress((labelled + aside) / max(len(batch.rows), 1), text=words)
    if desk.at is None:
        left, grid = st.columns([15, 13], gap="medium")
        with left:
            _finished(desk, more)
    else:
        picture, verdict, grid = st.columns([8, 7, 13], gap="medium")
        with picture:
            _picture(desk)
            _alike(desk, vectors)
        with verdict:
            _answers(desk)
    with grid:
        _grid(desk)


class Desk:
    """The item on the desk, and what may be answered. The methods are callbacks: they draw nothing."""

    def __init__(self, project: Project, batch: Batch, now: Standing, at: int | None):
        self.project, self.batch, self.now = project, batch, now
        self.page = f"grow_page_{batch.key}"  # every batch starts at its first page
        self.done = answered(now)
        known = at is not None and (batch.rows == at).any()
        self.at = at if known else following(batch.rows, self.done, None)

    @property
    def open(self) -> np.ndarray:
        """Item rows of the batch without an answer."""
        return self.batch.rows[~self.done[self.batch.rows]]

    def give(self, name: str) -> None:
        self._answer([self.at], "relabel", name, f"{self._id(self.at)}: {name}")

    def skip(self) -> None:
        self._answer([self.at], "review", None, f"{self._id(self.at)}: skipped")

    def typed(self, key: str) -> None:
        name = " ".join((st.session_state.get(key) or "").split())
        st.session_state[key] = None
        if name:
            self.give(name)

    def many(self, rows: Sequence[int], names: str | Sequence[str]) -> None:
        """Give many items one label, or each its own."""
        one = names if isinstance(names, str) else "the model's guess"
        self._answer(rows, "relabel", names, f"{actions.items(len(rows))}: {one}")
        actions.announce_later(f"Labelled {actions.items(len(rows))}: {one}")

    def skip_many(self, rows: Sequence[int]) -> None:
        self._answer(rows, "review", None, f"{actions.items(len(rows))}: skipped")
        actions.announce_later(f"Put {actions.items(len(rows))} aside, for the review")

    def undo(self) -> None:
        undone = self.project.undo()
        self._last(f"Undone: {actions.said(undone)}" if undone else "There is nothing to undo")
        rows = [self.project.items.row_of.get(d.id) for d in undone]
        if rows and rows[0] is not None and (self.batch.rows == rows[0]).any():
            self._go(rows[0])

    def walk(self, step: int) -> None:
        place = int(np.flatnonzero(self.batch.rows == self.at)[0])
        self._go(int(self.batch.rows[np.clip(place + step, 0, len(self.batch.rows) - 1)]))

    def last(self) -> str:
        return st.session_state.get(f"grow:last:{self.project.name}", "")

    def _answer(self, rows: Sequence[int], action: str, value: str | Sequence[str] | None, words: str) -> None:
        self.project.decide(rows, action, value, WHY if action == "relabel" else SKIPPED)
        self._last(words)
        done = self.done.copy()
        done[list(rows)] = True
        if self.at is not None and done[self.at]:
            self._go(following(self.batch.rows, done, self.at))
        st.session_state[f"grow:chosen:{self.project.name}"] = frozenset()

    def _go(self, row: int | None) -> None:
        st.session_state[f"grow:at:{self.project.name}"] = row
        if row is not None:  # the grid shows the page it stands on
            st.session_state[self.page] = int(np.flatnonzero(self.batch.rows == row)[0]) // PAGE + 1

    def _id(self, row: int) -> str:
        return str(self.project.items.column("id")[row])

    def _last(self, words: str) -> None:
        st.session_state[f"grow:last:{self.project.name}"] = words


# -- one item --------------------------------------------------------------------------------------------------


def _picture(desk: Desk) -> None:
    if desk.project.items.has_images:
        with st.container(key="grow_picture"):
            theme.picture(thumbs.large(desk.project.items, desk.at), "the item to label", side=480)
    else:
        st.info("This source brings features and no images: an item is known by its id.", icon=":material/hide_image:")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        itemview.note(desk._id(desk.at))
        with st.container(horizontal=True, gap="small", width="content"):
            for text, step, key in (("Previous", -1, "Left"), ("Next", 1, "Right")):
                st.button(
                    text, key=f"grow_go_{text.lower()}", shortcut=key, type="tertiary", on_click=desk.walk, args=(step,)
                )


def _answers(desk: Desk) -> None:
    now, guess = desk.now, desk.batch.guess(desk.at)
    if desk.done[desk.at]:
        said = now.label(desk.at) if now.labels[desk.at] >= 0 else "put aside"
        theme.chips([(f"{said}; another answer replaces it", "kept")])
    st.html(_guesses(desk.batch.guesses(desk.at)))
    if guess:
        st.button(
            f"Accept “{plain(guess[0])}”", key="grow_accept", shortcut="A", width="stretch", type="primary",
            on_click=desk.give, args=(guess[0],), help="The guess is right",
        )  # fmt: skip
    skip, undo = st.columns(2, gap="small")
    skip.button(
        "Skip", key="grow_skip", shortcut="S", width="stretch", on_click=desk.skip,
        help="Put aside: it is not asked for again and waits in the review",
    )  # fmt: skip
    undo.button("Undo", key="grow_undo", shortcut="U", width="stretch", on_click=desk.undo)
    _labels(desk)
    if desk.last():
        itemview.note(f"Last: {desk.last()}")


def _labels(desk: Desk) -> None:
    """Any label: some by number, all by name, new ones by typing."""
    classes, labels = desk.now.classes, desk.now.labels
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    names = offered(desk.batch, classes, counts, desk.at)
    digits = numbered(tuple(names))
    own = all(name == digit for name, digit in digits.items())  # the name says the key already
    with st.container(horizontal=True, gap="xxsmall", key=f"grow_numbers{'_own' if own else ''}"):
        for name, digit in digits.items():
            st.button(
                plain(name), key=f"grow_to_{digit}", shortcut=digit, on_click=desk.give, args=(name,), width="content"
            )
    key = "grow_other"
    st.selectbox(
        "Another label", classes, index=None, key=key, accept_new_options=True, on_change=desk.typed, args=(key,),
        placeholder="Another, or a new one" if classes else "Type the first label", 
        label_visibility="collapsed",
    )  # fmt: skip


def _guesses(guesses: Sequence[tuple[str, float]]) -> str:
    """The model's best guesses as bars."""
    if not guesses:
        return '<div class="wn-note">There is no model yet: it learns from the labels of this batch.</div>'
    rows = "".join(
        f'<b>{escaped(name)}</b><i><u style="width:{100 * p:.1f}%"></u></i><span>{percent(p)}</span>'
        for name, p in guesses
    )
    return f'<div class="wn-guess"><small>The model\'s guess</small>{rows}</div>'


def _alike(desk: Desk, vectors: tuple[np.ndarray, np.ndarray] | None) -> None:
    """What is labelled already and looks most like it."""
    rows = alike(vectors, desk.now, desk.at)
    if len(rows):
        itemview.note("Most alike among the labelled")
        itemview.strip(_tiles(desk, rows, 112, plainly=True), columns=3)


def alike(vectors: tuple[np.ndarray, np.ndarray] | None, now: Standing, at: int, k: int = ALIKE) -> np.ndarray:
    """The k labelled items nearest to an item by cosine, nearest first; of very many labelled ones an even part is
    looked at. Item rows, empty where nothing is encoded or labelled."""
    if vectors is None or (place := int(np.searchsorted(vectors[0], at))) >= len(vectors[0]) or vectors[0][place] != at:
        return np.empty(0, np.int64)
    rows, x = vectors
    known = np.flatnonzero((now.labels[rows] >= 0) & ~now.dropped[rows] & (rows != at))
    known = known[:: max(len(known) // LOOKED_AT, 1)]
    part = np.asarray(x[known], np.float32)
    length = np.maximum(np.sqrt(np.einsum("ij,ij->i", part, part)), 1e-12)
    near = np.argsort(-(part @ np.asarray(x[place], np.float32)) / length, kind="stable")[:k]
    return rows[known[near]]


# -- many items ------------------------------------------------------------------------------------------------


def _grid(desk: Desk) -> None:
    state, rows, chosen = st.session_state, desk.batch.rows, f"grow:chosen:{desk.project.name}"
    if (opened := (state.get("grow_tiles") or {}).get("opened")) is not None and int(opened) != desk.at:
        desk._go(int(opened))
        st.rerun(scope="fragment")
    place = st.container(key="grow_bulk", gap="xsmall")
    with st.container(key="grow_scroll"):
        choice = gallery(
            _tiles(desk, rows[part(desk.page, len(rows), PAGE)], 96),
            key="grow_tiles",
            selected=state.get(chosen, frozenset()),
            size=64,
            name="The batch",
        )
    state[chosen] = choice.selected
    pager(desk.page, len(rows), PAGE)
    picked = rows[np.isin(rows, [int(id_) for id_ in choice.selected])]
    with place:
        if len(picked):
            _bulk(desk, picked)
        else:
            _sure(desk)


def _bulk(desk: Desk, picked: np.ndarray) -> None:
    """One answer for all that are selected."""
    count, key = f"{len(picked):,}", "grow_bulk_name"

    def given() -> None:
        if name := " ".join((st.session_state.get(key) or "").split()):
            desk.many(picked, name)

    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        name = st.selectbox(
            "Label for all selected", desk.now.classes, index=None, key=key, accept_new_options=True,
            placeholder="Label, or type a new one", label_visibility="collapsed", width=190,
        )  # fmt: skip
        st.button(f"Label {count}", key="grow_bulk_label", type="primary", disabled=not name, on_click=given)
        rows, names = desk.batch.sure(picked, 0.0)
        if len(rows):
            st.button(f"Accept {count}", key="grow_bulk_accept", on_click=desk.many, args=(rows, names),
                      help="Give each the label the model guesses")  # fmt: skip
        st.button(f"Skip {count}", key="grow_bulk_skip", on_click=desk.skip_many, args=(picked,))


def _sure(desk: Desk) -> None:
    """Accept what the model is sure of; with nothing to accept, how the grid is used."""
    if desk.batch.predicted is None or not len(desk.open):
        itemview.note("Click several to label them at once; a double click puts one on the desk.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        itemview.note("The model is sure", width="content")
        above = st.selectbox(
            "The model is at least this sure", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99], 4, key="grow_above",
            format_func=lambda p: f"above {100 * p:.0f} %", label_visibility="collapsed", width=130,
            persist_state="session",
        )  # fmt: skip
        rows, names = desk.batch.sure(desk.open, above)
        st.button(
            f"Accept {len(rows):,} guesses", key="grow_accept_sure", disabled=not len(rows),
            on_click=desk.many, args=(rows, names), help="Look at them first: what a model is sure of can be wrong",
        )  # fmt: skip


def _tiles(desk: Desk, rows: Sequence[int], size: int, plainly: bool = False) -> list[Tile]:
    """plainly: the label and nothing else."""
    ids, made = desk.project.items.column("id"), []
    for row, src in zip(rows, pictures(desk.project.items, [int(row) for row in rows], size), strict=True):
        name, note, badge = desk.now.label(row), "", None
        if not plainly:
            guess = desk.batch.guess(row)
            if desk.now.labels[row] >= 0:
                badge = "kept"
            elif desk.done[row]:
                name, badge = "skipped" if desk.now.queued[row] else "dropped", None
            else:
                name, note = (f"{guess[0]}?", percent(guess[1])) if guess else (str(ids[row]), "")
            badge = "current" if row == desk.at else badge
        made.append(Tile(str(row), src, literal(name), literal(note), badge, title=literal(ids[row])))
    return made


def _finished(desk: Desk, more: Callable) -> None:
    """Every item of the batch has an answer."""
    text = "Every label is in force. The model learns from them and asks for the next items."
    if theme.empty_state("task_alt", "This batch is done", text, "Next batch", key="grow_done"):
        more()
    st.button("Undo", key="grow_undo", shortcut="U", type="tertiary", on_click=desk.undo)


CSS = """
.wn-guess { display: grid; grid-template-columns: auto 1fr auto; gap: 0.25rem 0.6rem; align-items: center;
  font-size: 0.9rem; }
.wn-guess small { grid-column: 1 / -1; opacity: 0.65; font-size: 0.8rem; }
.wn-guess b { font-weight: 500; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wn-guess b:first-of-type { font-size: 1.5rem; font-weight: 650; line-height: 1.25; }
.wn-guess i { height: 8px; border-radius: 4px; overflow: hidden;
  background: color-mix(in srgb, currentColor 10%, transparent); }
.wn-guess u { display: block; height: 100%; border-radius: 4px; background: light-dark(#2F74B8, #5A9FE0); }
.wn-guess span { font-variant-numeric: tabular-nums; opacity: 0.75; text-align: right; }
.st-key-grow_picture img { width: 100%; max-height: max(240px, calc(100vh - 30rem)); object-fit: contain;
  object-position: left top; }
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_scroll) { max-height: max(340px, calc(100vh - 24rem)); }
.st-key-grow_numbers_own kbd { display: none; }
.st-key-grow_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""
