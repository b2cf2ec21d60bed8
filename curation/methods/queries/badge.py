"""BADGE: items the model is unsure of, and which would teach it different things.

The gradient of the last layer, had the model's own guess been the label, is long where the model is unsure and points
where the item would pull it: (guess - p) outer x. A batch is drawn from these by k-means++, so that it is both. The
gradients are never written out: their distances follow from the two factors. Blind to noise. Above `pool` rows, a
random sample of them is looked at. A fit on the known rows, then budget * n * (C + d) time, n * (C + d) memory.

Ash, Zhang, Krishnamurthy, Langford & Agarwal, Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds,
ICLR 2020.
Differs: x is the encoder's embedding as it is, where the authors take the last hidden layer of a network that is
trained anew with every batch; long embeddings weigh more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="BADGE",
    cost="a fit on the known rows, budget * n * (C + d) time, n * (C + d) memory",
    blind_to="noise, and the errors of a poor model",
    needs=("known", "predicted", "embeddings"),
    paper="https://arxiv.org/abs/1906.03671",
    tags=("uncertainty", "diversity"),
)


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    pool: Annotated[
        int,
        Field(
            ge=100, le=10_000_000, description="Largest number of items considered; a larger pool is sampled at random."
        ),
    ] = 50_000,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> p, x = np.array([[1, 0], [0.9, 0.1], [0.6, 0.4]]), np.array([[1, 0], [0, 1], [2, 2]], np.float32)
    >>> view = View.of(known=np.array([0, -1, -1]), predicted=p, embeddings=x)
    >>> query(view, 2, rng=np.random.default_rng(0)).tolist()
    [2, 1]
    """
    open_ = np.flatnonzero(view.known < 0)
    if len(open_) > max(pool, budget):
        open_ = np.sort(rng.choice(open_, max(pool, budget), replace=False))
    p = view.predicted[open_].astype(np.float32)
    residual = -p
    residual[np.arange(len(p)), p.argmax(axis=1)] += 1
    return open_[_plus_plus(residual, view.embeddings[open_], budget, rng, progress)]


def _plus_plus(r: np.ndarray, x: np.ndarray, budget: int, rng: np.random.Generator, progress: Callable) -> np.ndarray:
    """int64 [budget]: k-means++ on r_i outer x_i; the longest first, then with chances as the squared distance."""
    length = squared_length(r, x)
    picks = np.empty(budget, np.int64)
    gap, free = np.full(len(x), np.inf), np.ones(len(x), bool)
    for number in range(budget):
        if number == 0:
            pick = int(np.argmax(length))
        else:
            np.minimum(gap, squared_distance(r, x, length, picks[number - 1]), out=gap)
            reach = np.cumsum(np.where(free, gap, 0.0))
            if reach[-1] > 0:
                pick = min(int(np.searchsorted(reach, rng.random() * reach[-1], side="right")), len(x) - 1)
            else:  # nothing but copies of what is taken
                pick = int(rng.choice(np.flatnonzero(free)))
        picks[number], free[pick], gap[pick] = pick, False, 0.0
        progress(number + 1, budget)
    return picks


def squared_length(r: np.ndarray, x: np.ndarray) -> np.ndarray:
    """float64 [n]: |r_i outer x_i|^2."""
    return np.einsum("ij,ij->i", r, r, dtype=np.float64) * np.einsum("ij,ij->i", x, x, dtype=np.float64)


def squared_distance(r: np.ndarray, x: np.ndarray, length: np.ndarray, j: int) -> np.ndarray:
    """float64 [n]: |r_i outer x_i - r_j outer x_j|^2, without writing a product out."""
    inner = (r @ r[j]).astype(np.float64) * (x @ x[j])
    return np.maximum(length + length[j] - 2 * inner, 0.0)
