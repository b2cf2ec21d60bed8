"""IES, instance-dependent early stopping: an item whose loss has come to rest is no longer trained on.

At rest is a mean absolute second difference of its last six losses below a threshold. Items at rest are looked at once
an epoch, forward only, and come back when their loss moves again; that costs a third of a pass, so the saving is
bounded by 3. The published threshold (theta) never fires in runs of a few epochs; `quantile` raises it to that quantile
of all items, so that a part of them rests as soon as six losses are known. It sets its own epoch length. Blind to wrong
labels that were learnt by heart: they rest like any other. A forward pass in evaluation mode gives other losses than
training with dropout or batch normalisation does, and an item that rests looks restless for it.

Yuan, Lin, Feng, Han & Liu, Instance-dependent Early Stopping, ICLR 2025. `quantile` is ours.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Instance-dependent early stopping",
    cost="n time an epoch and a forward pass for every item at rest, 22 n bytes",
    blind_to="wrong labels that were memorised",
    paper="https://arxiv.org/abs/2502.07547",
    tags=("losses", "forward"),
)

_LOSSES = 6  # recorded before an item may rest: three windows of second differences


class IES(Rule):
    reads = ("losses",)
    memory = ("last", "bend", "recorded", "rests")

    def __init__(self, n: int, keep: float, seed: int, theta: float, quantile: float):
        super().__init__(n, keep, seed)
        self.theta, self.quantile = theta, quantile
        self.last = np.zeros((n, 2), np.float32)  # the newest loss and the one before
        self.bend = np.zeros((n, 3), np.float32)  # absolute second differences, newest first
        self.recorded = np.zeros(n, np.uint8)
        self.rests = np.zeros(n, bool)

    def forward_rows(self, t: float, T: float) -> np.ndarray:
        return np.flatnonzero(self.rests)

    def begin_epoch(self, t: float, T: float) -> Choice:
        self.rests = self._at_rest()
        return self.rng(self.epoch).permutation(np.flatnonzero(~self.rests)), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        last, bend = self.last[rows], self.bend[rows]
        newest = np.abs(losses - 2 * last[:, 0] + last[:, 1])
        self.bend[rows] = np.stack([newest, bend[:, 0], bend[:, 1]], axis=1)
        self.last[rows] = np.stack([losses, last[:, 0]], axis=1)
        self.recorded[rows] = np.minimum(self.recorded[rows] + 1, _LOSSES)

    def _at_rest(self) -> np.ndarray:
        known = self.recorded == _LOSSES
        if not known.any():
            return np.zeros(self.n, bool)
        bend = self.bend.mean(axis=1)
        place = int(self.quantile * known.sum())
        found = known & (bend < max(self.theta, np.partition(bend[known], place)[place]))
        return found if not found.all() else np.zeros(self.n, bool)  # nothing moves any more: train on everything


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    theta: Annotated[
        float, Field(ge=0, le=10, description="Mean second difference of the losses below which an item rests.")
    ] = 1e-3,
    quantile: Annotated[
        float, Field(ge=0, lt=1, description="Smallest share of items that rest; 0 uses theta alone.")
    ] = 0.3,
) -> Rule:
    """A rule that takes everything until six losses are known, then what does not rest.

    >>> rule = schedule(View.of(labels=[0] * 2), 0.5, seed=0)
    >>> for loss in (2.0, 1.5, 1.2, 1.0, 0.9, 0.85):
    ...     rule.update(np.arange(2), np.array([loss, 1.0]), None)
    >>> rule.begin_epoch(6, 12)[0].tolist(), rule.forward_rows(6, 12).tolist()
    ([0], [1])
    """
    return IES(len(view), keep, seed, theta, quantile)
