"""What a [grow] step stands on: the pool of a workspace, what is known of it, what it costs, and how the model does.

`query` asks for a person's next batch; `growth` hides the labels of the train rows and plays the person.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.items import TEST, VAL
from curation.data.reading.cells import as_label
from curation.data.reading.tables import columns_of, read_rows
from curation.engine import simulation
from curation.engine.active_learning import OTHERS, Learner, Reach, as_concept, next_batch, reachable
from curation.engine.plan import Step
from curation.engine.results_reader import ResultReader
from curation.errors import InputError


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
        """Item rows to measure on, with a label; empty where the source has none."""
        for split in (TEST, VAL):
            rows = self.store.items.rows(split)
            if len(rows := rows[self.store.labels[rows] >= 0]):
                return rows
        return np.empty(0, np.int64)

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
        return Learner(self.pool, known, self.classes, train, self.step.seed)

    def reach(self) -> Reach | None:
        if self.extra["candidates"] != "seals":
            return None
        return Reach(self.pool, self.store.index(self.step), self.extra["neighbours"])

    def measure(self, learner: Learner) -> dict[str, Any]:
        """How the model does on the test rows: see `simulating.metrics`. Empty where it cannot be said."""
        if not len(self.test) or learner.lacks:
            return {}
        p = learner.predict(self.store.view(self.step, self.test, self.students))
        return simulation.metrics(p, self.codes(self.store.labels[self.test]))

    def next_batch(self, strategy: Callable) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
        """(item rows in the order to ask, what the model thinks of them [b, C] or None, what goes on the card)."""
        learner, reach = self.learner(self.known), self.reach()
        rng = np.random.default_rng([self.step.seed, 1])
        needs = self.step.method.card.needs
        about: dict[str, Any] = {"labelled": int((self.known >= 0).sum()), "open": int(self.open.sum())}
        notes = []
        if not self.open.any():
            rows, notes, considered, seconds = (
                np.empty(0, np.int64),
                ["every row has a label: nothing is left to ask"],
                0,
                0.0,
            )
        else:
            batch = next_batch(
                self.pool, self.known, self.open, learner, strategy, needs, self.extra["batch"], rng,
                reach=reach, costs=self.costs,
            )  # fmt: skip
            rows, notes, considered, seconds = batch.rows, [*batch.notes], batch.considered, batch.seconds
        predicted = None
        if learner.lacks:
            notes.append(learner.lacks)
        elif len(rows):
            predicted = learner.predict(self.pool.subset(rows)).astype(np.float32)
        about |= {
            "classes": list(self.classes),
            "asked": len(rows),
            "cost": float(self.costs[rows].sum()),
            "spent": float(self.costs[self.known >= 0].sum()),
            "considered": considered,
            "fraction_considered": considered / max(about["open"], 1),
            "score_ops": considered,
            "fit_seconds": round(learner.seconds, 3),
            "pick_seconds": round(seconds, 3),
            **self.measure(learner),
            "notes": notes,
        }
        if self.concept is not None:
            about["positives"] = int((self.known == 1).sum())
        return self.store.pool[rows], predicted, about

    def simulate(self, strategy: Callable, progress: Callable) -> tuple[np.ndarray, dict[str, Any]]:
        """(item rows in the order asked, what goes on the card): the labelled rows play the pool."""
        extra, labels = self.extra, self.store.labels
        truth = np.where(self.known >= 0, labels[self.store.pool], -1)
        setting = simulation.setting(
            truth, self.store.classes, concept=self.concept, seed=extra["seed"],
            **{name: extra[name] for name in ("start", "others", "noise", "rare", "outside", "outside_share")},
        )  # fmt: skip
        if not len(self.test):
            raise InputError("[grow.simulate] needs test rows and the source has none: set holdout = 0.2 in [source]")
        test = self.test[~np.isin(labels[self.test], [self.store.classes.index(name) for name in extra["outside"]])]
        test_view = self.store.view(self.step, test, self.students)
        asked, history = simulation.grow(
            self.pool, setting, self.classes, strategy,
            needs=self.step.method.card.needs,
            train=self.students(extra["student"]),
            batch=extra["batch"],
            rounds=extra["rounds"],
            seed=self.step.seed,
            reach=self.reach(),
            costs=self.costs,
            test=test_view,
            test_codes=self.codes(labels[test]),
            progress=progress,
        )  # fmt: skip
        about = {"rounds": history, **simulation.summary(history)}
        if not extra["rounds"] and extra["candidates"] == "seals":  # once for each setting, beside what all labels give
            wanted = setting.playing & ((setting.right == 1) if self.concept is not None else (setting.right >= 0))
            about["reachable"] = float(reachable(self.reach(), setting.start)[wanted].mean())
        return self.store.pool[asked], about


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
                raise InputError(f"[grow] cost = {str(path)!r}: {cost!r}, of item {id_!r}, is no number") from None
    return np.array([found.get(id_, np.nan) for id_ in ids], np.float64)
