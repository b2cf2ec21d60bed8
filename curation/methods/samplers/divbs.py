"""DivBS, diversified batch selection: of every large batch the items whose gradients cover its mean without repeating.

All items go forward once before the epoch. In every block of 320 the gradient of the last layer is
(p - onehot) x embedding; items are drawn one by one with chances proportional to the part of the block's mean gradient
that those drawn so far leave unexplained. The forward pass costs a third of a full one for every item, so at keep = 0.5
an epoch costs 0.83 n, and a budget buys fewer epochs. Blind to wrong labels, and to the network's own features: the
embeddings are frozen ones.

Hong, Lyu, Yao, Zhang, Tsang & Wang, Diversified Batch Selection for Training Acceleration, ICML 2024. Differs: blocks
are chosen at the start of an epoch with one set of weights, where the paper goes forward block by block while it
trains, and with features of the network itself. For a head on those embeddings the gradient is exact.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import probabilities
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Diversified batches",
    cost="n * keep * block^2 time and n forward passes an epoch, 2 n * C bytes",
    blind_to="wrong labels, and what the embeddings leave out",
    needs=("embeddings", "labels"),
    paper="https://arxiv.org/abs/2406.04872",
    tags=("logits", "forward"),
)

_NOTHING = 1e-10  # of the largest: what is left unexplained below it is rounding


class DivBS(Rule):
    reads = ("losses", "logits")
    memory = ("gradient",)

    def __init__(self, embeddings: np.ndarray, labels: np.ndarray, classes: int, keep: float, seed: int, block: int):
        super().__init__(len(labels), keep, seed)
        self.embeddings, self.labels, self.block = embeddings, labels, block
        self.gradient = np.zeros((self.n, classes), np.float16)  # of the loss by the logits

    def forward_rows(self, t: float, T: float) -> np.ndarray:
        return np.arange(self.n)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        blocks = np.array_split(rng.permutation(self.n), -(-self.n // self.block))
        ends = np.round(self.size / self.n * np.cumsum([len(rows) for rows in blocks])).astype(int)
        budgets = np.diff(ends, prepend=0)
        chosen = [rows[self._choose(rows, k, rng)] for rows, k in zip(blocks, budgets, strict=True)]
        return np.concatenate(chosen), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        gradient = probabilities(logits)
        gradient[np.arange(len(rows)), self.labels[rows]] -= 1.0
        self.gradient[rows] = gradient

    def _choose(self, rows: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
        r, h = self.gradient[rows].astype(np.float64), self.embeddings[rows].astype(np.float64)
        return cover(np.multiply(r @ r.T, h @ h.T), k, rng)  # products of r x h, without the C * d numbers each has


def cover(gram: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [k]: items drawn one by one with chances |g_i . r|, r the part of the mean g that the span of those drawn
    so far leaves. gram: float64 [m, m], all products g_i . g_j. By lot where nothing is left to explain.

    >>> cover(np.diag([4.0, 0.0, 0.0]), 1, np.random.default_rng(0)).tolist()
    [0]
    """
    m, picks = len(gram), np.empty(k, np.int64)
    free, left = np.ones(m, bool), gram.mean(axis=1)  # left: g_i . r
    onto = np.empty((k, m))  # products of every g with the orthonormal directions so far
    least, directions = _NOTHING * max(gram.diagonal().max(initial=0.0), 1e-300), 0
    for i in range(k):
        chance = np.where(free, np.abs(left), 0.0)
        if chance.sum() <= least:
            picks[i:] = rng.permutation(np.flatnonzero(free))[: k - i]
            break
        reach = np.cumsum(chance)
        pick = min(int(np.searchsorted(reach, rng.random() * reach[-1], side="right")), m - 1)
        picks[i], free[pick] = pick, False
        own = onto[:directions, pick]
        length = gram[pick, pick] - own @ own
        if length > least:
            new = (gram[pick] - own @ onto[:directions]) / np.sqrt(length)
            left = left - new.mean() * new
            onto[directions] = new
            directions += 1
    return picks


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    block: Annotated[
        int, Field(ge=2, le=4096, description="Items per block; the choice is made within each block.")
    ] = 320,
) -> Rule:
    """A rule that takes keep * n items an epoch, after a forward pass of all.

    >>> x = np.eye(4, dtype=np.float32)
    >>> rule = schedule(View.of(embeddings=x, labels=np.array([0, 0, 1, 1])), 0.25, seed=0)
    >>> rule.update(rule.forward_rows(0, 4), np.ones(4), np.array([[9.0, 0], [0, 9.0], [0, 9.0], [0, 9.0]]))
    >>> rule.begin_epoch(0, 4)[0].tolist()  # the only one the network gets wrong
    [1]
    """
    return DivBS(view.embeddings, view.labels, len(view.classes), keep, seed, block)
