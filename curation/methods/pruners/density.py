"""Density: a weighted draw in which an item counts the more, the emptier the space around it.

The mean distance to the k nearest neighbours says how sparse the data are around an item; items are drawn without
replacement with chances in proportion to this distance to the power `alpha`, so crowded regions are thinned and rare
ones kept. 0 draws evenly; large values take the most isolated. Blind to labels and difficulty, and fond of outliers,
which live in empty space. Exact copies of all their neighbours have no chance and come last. Time n * k + n log n
after the graph, memory n.

Differs: the paper estimates density with kernel sums over hashed buckets, built for billions of rows; this reads the
nearest neighbours, as Loftsgaarden & Quesenberry do (A Nonparametric Estimate of a Multivariate Density Function,
Annals of Mathematical Statistics 36, 1965), and leaves out their power of the dimension, which `alpha` stands in for.

Sachdeva, Coleman, Kang, Ni, Hong, Chi, Caverlee, McAuley & Cheng, How to Train Data-Efficient LLMs, arXiv 2402.09668,
2024 (inverse propensity by density). Efraimidis & Spirakis, Weighted Random Sampling with a Reservoir, Information
Processing Letters 97, 2006 (the draw).
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.similarity.exact import first

CARD = Card(
    title="Density (inverse-density sampling)",
    cost="n * k + n log n time after the graph, n memory",
    blind_to="labels and difficulty; fond of outliers",
    suits="clean data in which rare kinds matter",
    seconds=(0.00037, 0.0025),
    grid=59.19,
    needs=("neighbours",),
    paper="https://arxiv.org/abs/2402.09668",
    tags=("geometry", "label-free"),
    nested=True,
    instant=True,
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    k: Annotated[int, Field(ge=1, le=100, description="Number of neighbours in the mean distance.")] = 10,
    alpha: Annotated[
        float, Field(ge=0, le=20, description="How strongly sparse regions are preferred; 0 = all items equally.")
    ] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order drawn: every prefix is the draw for that smaller budget.

    >>> from curation.data.results import Neighbours
    >>> crowd = Neighbours(np.array([[1], [0], [0]]), np.array([[0.0], [0.0], [0.5]]))
    >>> select(View.of(neighbours=crowd), 1, rng=np.random.default_rng(0), k=1).tolist()  # the others are copies
    [2]
    """
    indices, distances = first(view.neighbours, k)
    known = indices >= 0
    many = known.sum(axis=1)
    mean = np.where(known, distances, 0.0).sum(axis=1, dtype=np.float64) / np.maximum(many, 1)
    mean[many == 0] = mean.max(initial=0.0) or 1.0  # an item without neighbours is as lonely as the loneliest
    with np.errstate(divide="ignore"):
        weight = alpha * np.log(mean) if alpha else np.zeros(len(mean))
    # Ordering exponential variables divided by the weights is the same as drawing one after the other; in logarithms
    # no power can overflow, and what has no chance comes last, in an order of its own.
    arrival = np.log(rng.exponential(size=len(mean))) - weight
    return np.lexsort((rng.permutation(len(mean)), arrival))[:budget]
