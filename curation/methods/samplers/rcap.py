"""RCAP: more of the budget for classes the network is bad at, and within a class more for the hard items.

A class gets a part in proportion to the root of (mean loss of its items * its share of the data), never more than it
has; inside, items are drawn without replacement with chances softmax(loss / beta). Losses are cut at ln C, what
guessing costs, so one hopeless item does not take over. Made for the accuracy of the worst class; items carry no
weights, weak classes are preferred on purpose. Blind to wrong labels, which are hard, and make a class look weak.

Hassan, Khare & Paik, RCAP: Robust, Class-Aware, Probabilistic Dynamic Dataset Pruning, UAI 2025. The class budget
follows the paper's words (mean loss), not its code; rounding is by Sainte-Lague, and what a small class cannot
take goes to the others.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.budget import quotas
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(
    title="RCAP",
    cost="n log n time an epoch, 12 n bytes",
    blind_to="wrong labels: they are hard, and make a class look weak",
    needs=("labels",),
    tags=("losses", "classes"),
    version=2,
)


class RCAP(Rule):
    reads = ("losses",)
    memory = ("loss",)

    def __init__(self, labels: np.ndarray, classes: int, keep: float, seed: int, beta: float):
        super().__init__(len(labels), keep, seed)
        self.labels, self.beta = labels.astype(np.int32), beta
        self.counts = np.bincount(labels, minlength=classes)
        self.largest = np.log(max((self.counts > 0).sum(), 1))
        self.loss = np.full(self.n, self.largest, np.float32)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        # The first b of a class by loss / beta + Gumbel noise are b draws without replacement by softmax.
        chance = self.loss / self.beta + rng.gumbel(size=self.n).astype(np.float32)
        order = np.lexsort((-chance, self.labels))
        place = np.arange(self.n) - np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        taken = order[place < np.repeat(self.quota(), self.counts)]
        return rng.permutation(taken), None

    def quota(self) -> np.ndarray:
        """int64 [C], items an epoch takes of every class; their sum is the budget."""
        mean = np.bincount(self.labels, self.loss, len(self.counts)) / np.maximum(self.counts, 1)
        return quotas(np.sqrt(mean * self.counts / self.n), self.size, self.counts)

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        self.loss[rows] = np.clip(losses, 0.0, self.largest)


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    beta: Annotated[
        float, Field(gt=0, le=100, description="Temperature of the losses; smaller values keep closer to the hardest.")
    ] = 1.0,
) -> Rule:
    """A rule that takes keep * n items an epoch.

    >>> rule = schedule(View.of(labels=np.array([0] * 8 + [1] * 8)), 0.5, seed=0)
    >>> rule.update(np.arange(16), np.repeat([0.01, 0.6], 8), None)
    >>> rule.quota().tolist()
    [1, 7]
    """
    return RCAP(view.labels, len(view.classes), keep, seed, beta)
