"""Label a batch: the current item with a key for every label, and the whole batch beside it, for many at once.

A fragment that reads what is decided and never asks for a plan, so that a key press is answered at once. Every answer
is a decision on the disk when the click returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from curation.maths.similarity.exact import most_similar
from curation.ui.grow.batch_grid import grid
from curation.ui.grow.batches import Batch, offered, progress, waiting
from curation.ui.grow.current_item import Desk, tiles
from curation.ui.parts import actions, item_card, number_keys, reading, theme
from curation.ui.parts.item_kinds.shown import whole
from curation.ui.parts.theme import escaped, plain
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project
from curation.ui.state.reasons import percent
from curation.ui.state.similar_items import evenly, position

ALIKE = 6  # labelled items shown beside the one on the desk


@st.fragment(key="grow_label")
def label(project: Project, batch: Batch, vectors: tuple[np.ndarray, np.ndarray] | None, more: Callable) -> None:
    """vectors: (item rows, embeddings), to show similar items. more: starts the next batch."""
    actions.announce()
    session, state = st.session_state, item_state(project.items, project.effective)
    desk = Desk(project, batch, state, session.get(f"grow:at:{project.name}"))
    done = f"grow:done:{project.name}"
    if desk.at is None and session.get(done) != batch.key:  # the frame around counts what is decided: now is the time
        session[done] = batch.key
        st.rerun()
    labelled, aside, _ = progress(batch.rows, state)
    words = f"{labelled:,} of {len(batch.rows):,} labelled" + (f" · {aside:,} skipped" if aside else "")
    words += f" · {len(waiting(project.items, state)):,} items of the dataset have no label yet"
    st.progress((labelled + aside) / max(len(batch.rows), 1), text=words)
    if desk.at is None:
        left, right = st.columns([15, 13], gap="medium")
        with left:
            _finished(desk, more)
    else:
        picture, verdict, right = st.columns([8, 7, 13], gap="medium")
        with picture:
            _picture(desk)
            _alike(desk, vectors)
        with verdict:
            _answers(desk)
    with right:
        grid(desk)


# -- one item --------------------------------------------------------------------------------------------------


def _picture(desk: Desk) -> None:
    items = desk.project.items
    if items.has_images or items.has_texts:
        with st.container(key="grow_picture"):
            reading.close_up(whole(items, desk.at), "the item to label", key=f"grow_read_{desk.at}", side=480)
    else:
        st.info(
            "This source has features but neither images nor texts: items are shown by their id.",
            icon=":material/hide_image:",
        )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        item_card.note(desk.name(desk.at))
        with st.container(horizontal=True, gap="small", width="content"):
            for text, step, key in (("Previous", -1, "Left"), ("Next", 1, "Right")):
                st.button(
                    text, key=f"grow_go_{text.lower()}", shortcut=key, type="tertiary", on_click=desk.walk, args=(step,)
                )


def _answers(desk: Desk) -> None:
    state, guess = desk.state, desk.batch.guess(desk.at)
    if desk.done[desk.at]:
        said = state.label(desk.at) if state.labels[desk.at] >= 0 else "skipped"
        theme.chips([(f"{said}; another label replaces it", "kept")])
    st.html(_guesses(desk.batch.guesses(desk.at)))
    if guess:
        st.button(
            f"Accept “{plain(guess[0])}”", key="grow_accept", shortcut="A", width="stretch", type="primary",
            on_click=desk.give, args=(guess[0],), help="Label the item with the model's guess",
        )  # fmt: skip
    skip, undo = st.columns(2, gap="small")
    skip.button(
        "Skip", key="grow_skip", shortcut="S", width="stretch", on_click=desk.skip,
        help="Not chosen again; the item waits in the review",
    )  # fmt: skip
    undo.button("Undo", key="grow_undo", shortcut="U", width="stretch", on_click=desk.undo)
    _labels(desk)
    if desk.last():
        item_card.note(f"Last: {desk.last()}")


def _labels(desk: Desk) -> None:
    """Other labels: some by number key, all by name, new ones by typing."""
    classes, labels = desk.state.classes, desk.state.labels
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    names = offered(desk.batch, classes, counts, desk.at)
    number_keys.draw(names, desk.give, key="grow")
    key = "grow_other"
    st.selectbox(
        "Another label", classes, index=None, key=key, accept_new_options=True, on_change=desk.typed, args=(key,),
        placeholder="Another label, or a new one" if classes else "Type the first label",
        label_visibility="collapsed",
    )  # fmt: skip


def _guesses(guesses: Sequence[tuple[str, float]]) -> str:
    """The model's best guesses as bars."""
    if not guesses:
        return '<div class="wn-note">There is no model yet; it learns from the labels of this batch.</div>'
    rows = "".join(
        f'<b>{escaped(name)}</b><i><u style="width:{100 * p:.1f}%"></u></i><span>{percent(p)}</span>'
        for name, p in guesses
    )
    return f'<div class="wn-guess"><small>The model\'s guess</small>{rows}</div>'


def _alike(desk: Desk, vectors: tuple[np.ndarray, np.ndarray] | None) -> None:
    """The labelled items most similar to the current one."""
    rows = alike(vectors, desk.state, desk.at)
    if len(rows):
        item_card.note("Most similar labelled items")
        item_card.strip(tiles(desk, rows, 112, plainly=True), columns=3, of_words=1)


def alike(vectors: tuple[np.ndarray, np.ndarray] | None, state: ItemState, at: int, k: int = ALIKE) -> np.ndarray:
    """The k labelled items nearest to an item by cosine, nearest first; of very many labelled ones an even part is
    looked at. Item rows, empty where nothing is encoded or labelled."""
    if vectors is None or (place := position(vectors[0], at)) is None:
        return np.empty(0, np.int64)
    rows, x = vectors
    known = np.flatnonzero((state.labels[rows] >= 0) & ~state.dropped[rows] & (rows != at))
    return rows[most_similar(x, x[place], evenly(known), k)[0]]


def _finished(desk: Desk, more: Callable) -> None:
    """Every item of the batch has an answer."""
    text = "All labels are saved. The model learns from them and chooses the next items."
    if theme.empty_state("task_alt", "This batch is done", text, "Next batch", key="grow_done"):
        more()
    st.button("Undo", key="grow_undo", shortcut="U", type="tertiary", on_click=desk.undo)


CSS = (
    number_keys.CSS
    + """
.wn-guess { display: grid; grid-template-columns: auto 1fr auto; gap: 0.25rem 0.6rem; align-items: center;
  font-size: 0.9rem; }
.wn-guess small { grid-column: 1 / -1; opacity: 0.65; font-size: 0.8rem; }
.wn-guess b { font-weight: 500; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wn-guess b:first-of-type { font-size: 1.5rem; font-weight: 650; line-height: 1.25; }
.wn-guess i { height: 8px; border-radius: 4px; overflow: hidden;
  background: color-mix(in srgb, currentColor 10%, transparent); }
.wn-guess u { display: block; height: 100%; border-radius: 4px; background: light-dark(#2F74B8, #5A9FE0); }
.wn-guess span { font-variant-numeric: tabular-nums; opacity: 0.75; text-align: right; }
.st-key-grow_picture { --wn-read: max(200px, calc(100vh - 34rem)); }
.st-key-grow_picture img { width: 100%; max-height: max(240px, calc(100vh - 30rem)); object-fit: contain;
  object-position: left top; }
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_scroll) { max-height: max(340px, calc(100vh - 24rem)); }
.st-key-grow_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""
)
