"""Tri-level, the level of examples: swap out what is never forgotten, swap in what was left out.

Training begins without a random 1 - keep of the items. At five moments the items that were forgotten least since the
last one leave, and as many come in by lot from those outside; the number stays. Forgotten is to turn from right to
wrong between two looks at an item; an item that was never right counts as forgotten every time. The levels of tokens
and of attention belong to transformers and are not here. Blind to wrong labels: they are never learnt, so they stay.

Kong, Ma, Yuan, Sun, Xie, Dong, Meng, Shen, Tang, Qin, Chen, Ma, Xie, Wang & Wang, Peeling the Onion: Hierarchical
Reduction of Data Redundancy for Efficient Vision Transformer Training, AAAI 2023. The moments are told in passes.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Tri-level, examples",
    cost="n log n time a swap, 14 n bytes",
    blind_to="wrong labels: they are never learnt, so they stay",
    needs=("labels",),
    paper="https://arxiv.org/abs/2211.10801",
    tags=("logits",),
)

_SWAPS = 5
_INSIDE = 1 << 32  # key of the first subset's generator; those of the epochs are smaller


class TriLevelExamples(Rule):
    reads = ("losses", "logits")
    memory = ("inside", "shown", "forgotten", "right", "learnt", "swapped")

    def __init__(self, labels: np.ndarray, keep: float, seed: int, swap: float):
        super().__init__(len(labels), keep, seed)
        self.labels = labels.astype(np.int32)
        self.inside = np.zeros(self.n, bool)
        self.inside[self.rng(_INSIDE).permutation(self.n)[: self.size]] = True
        self.per_swap = min(round(swap * self.n), self.size, self.n - self.size)
        self.swapped = 0  # swaps done
        self._forget_all()

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        if self.swapped < _SWAPS and t >= (self.swapped + 1) / (2 * _SWAPS) * T:
            self._swap(rng)
        return rng.permutation(np.flatnonzero(self.inside)), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        right = logits.argmax(axis=1) == self.labels[rows]
        self.shown[rows] += 1
        self.forgotten[rows] += self.right[rows] & ~right
        self.right[rows] = right
        self.learnt[rows] |= right

    def counts(self) -> np.ndarray:
        """int [n], times forgotten since the last swap; never right = as often as shown."""
        return np.where(self.learnt, self.forgotten, self.shown)

    def _swap(self, rng: np.random.Generator) -> None:
        inside, outside = np.flatnonzero(self.inside), np.flatnonzero(~self.inside)
        least = inside[argsort_random_ties(self.counts()[inside], rng)[: self.per_swap]]
        self.inside[rng.permutation(outside)[: self.per_swap]] = True
        self.inside[least] = False
        self.swapped += 1
        self._forget_all()

    def _forget_all(self) -> None:
        self.shown, self.forgotten = np.zeros(self.n, np.uint16), np.zeros(self.n, np.uint16)
        self.right, self.learnt = np.zeros(self.n, bool), np.zeros(self.n, bool)


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    swap: Annotated[
        float, Field(ge=0, le=1, description="Share of all items that leaves, and comes in, at each of five swaps.")
    ] = 0.05,
) -> Rule:
    """A rule that takes keep * n items an epoch; the swaps come at 0.1, 0.2, ... 0.5 of the passes.

    >>> rule = schedule(View.of(labels=np.array([0, 0, 1, 1])), 0.5, seed=0, swap=0.25)
    >>> before = set(rule.begin_epoch(0, 8)[0].tolist())
    >>> len(before), len(before & set(rule.begin_epoch(2, 8)[0].tolist()))
    (2, 1)
    """
    return TriLevelExamples(view.labels, keep, seed, swap)
