"""The review queue: which items, in which order, what comes next, and how good the flags turned out to be.

Pure functions of the analysis and of what is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from curation.data.decisions import Decision
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState


def mislabel_queue(analysis: AnalysisResults, by_hand: Sequence[str] = ()) -> np.ndarray:
    """Item rows to review: those sent by hand first, then all that a flag for wrong labels flags, most suspicious
    first. Decided ones are among them, at their place, so that one can go back.

    by_hand: ids, as `sent_by_hand` gives them.
    """
    row_of = analysis.items.row_of
    first = np.array([row_of[id_] for id_ in by_hand if id_ in row_of], np.int64)
    first = first[analysis.within[first]]
    flagged = np.setdiff1d(np.flatnonzero(analysis.marked("mislabel")), first)
    order = np.argsort(-np.nan_to_num(analysis.suspicion[flagged], nan=-1.0), kind="stable")
    return np.concatenate([first, flagged[order]])


def sent_by_hand(decisions: Sequence[Decision]) -> list[str]:
    """Ids ever sent to review and not taken back, in the order they were sent; decided ones included.

    >>> sent_by_hand([Decision("b", "review", batch=1), Decision("a", "review", batch=2), Decision("b", "drop")])
    ['b', 'a']
    """
    undone = {int(d.value) for d in decisions if d.action == "undo"}
    return list(dict.fromkeys(d.id for d in decisions if d.action == "review" and d.batch not in undone))


def outlier_queue(analysis: AnalysisResults) -> np.ndarray:
    """Item rows a flag for outliers flags, most isolated first."""
    flags = analysis.of_kind("outlier")
    rows = np.flatnonzero(analysis.marked("outlier"))
    if not len(rows):
        return rows
    score = np.nanmax([flag.score[rows] for flag in flags.values()], axis=0)
    return rows[np.argsort(-score, kind="stable")]


def progress(rows: np.ndarray, state: ItemState) -> tuple[int, int]:
    """How many items are decided, of how many. Items whose label was decided count on when an update of the analysis
    takes them off the queue."""
    counted = state.relabelled | state.confirmed
    counted[rows] = True
    done = int((counted & state.decided).sum())
    return done, done + int((~state.decided[rows]).sum())


def next_open(rows: np.ndarray, decided: np.ndarray, at: int | None) -> int | None:
    """The item to show after `at`: the next one in the queue that is not decided, from the start again after the
    last; None when all others are decided. decided: bool [n]. `at` None, or not in the queue: the first open one.

    >>> decided = np.array([False, True, False, False])
    >>> next_open(np.array([3, 1, 0]), decided, 3), next_open(np.array([3, 1, 0]), decided, 0)
    (0, 3)
    """
    place = position(rows, at)
    turned = rows if place is None else np.roll(rows, -(place + 1))
    still = turned[~decided[turned]]
    still = still[still != at] if at is not None else still
    return int(still[0]) if len(still) else None


def beside(rows: np.ndarray, at: int | None, step: int) -> int | None:
    """The item `step` places further in the queue, held at its ends; None when the queue is empty."""
    if not len(rows):
        return None
    place = position(rows, at)
    return int(rows[0 if place is None else np.clip(place + step, 0, len(rows) - 1)])


def position(rows: np.ndarray, at: int | None) -> int | None:
    """Where an item stands in the queue, None when it does not."""
    found = np.flatnonzero(rows == at) if at is not None else ()
    return int(found[0]) if len(found) else None


# -- duplicates ----------------------------------------------------------------------------------------------


def duplicate_groups(analysis: AnalysisResults, state: ItemState) -> list[np.ndarray]:
    """Groups of items that are the same: item rows, the one that is kept first.

    Groups whose labels differ come first (one of them must be wrong), then the largest.
    """
    return sorted(analysis.copies, key=lambda rows: (not labels_differ(rows, state), -len(rows), rows[0]))


def labels_differ(group: np.ndarray, state: ItemState) -> bool:
    """Whether the items of a group do not all have the same label."""
    labels = state.labels[group]
    return bool((labels != labels[0]).any())


def kept_because(group: np.ndarray, state: ItemState) -> str:
    """Why the first of a group is kept, in words."""
    labels = state.labels[group]
    same = int((labels == labels[0]).sum())
    others = np.bincount(labels[labels != labels[0]] + 1).max(initial=0)
    if others and same > others:
        return f"the first is kept: {same} of {len(group)} have its label"
    return "the first is kept: it was read first" if group[0] == group.min() else "the first is kept: the flag chose it"


def open_copies(group: np.ndarray, state: ItemState) -> np.ndarray:
    """The copies in a group that can be dropped: those a person has not decided on."""
    copies = group[1:]
    return copies[~state.decided[copies]]


# -- planted mistakes ----------------------------------------------------------------------------------------


class Caught(NamedTuple):
    """planted: wrong labels the source knows of, among the items the flags saw. flagged: items flagged; found:
    how many of them are planted."""

    planted: int
    flagged: int
    found: int

    def __str__(self) -> str:
        return f"Found {self.found:,} of {self.planted:,} planted mistakes among the {self.flagged:,} flagged items"


def caught(analysis: AnalysisResults) -> Caught | None:
    """How many planted mistakes the flags for wrong labels find; None where the source planted none."""
    if analysis.items.table["truth"].null_count == len(analysis.items):
        return None
    truth, given = analysis.items.column("truth"), analysis.items.column("label")
    seen = np.zeros(len(analysis.items), bool)
    for flag in analysis.of_kind("mislabel").values():
        seen |= np.isfinite(flag.score)
    wrong = (truth != given) & np.not_equal(truth, None) & np.not_equal(given, None) & seen & analysis.within
    if not wrong.any():
        return None
    flagged = analysis.marked("mislabel")
    return Caught(int(wrong.sum()), int(flagged.sum()), int((wrong & flagged).sum()))
