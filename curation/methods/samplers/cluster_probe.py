"""Cluster probe: look at a few items of every cluster, train more where they are hard. Ours.

The embeddings are grouped by k-means. Every few epochs three items of each cluster are looked at, forward only: two by
lot, those not trained on yet first, and the most central one. A cluster gets a part of the epoch in proportion to its
size times the root of (variance + mean^2) of those losses, at least a quarter and at most four times its even part;
items are weighted by the inverse, so the gradient keeps its expectation (Neyman's allocation of a stratified sample).
A cluster in which no label has a majority gets a quarter of its part. Inside a cluster the least used come first. The
last tenth of the passes is even. Memory is of clusters, so nothing is judged by a loss of long ago. Blind to what
tells items of one cluster apart.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.budget import quotas
from curation.data.view import View
from curation.maths.clusters import Clusters, spherical
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Cluster probe",
    cost="k-means once, n log n time an epoch and 3 forward passes a cluster every few epochs, 16 n bytes",
    blind_to="what tells items of one cluster apart",
    needs=("embeddings", "labels"),
    tags=("losses", "weights", "forward", "ours"),
    version=2,
)

_CLUSTERS = 1 << 32  # key of the clusters' generator; those of the epochs are smaller
_MOST_CLUSTERS = 1000
_MEMORY = 0.5  # part of the newest probe in a cluster's mean and variance
_LEAST, _MOST = 0.25, 4.0  # of the even part
_PURE, _GATE = 0.5, 0.25
_EVEN_FROM = 0.9  # of the passes


class ClusterProbe(Rule):
    reads = ("losses",)
    memory = ("used", "mean", "variance", "probing", "probes")

    def __init__(self, clusters: Clusters, purity: np.ndarray, keep: float, seed: int, period: int):
        super().__init__(len(clusters.label), keep, seed)
        self.label, self.pure, self.period = clusters.label.astype(np.int32), purity >= _PURE, period
        self.counts = np.bincount(self.label)
        self.central = np.lexsort((-clusters.similarity, self.label))[np.cumsum(self.counts) - self.counts]
        self.used = np.zeros(self.n, np.int32)
        self.mean, self.variance = (np.full(len(self.counts), np.nan) for _ in range(2))
        self.probing = False  # between forward_rows and begin_epoch: losses that come in are those of the probe
        self.probes = np.zeros((3, len(self.counts)))  # number, sum and sum of squares of the losses

    def forward_rows(self, t: float, T: float) -> np.ndarray:
        if self.epoch % self.period or t >= _EVEN_FROM * T:
            return np.empty(0, np.int64)
        if not self.probing:
            self.probing, self.probes = True, np.zeros_like(self.probes)
        lot = self.rng(self.epoch, 1).random(self.n, np.float32)
        order = np.lexsort((lot, self.used > 0, self.label))
        by_lot = order[self._place() < 2]
        return np.union1d(by_lot, self.central)

    def begin_epoch(self, t: float, T: float) -> Choice:
        if self.probing:
            self._close_probe()
        lot = self.rng(self.epoch).random(self.n, np.float32)
        even = self.counts / self.n
        share = even if t >= _EVEN_FROM * T or np.isnan(self.mean).any() else self._share(even)
        taken = quotas(share * np.where(self.pure, 1.0, _GATE), self.size, self.counts)
        order = np.lexsort((lot, self.used, self.label))
        rows = order[self._place() < np.repeat(taken, self.counts)]
        self.used[rows] += 1
        rows = self.rng(self.epoch, 2).permutation(rows)
        weights = np.minimum(even / share, _MOST).astype(np.float32)
        return rows, weights[self.label[rows]]

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        if self.probing:
            for power in range(3):
                self.probes[power] += np.bincount(self.label[rows], losses.astype(np.float64) ** power, len(self.mean))

    def _close_probe(self) -> None:
        number, total, squares = self.probes
        asked = number > 0
        mean = np.divide(total, number, out=np.zeros_like(total), where=asked)
        spread = np.maximum(squares - number * mean**2, 0.0) / np.maximum(number - 1, 1)
        for kept, newest in ((self.mean, mean), (self.variance, spread)):
            first = asked & np.isnan(kept)
            kept[asked] += np.where(first, 1.0, _MEMORY)[asked] * (newest - np.where(first, 0.0, kept))[asked]
            kept[first] = newest[first]
        self.probing = False

    def _share(self, even: np.ndarray) -> np.ndarray:
        """float64 [K], sums to 1: the part of every cluster before the gate."""
        wanted = self.counts * np.sqrt(self.variance + self.mean**2 + 1e-12)
        share = np.clip(wanted / wanted.sum(), _LEAST * even, _MOST * even)
        return share / share.sum()

    def _place(self) -> np.ndarray:
        """int [n]: of rows sorted by cluster, the place of each within its own."""
        return np.arange(self.n) - np.repeat(np.cumsum(self.counts) - self.counts, self.counts)


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    clusters: Annotated[
        int, Field(ge=0, le=100_000, description="Number of clusters; 0 means the square root of n, at most 1,000.")
    ] = 0,
    period: Annotated[int, Field(ge=1, le=1000, description="Epochs from one probe to the next.")] = 5,
) -> Rule:
    """A rule that takes keep * n items an epoch, with weights.

    >>> x = np.eye(2, dtype=np.float32)[[0, 0, 0, 0, 1, 1, 1, 1]]
    >>> rule = schedule(View.of(embeddings=x, labels=np.repeat([0, 1], 4)), 0.5, seed=0, clusters=2)
    >>> probe = rule.forward_rows(0, 8)
    >>> rule.update(probe, np.where(probe < 4, 1.0, 3.0).astype(np.float32), None)
    >>> rows, weights = rule.begin_epoch(0, 8)
    >>> int((rows >= 4).sum()), round(float(weights[rows >= 4][0]), 2)
    (3, 0.67)
    """
    k = clusters or min(_MOST_CLUSTERS, max(1, round(len(view) ** 0.5)))
    found = spherical(view.embeddings, k, np.random.default_rng([seed, _CLUSTERS]))
    table = np.zeros((len(found.centres), len(view.classes)))
    np.add.at(table, (found.label, view.labels), 1)
    return ClusterProbe(found, table.max(axis=1) / table.sum(axis=1), keep, seed, period)
