"""InfoBatch: leave out a random part of the easy items and give more weight to the easy ones that stay.

Easy is a last loss below the mean of all. Of those a share r is left out by lot and the others are weighted up, so that
the gradient of an epoch keeps its expectation; the last part of the run takes everything. It sets its own epoch length,
about 0.7 n at r = 0.5, and a smaller budget buys fewer epochs, not smaller ones. Nothing is left out before every item
has been seen once. With `forced` the share r follows the budget instead, as comparisons at a fixed ratio have it;
weights then reach 10, runs may look as if they diverged, and half of what is taken is wrong labels where 20 % of all
are (measured on digits). Blind to wrong labels: their
loss is high, so they are never left out.

Qin, Wang, Zheng, Gu, Peng, Xu, Zhou, Shang, Sun, Xie & You, InfoBatch: Lossless Training Speed Up by Unbiased Dynamic
Data Pruning, ICLR 2024. Differs: weights are the easy items over those that stay, which is exact, instead of
1 / (1 - r); the end of the pruning is told in passes, not in epochs.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(
    title="InfoBatch",
    cost="n time an epoch, 4 n bytes",
    blind_to="wrong labels: they are hard, so it never leaves them out",
    paper="https://arxiv.org/abs/2303.04947",
    tags=("losses", "weights"),
)


class InfoBatch(Rule):
    reads = ("losses",)
    memory = ("loss",)

    def __init__(self, n: int, keep: float, seed: int, r: float, delta: float, forced: bool):
        super().__init__(n, keep, seed)
        self.r, self.delta, self.forced = r, delta, forced
        self.loss = np.ones(n, np.float32)  # all equal, so that none lies below the mean

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        easy = self.loss < self.loss.mean(dtype=np.float64)
        if t >= self.delta * T or not easy.any():
            return rng.permutation(self.n), None
        low = rng.permutation(np.flatnonzero(easy))
        stay = low[: max(1, int((1 - self._share(len(low))) * len(low)))]
        rows = np.concatenate([np.flatnonzero(~easy), stay])
        weights = np.ones(len(rows), np.float32)
        weights[-len(stay) :] = len(low) / len(stay)
        order = rng.permutation(len(rows))
        return rows[order], weights[order]

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        self.loss[rows] = losses

    def _share(self, low: int) -> float:
        """The share of `low` easy items to leave out."""
        return min(1.0, (self.n - self.size) / low) if self.forced else self.r


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    r: Annotated[float, Field(ge=0, lt=1, description="Share of the easy items an epoch leaves out.")] = 0.5,
    delta: Annotated[
        float, Field(ge=0, le=1, description="Share of the passes after which epochs take everything.")
    ] = 0.875,
    forced: Annotated[
        bool, Field(description="Leave out as many easy items as the budget asks for, whatever r is.")
    ] = False,
) -> Rule:
    """A rule that takes the hard items and some of the easy ones, with weights that add up to n.

    >>> rule = schedule(View.of(labels=[0] * 6), 0.5, seed=0)
    >>> rule.update(np.arange(6), np.array([0.1, 0.2, 0.3, 2.0, 3.0, 4.0]), None)
    >>> rows, weights = rule.begin_epoch(0, 18)
    >>> len(rows), float(weights.sum())
    (4, 6.0)
    """
    return InfoBatch(len(view), keep, seed, r, delta, forced)
