"""The current item of a batch and its answers: every answer is a decision on the disk when the call returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from curation.ui.grow.batches import SKIPPED, WHY, Batch, answered, following
from curation.ui.parts import actions
from curation.ui.parts.gallery import Tile
from curation.ui.parts.item_kinds.shown import brief
from curation.ui.parts.tiles import tile
from curation.ui.state.item_state import ItemState
from curation.ui.state.project import Project
from curation.ui.state.reasons import percent

PAGE = 60  # tiles


class Desk:
    """The current item and its answers. The methods are callbacks: they draw nothing."""

    def __init__(self, project: Project, batch: Batch, state: ItemState, at: int | None):
        self.project, self.batch, self.state = project, batch, state
        self.page = f"grow_page_{batch.key}"  # every batch starts at its first page
        self.done = answered(state)
        known = at is not None and (batch.rows == at).any()
        self.at = at if known else following(batch.rows, self.done, None)

    @property
    def open(self) -> np.ndarray:
        """Item rows of the batch without an answer."""
        return self.batch.rows[~self.done[self.batch.rows]]

    def give(self, name: str) -> None:
        self._answer([self.at], "relabel", name, f"{self.name(self.at)}: {name}")

    def skip(self) -> None:
        self._answer([self.at], "review", None, f"{self.name(self.at)}: skipped")

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
        actions.announce_later(f"Skipped {actions.items(len(rows))}; they wait in the review")

    def undo(self) -> None:
        undone = self.project.undo()
        self._last(f"Undone: {actions.in_words(undone)}" if undone else "There is nothing to undo")
        rows = [self.project.items.row_of.get(d.id) for d in undone]
        if rows and rows[0] is not None and (self.batch.rows == rows[0]).any():
            self.go(rows[0])

    def walk(self, step: int) -> None:
        place = int(np.flatnonzero(self.batch.rows == self.at)[0])
        self.go(int(self.batch.rows[np.clip(place + step, 0, len(self.batch.rows) - 1)]))

    def last(self) -> str:
        return st.session_state.get(f"grow:last:{self.project.name}", "")

    def _answer(self, rows: Sequence[int], action: str, value: str | Sequence[str] | None, words: str) -> None:
        self.project.decide(rows, action, value, WHY if action == "relabel" else SKIPPED)
        self._last(words)
        done = self.done.copy()
        done[list(rows)] = True
        if self.at is not None and done[self.at]:
            self.go(following(self.batch.rows, done, self.at))
        st.session_state[f"grow:chosen:{self.project.name}"] = frozenset()

    def go(self, row: int | None) -> None:
        st.session_state[f"grow:at:{self.project.name}"] = row
        if row is not None:  # the grid shows the page it stands on
            st.session_state[self.page] = int(np.flatnonzero(self.batch.rows == row)[0]) // PAGE + 1

    def name(self, row: int) -> str:
        return self.project.items.cell("id", row)

    def _last(self, words: str) -> None:
        st.session_state[f"grow:last:{self.project.name}"] = words


def tiles(desk: Desk, rows: Sequence[int], size: int, plainly: bool = False) -> list[Tile]:
    """Tiles of some items. plainly: with the label and nothing else."""
    items, made = desk.project.items, []
    for row, content in zip(rows, brief(items, rows, size), strict=True):
        name, note, badge = desk.state.label(row), "", None
        if not plainly:
            guess = desk.batch.guess(row)
            if desk.state.labels[row] >= 0:
                badge = "kept"
            elif desk.done[row]:
                name, badge = "skipped" if desk.state.queued[row] else "dropped", None
            else:
                name, note = (f"{guess[0]}?", percent(guess[1])) if guess else (items.cell("id", row), "")
            badge = "current" if row == desk.at else badge
        made.append(tile(row, items.cell("id", row), content, name, note, badge))
    return made
