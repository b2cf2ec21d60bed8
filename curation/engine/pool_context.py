"""Context of an active-learning step: pool, known labels, labelling costs, test metrics.

The stage `query` asks for a person's next batch; `growth` hides the labels of the train rows and plays the person.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.items import test_rows
from curation.data.reading.cells import as_label
from curation.data.reading.tables import columns_of, read_rows
from curation.engine import registry
from curation.engine.plan import Step
from curation.engine.results_reader import ResultReader
from curation.errors import InputError
from curation.training import simulation
from curation.training.active_learning import OTHERS, Learner, Reach, as_concept


class PoolContext:
    """The pool as one step sees it. All arrays have a row per row of `store.pool`."""

    def __init__(self, step: Step, store: ResultReader, students: Callable[[str], Callable]):
        self.step, self.store, self.students = step, store, students
        self.extra = step.extra
        self.pool = store.view(step, store.pool, students)

    @cached_property
    def concept(self) -> int | None:
        """Code of the one class asked about; None when all classes count."""
        name = self.extra["concept"]
        if not name:
            return None
        if name not in self.store.classes:
            raise InputError(
                f"[grow] concept = {name!r}: no item has this label yet; label one, or choose one of: "
                f"{', '.join(self.store.classes) or 'there are none'}"
            )
        return self.store.classes.index(name)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.store.classes if self.concept is None else (OTHERS, self.extra["concept"])

    def codes(self, labels: np.ndarray) -> np.ndarray:
        return labels if self.concept is None else as_concept(labels, self.concept)

    @cached_property
    def known(self) -> np.ndarray:
        """int64: labels in force, -1 where there is none or the row was dropped."""
        rows = self.store.pool
        return np.where(self.store.holds(self.store.effective.dropped)[rows], -1, self.codes(self.store.labels[rows]))

    @cached_property
    def open(self) -> np.ndarray:
        """bool: rows that may be asked for; dropped ones, and those put aside for review, may not."""
        rows, force = self.store.pool, self.store.effective
        return (self.store.labels[rows] < 0) & ~self.store.holds({**force.dropped, **force.queued})[rows]

    @cached_property
    def test(self) -> np.ndarray:
        """Item rows to measure on; empty where the source has none."""
        return test_rows(self.store.items)

    @cached_property
    def costs(self) -> np.ndarray:
        """float64: what it costs to have each row labelled."""
        kind, rows, items = self.extra["cost"], self.store.pool, self.store.items
        if kind == "":
            return np.ones(len(rows))
        if kind == "bytes":
            values = items.column("bytes")[rows].astype(np.float64)
        elif kind == "pixels":
            values = items.column("width")[rows].astype(np.float64) * items.column("height")[rows]
        else:
            values = _costs_of(Path(kind), items.column("id")[rows])
        if not (np.isfinite(values) & (values > 0)).all():
            bad = int((~(np.isfinite(values) & (values > 0))).sum())
            raise InputError(f"[grow] cost = {kind!r}: {bad:,} items have no cost above 0; give every item one")
        return values

    def learner(self, known: np.ndarray) -> Learner:
        train = self.students(self.extra["student"])
        return Learner(self.pool, known, self.classes, train, self.step.seed, cold())

    def reach(self) -> Reach | None:
        if self.extra["candidates"] != "seals":
            return None
        return Reach(self.pool, self.store.index(self.step), self.extra["neighbours"])

    def measure(self, learner: Learner) -> dict[str, Any]:
        """How the model does on the test rows: see `simulation.metrics`. Empty where it cannot be said."""
        if not len(self.test) or learner.lacks:
            return {}
        p = learner.predict(self.store.view(self.step, self.test, self.students))
        return simulation.metrics(p, self.codes(self.store.labels[self.test]))


def cold() -> str:
    """The strategies that can ask before anything has a label, in words."""
    *others, last = (name for name, method in registry.methods("queries").items() if method.card.cold)
    return f"{', '.join(others)} or {last}"


def _costs_of(path: Path, ids: np.ndarray) -> np.ndarray:
    """float64 [m]: the cost of each id, by a table with the columns id and cost."""
    missing = {"id", "cost"} - set(columns_of(path))
    if missing:
        raise InputError(f"[grow] cost = {str(path)!r} has no column {sorted(missing)[0]!r}; it needs id and cost")
    found: dict[str | None, float] = {}
    for part in read_rows(path, ["id", "cost"]):
        for id_, cost in zip(part["id"], part["cost"], strict=True):
            try:
                found[as_label(id_)] = float(cost)
            except (TypeError, ValueError):
                raise InputError(f"[grow] cost = {str(path)!r}: {cost!r}, of item {id_!r}, is not a number") from None
    return np.array([found.get(id_, np.nan) for id_ in ids], np.float64)
