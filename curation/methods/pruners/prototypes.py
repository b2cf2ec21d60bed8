"""Prototypes: cluster the embeddings, and take from every cluster in turn, the most typical first.

Spherical k-means finds `clusters` groups; each gives its share of the budget, the items nearest its centre (or the
farthest, or any). Equal shares flatten what is common and keep what is rare; shares by size keep the distribution.
Sorscher et al. keep the farthest where data abound and the nearest where they are scarce. Blind to labels and
difficulty, and to structure within a cluster. Time rounds * n * clusters * d, memory n * d.

Sorscher, Geirhos, Shekhar, Ganguli & Morcos, Beyond neural scaling laws: beating power law scaling via data pruning,
NeurIPS 2022 (distance to prototypes). Dhillon & Modha, Concept Decompositions for Large Sparse Text Data Using
Clustering, Machine Learning 42, 2001 (spherical k-means).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import apportioned_order
from curation.maths.clusters import spherical

CARD = Card(
    title="Prototypes (cluster sampling)",
    cost="rounds * n * clusters * d time, n * d memory",
    blind_to="labels, difficulty, and structure within a cluster",
    suits="a quick choice from embeddings alone",
    seconds=(0.025, 0.34),
    grid=58.62,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2206.14486",
    tags=("geometry", "label-free", "coverage"),
    nested=True,
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    clusters: Annotated[
        int, Field(ge=1, le=10_000, description="Number of clusters; about the number of classes or more.")
    ] = 100,
    share: Annotated[
        Literal["equal", "sqrt", "size"],
        Field(description="Quota of a cluster: equal, by the square root of its size, or by its size."),
    ] = "equal",
    pick: Annotated[
        Literal["nearest", "farthest", "random"],
        Field(description="Order within a cluster: nearest to its centre first, farthest first, or random."),
    ] = "nearest",
) -> np.ndarray:
    """Positions int64 [budget], clusters in turn, so that every prefix is the selection for that smaller budget.

    >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, -0.1], [0.0, 1.0]])
    >>> sorted(select(View.of(embeddings=x), 2, rng=np.random.default_rng(0), clusters=2).tolist())
    [0, 3]
    """
    found = spherical(view.embeddings, clusters, rng, progress=progress)
    chance = rng.permutation(len(view)).astype(np.float64)
    if pick == "random":
        priority = chance
    else:
        distance = np.round(1.0 - found.similarity.astype(np.float64), 7)  # rounding of equal rows is no order
        by = np.lexsort((chance, distance if pick == "nearest" else -distance))
        priority = np.empty(len(view))
        priority[by] = np.arange(len(view))
    size = np.bincount(found.label).astype(np.float64)
    return apportioned_order(found.label, priority, {"equal": None, "sqrt": np.sqrt(size), "size": size}[share])[
        :budget
    ]
