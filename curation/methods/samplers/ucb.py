"""UCB: the items of largest mean loss, with a bonus for those whose loss still moves.

Mean and variance of an item's loss are running ones, renewed when it is trained on; the keep * n largest of
mean + c * variance are taken. Items never seen come first. What scores low is never looked at again, so the choice
freezes. Blind to wrong labels, which keep a high loss (measured on digits with 20 % of them: 5 to 25 points below
random parts).

Raju, Daruwalla & Lipasti, Accelerating Deep Learning with Dynamic Data Pruning, arXiv 2111.12621, 2021. The constants
a = 0.8 and c = 1 are recalled, not checked. Differs: scores are renewed every epoch, as they cost nothing here; the
paper prunes at fixed checkpoints.
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
    title="Upper confidence bound",
    cost="n log n time an epoch, 8 n bytes",
    blind_to="wrong labels: it looks for them",
    paper="https://arxiv.org/abs/2111.12621",
    tags=("losses",),
)


class UCB(Rule):
    reads = ("losses",)
    memory = ("mean", "variance")

    def __init__(self, n: int, keep: float, seed: int, a: float, c: float):
        super().__init__(n, keep, seed)
        self.a, self.c = a, c
        self.mean, self.variance = np.full(n, np.inf, np.float32), np.zeros(n, np.float32)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        return rng.permutation(top(self.mean + self.c * self.variance, self.size, rng)), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        new = np.isinf(self.mean[rows])
        before = np.where(new, losses, self.mean[rows])  # the first loss is the mean, without variance
        self.variance[rows] = (1 - self.a) * self.variance[rows] + self.a * (losses - before) ** 2
        self.mean[rows] = (1 - self.a) * before + self.a * losses


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    a: Annotated[float, Field(gt=0, le=1, description="Weight of the newest loss in the running mean.")] = 0.8,
    c: Annotated[float, Field(ge=0, le=100, description="Bonus for an item whose loss moves.")] = 1.0,
) -> Rule:
    """A rule that takes keep * n items an epoch.

    >>> rule = schedule(View.of(labels=[0] * 3), 1 / 3, seed=0)
    >>> for losses in ([1.0, 1.0, 2.0], [1.0, 3.0, 2.0]):
    ...     rule.update(np.arange(3), np.array(losses, np.float32), None)
    >>> rule.mean.round(2).tolist(), rule.variance.round(2).tolist(), rule.begin_epoch(0, 3)[0].tolist()
    ([1.0, 2.5999999046325684, 2.0], [0.0, 3.200000047683716, 0.0], [1])
    """
    return UCB(len(view), keep, seed, a, c)
