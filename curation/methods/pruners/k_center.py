"""k-center greedy: walk to the farthest item, again and again.

Each pick is the item farthest from all picks so far, so the largest gap in embedding space shrinks quickly: the
covering radius is at most twice the best possible. Blind to labels, difficulty and density, and drawn to outliers,
which `trim` keeps back: the robust form. Exact greedy; time at most n * budget * d, in blocks (see
maths/selection/greedy.py), memory n * d * 8 bytes. With `trim` every pair is compared once more, n^2 * d.

Sener & Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR 2018. Greedy and its
bound: Gonzalez, Clustering to Minimize the Maximum Intercluster Distance, Theoretical Computer Science 38, 1985.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.selection.greedy import farthest_first
from curation.maths.similarity.exact import mean_knn_distance

CARD = Card(
    title="k-center greedy",
    cost="n * budget * d time, n * d * 8 bytes",
    blind_to="labels, difficulty and density; takes outliers early",
    suits="clean data in which nothing may be far from what is kept",
    seconds=(0.03, 1),
    grid=55.47,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/1708.00489",
    tags=("geometry", "label-free", "coverage"),
    nested=True,
    version=3,
)

_CROWD = 10  # neighbours whose mean distance says how isolated an item is


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    start: Annotated[
        Literal["centre", "random"], Field(description="The first pick: the item nearest the mean, or a random one.")
    ] = "centre",
    trim: Annotated[
        float, Field(ge=0, le=0.2, description="Share of the most isolated items that is taken last; often noise.")
    ] = 0.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken; Euclidean distance on the embeddings as they are.

    >>> select(View.of(embeddings=np.array([[0.0], [5.0], [6.0], [12.0]])), 3, rng=np.random.default_rng(0)).tolist()
    [2, 0, 3]
    """
    x = view.embeddings
    open_, last = np.arange(len(x)), np.empty(0, np.int64)
    if held := int(trim * len(x) + 1e-9):
        by_isolation = np.argsort(mean_knn_distance(x, _CROWD, device=device), kind="stable")
        open_, last = np.sort(by_isolation[:-held]), by_isolation[-held:]
    pool = x[open_] if held else x
    first = int(rng.integers(len(pool))) if start == "random" else _centre(pool)
    picks = farthest_first(pool, min(budget, len(pool)), first, progress)
    return np.concatenate([open_[picks], last])[:budget]


def _centre(x: np.ndarray) -> int:
    """The row nearest the mean of all rows."""
    mean = x.mean(axis=0, dtype=np.float64)
    return int(np.argmin(((x - mean.astype(x.dtype)) ** 2).sum(axis=1)))
