"""What every pruner shares, wrapped once: the budget, class balance, pinned rows and rows left out beforehand.

A pruner only ever answers "which `budget` of these rows, in which order". It never sees a dropped row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from curation.data.budget import budget, quotas
from curation.data.results import Selection
from curation.data.view import View
from curation.engine import results
from curation.engine.plan import Step
from curation.engine.results_reader import ResultReader
from curation.errors import StepError

Select = Callable[[View, int], "np.ndarray | Selection"]


@dataclass(frozen=True)
class Chosen:
    """selection: positions in `rows` (item rows), in the order taken. left_out: item row -> reason in words."""

    selection: Selection
    rows: np.ndarray
    left_out: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def apply_budget(step: Step, store: ResultReader, select: Select, students: Callable | None = None) -> Chosen:
    """Ask a pruner for its share of the candidates; pinned rows come first and count towards the budget."""
    rows = store.candidates
    total = budget(step.extra["keep"], len(rows))
    left_out = _left_out(step, store)
    pinned = np.flatnonzero(store.holds(store.effective.pinned)[rows])
    barred = np.isin(rows, list(left_out)) & ~store.holds(store.effective.pinned)[rows]
    pool = np.setdiff1d(np.flatnonzero(~barred), pinned)
    notes = []
    if len(pinned) > total:
        notes.append(f"{len(pinned):,} rows are kept by hand, more than the budget of {total:,}: all of them are kept")
    wanted = max(total - len(pinned), 0)
    if wanted > len(pool):
        notes.append(f"only {len(pool) + len(pinned):,} of the {total:,} rows asked for are left to choose from")
        wanted = len(pool)

    picked, weights = np.empty(0, np.int64), None
    if wanted:
        view = store.view(step, rows[pool], students)
        if step.extra["balance"]:
            picked, weights = per_class_selection(view, store.labels[rows[pool]], wanted, select)
        else:
            picked, weights = validated_selection(view, wanted, select)
        picked = pool[picked]
    if weights is not None:
        weights = np.concatenate([np.ones(len(pinned)), weights])
    selection = Selection(np.concatenate([pinned, picked]).astype(np.int64), weights)
    return Chosen(selection, rows, {r: w for r, w in left_out.items() if r in set(rows[barred])}, notes)


def prefix_of(order: np.ndarray, n: int) -> Select:
    """A pruner that repeats what it said for a larger budget: order, int [k], are the item rows it took, of n."""
    place = np.full(n, len(order))
    place[order] = np.arange(len(order))
    return lambda view, wanted: np.argsort(place[view.rows], kind="stable")[:wanted]


def validated_selection(view: View, wanted: int, select: Select) -> tuple[np.ndarray, np.ndarray | None]:
    """Call a pruner and hold it to its contract: exactly `wanted` different positions of the view."""
    made = select(view, wanted)
    selection = made if isinstance(made, Selection) else Selection(np.asarray(made))
    picked = np.asarray(selection.rows, dtype=np.int64)
    if len(picked) != wanted or len(np.unique(picked)) != wanted or picked.min() < 0 or picked.max() >= len(view):
        raise StepError(f"the pruner returned {len(np.unique(picked))} different rows, {wanted} were asked for")
    return picked, selection.weights


def per_class_selection(
    view: View, labels: np.ndarray, wanted: int, select: Select
) -> tuple[np.ndarray, np.ndarray | None]:
    """The same share of every class: quotas by largest remainder, one call per class, orders merged by rank."""
    counts = np.bincount(labels)
    parts, weights, ranks = [], [], []
    for code, quota in enumerate(quotas(counts, wanted)):
        if quota == 0:
            continue
        members = np.flatnonzero(labels == code)
        picked, own = validated_selection(view.subset(members), int(quota), select)
        parts.append(members[picked])
        weights.append(own)
        ranks.append((np.arange(quota) + 0.5) / quota)  # each class's first come first, its last come last
    order = np.argsort(np.concatenate(ranks), kind="stable")
    merged = np.concatenate(weights)[order] if all(w is not None for w in weights) else None
    return np.concatenate(parts)[order], merged


def _left_out(step: Step, store: ResultReader) -> dict[int, str]:
    """Rows the flags named in `without` speak against, with the reason the manifest will give."""
    reasons: dict[int, str] = {}
    ids = store.items.column("id")
    for name in step.extra["without"]:
        folder = store.folder("flag", step.inputs[f"flag:{name}"])
        rows, flagged = results.load(folder, "rows"), results.load(folder, "flagged")
        twins = results.load(folder, "duplicate_of")
        if twins is not None:
            for position in np.flatnonzero(twins >= 0):
                reasons[int(rows[position])] = f"duplicate of {ids[rows[twins[position]]]}"
        else:
            reasons |= {int(row): f"left out: flagged by {name}" for row in rows[flagged]}
    return reasons
