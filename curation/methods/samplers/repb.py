"""RePB: an item stays if its loss reached the mean of its batch, or by lot.

Losses are compared with others of the same batch, by the same weights, never with values from an older network. Easy
items are left out with chance rho, items that were left out come back with chance 1 - rho, and items that were used
less often weigh more. It sets its own epoch length. Blind to wrong labels: their loss is high, so they stay.

Inconsistency Biases in Dynamic Data Pruning, ICLR 2026. rho = 0.5 is assumed, and weights are cut at 5 here; the paper
could not be checked for either.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(
    title="RePB",
    cost="n time an epoch, 10 n bytes",
    blind_to="wrong labels: they are hard, so they stay",
    tags=("losses", "weights"),
)

_LARGEST = 5.0  # weight of an item that was hardly used


class RePB(Rule):
    reads = ("losses",)
    memory = ("stays", "used", "times")

    def __init__(self, n: int, keep: float, seed: int, rho: float):
        super().__init__(n, keep, seed)
        self.rho = rho
        self.stays = np.ones(n, bool)
        self.used = np.zeros(n, bool)  # in the epoch that is running
        self.times = np.zeros(n, np.int32)  # epochs an item was used in
        self._lots: tuple[int, np.ndarray] = (-1, np.empty(0, np.float32))

    def begin_epoch(self, t: float, T: float) -> Choice:
        rows = self.rng(self.epoch).permutation(np.flatnonzero(self.stays))
        if self.epoch == 0:
            return rows, None
        weights = self.epoch / np.maximum(self.times[rows], 1)
        return rows, np.clip(weights, 1.0, _LARGEST).astype(np.float32)

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        self.stays[rows] = (losses >= losses.mean()) | (self._lot()[rows] >= self.rho)
        self.used[rows] = True

    def end_epoch(self) -> None:
        self.stays |= ~self.used
        self.stays &= self.used | (self._lot() >= self.rho)
        if not self.stays.any():  # possible with a handful of items
            self.stays[:] = True
        self.times += self.used
        self.used[:] = False
        super().end_epoch()

    def _lot(self) -> np.ndarray:
        """float32 [n] in [0, 1): one lot per item and epoch, whatever the batches are."""
        if self._lots[0] != self.epoch:
            self._lots = self.epoch, self.rng(self.epoch, 1).random(self.n, np.float32)
        return self._lots[1]


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    rho: Annotated[float, Field(ge=0, lt=1, description="Probability that an easy item is left out.")] = 0.5,
) -> Rule:
    """A rule that takes everything in the first epoch, then what stayed and what came back.

    >>> rule = schedule(View.of(labels=[0] * 4), 0.5, seed=0)
    >>> rule.update(np.arange(4), np.array([0.0, 1.0, 2.0, 3.0]), None)
    >>> rule.end_epoch()
    >>> {2, 3} <= set(rule.begin_epoch(4, 8)[0].tolist())
    True
    """
    return RePB(len(view), keep, seed, rho)
