"""One run of a student under a sampler, watched: accuracy, passes and wrong labels, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.data.view import View
from curation.training.sampler import Sampler
from curation.training.student import Predictor


@dataclass(frozen=True)
class ScheduledRun:
    """What a run came to. right: bool [n], which test rows the student got right when it was finished, not at its best.

    passes float [E]: used by the end of every epoch. curve float [E]: accuracy on the test rows then. noise float [E]:
    share of wrong labels among what the epoch trained on; NaN where nobody knows them. used int32 [m]: how often every
    row was trained on. accounting: of the sampler, and train_seconds, without choosing and without the test rows.
    """

    right: np.ndarray
    passes: np.ndarray
    curve: np.ndarray
    noise: np.ndarray
    used: np.ndarray
    accounting: dict[str, float]

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def noise_taken(self) -> float:
        """Share of wrong labels among all passes; NaN where nobody knows them."""
        lengths = np.diff(self.passes, prepend=0.0)
        return float(self.noise @ lengths / lengths.sum())

    def passes_to(self, accuracy: float) -> float:
        """Passes used when an epoch first reached that accuracy; infinity where none did."""
        reached = np.flatnonzero(self.curve >= accuracy)
        return float(self.passes[reached[0]]) if len(reached) else float("inf")


def train_scheduled(
    train: Callable[..., Predictor],
    view: View,
    test: View,
    sampler: Sampler,
    *,
    seed: int,
    wrong: np.ndarray | None = None,
    progress: Callable | None = None,
) -> ScheduledRun:
    """Train a student on the rows of `view` that the sampler chooses, until its budget is used up.

    train: as `view.student(name)` gives it. wrong: bool [m], rows whose label is known to be wrong. The sampler is used
    up by it.
    """
    passes, curve, noise, before = [], [], [], np.zeros(len(view), np.int32)
    right = np.zeros(len(test), bool)
    begin, watching = time.perf_counter(), 0.0

    def watch(student: Predictor) -> None:
        nonlocal before, right, watching
        start = time.perf_counter()
        taken = sampler.used - before
        before = sampler.used
        passes.append(sampler.spent)
        right = student.logits(test).argmax(axis=1) == test.labels
        curve.append(float(right.mean()))
        noise.append(float(taken[wrong].sum() / taken.sum()) if wrong is not None else float("nan"))
        watching += time.perf_counter() - start

    train(view, seed=seed, progress=progress, sampler=sampler, watch=watch)
    accounts = sampler.accounting()
    accounts["train_seconds"] = time.perf_counter() - begin - watching - accounts["seconds"]
    return ScheduledRun(right, np.array(passes), np.array(curve), np.array(noise), sampler.used, accounts)
