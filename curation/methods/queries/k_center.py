"""k-center: the item farthest from everything labelled, again and again.

Each question closes the largest gap that the labels leave in embedding space; no model is asked. The distance of
every item to its nearest label is kept, never the whole matrix. Blind to classes, doubt and density, and drawn to
outliers. Exact greedy; time at most (labels + budget) * n * d, memory n * d * 8 bytes.

Sener & Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR 2018.
Differs: without any label it starts from the item nearest the mean; the authors always start from labels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.selection.greedy import farthest_first

CARD = Card(
    title="k-center greedy",
    cost="(labels + budget) * n * d time, n * d * 8 bytes",
    blind_to="classes, uncertainty and density; picks outliers early",
    needs=("known", "embeddings"),
    paper="https://arxiv.org/abs/1708.00489",
    tags=("geometry", "coverage", "cold start"),
    version=2,
)


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> x = np.array([[0.0], [5.0], [6.0], [12.0]])
    >>> query(View.of(known=np.array([0, -1, -1, -1]), embeddings=x), 2, rng=np.random.default_rng(0)).tolist()
    [3, 2]
    """
    x, labelled = view.embeddings, np.flatnonzero(view.known >= 0)
    if budget == 0:
        return np.empty(0, np.int64)
    if len(labelled):
        return farthest_first(x, len(labelled) + budget, labelled, progress)[len(labelled) :]
    mean = x.mean(axis=0, dtype=np.float64)
    return farthest_first(x, budget, int(np.argmin(((x - mean.astype(x.dtype)) ** 2).sum(axis=1))), progress)
