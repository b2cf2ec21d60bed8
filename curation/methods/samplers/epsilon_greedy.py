"""Epsilon-greedy: mostly the items of largest mean loss, the rest of the epoch by lot.

The mean is a running one, renewed when an item is trained on; items never seen come first. The part by lot lets an item
come back whose loss was low. Blind to wrong labels, which keep a high loss.

Raju, Daruwalla & Lipasti, Accelerating Deep Learning with Dynamic Data Pruning, arXiv 2111.12621, 2021. The constants
a = 0.8 and epsilon = 0.1 are recalled, not checked. Differs: scores are renewed every epoch.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Epsilon-greedy",
    cost="n log n time an epoch, 4 n bytes",
    blind_to="wrong labels: it looks for them",
    paper="https://arxiv.org/abs/2111.12621",
    tags=("losses",),
)


class EpsilonGreedy(Rule):
    reads = ("losses",)
    memory = ("mean",)

    def __init__(self, n: int, keep: float, seed: int, a: float, epsilon: float):
        super().__init__(n, keep, seed)
        self.a, self.lots = a, round(epsilon * self.size)
        self.mean = np.full(n, np.inf, np.float32)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        rows = top(self.mean, self.size - self.lots, rng)
        others = np.ones(self.n, bool)
        others[rows] = False
        by_lot = rng.permutation(np.flatnonzero(others))[: self.lots]
        return rng.permutation(np.concatenate([rows, by_lot])), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        before = np.where(np.isinf(self.mean[rows]), losses, self.mean[rows])
        self.mean[rows] = (1 - self.a) * before + self.a * losses


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    a: Annotated[float, Field(gt=0, le=1, description="Weight of the newest loss in the running mean.")] = 0.8,
    epsilon: Annotated[float, Field(ge=0, le=1, description="Share of the epoch that is drawn at random.")] = 0.1,
) -> Rule:
    """A rule that takes keep * n items an epoch.

    >>> rule = schedule(View.of(labels=[0] * 100), 0.2, seed=0)
    >>> rule.update(np.arange(100), np.arange(100.0), None)
    >>> rows = rule.begin_epoch(0, 40)[0]
    >>> len(rows), int((rows >= 82).sum()) >= 18
    (20, True)
    """
    return EpsilonGreedy(len(view), keep, seed, a, epsilon)
