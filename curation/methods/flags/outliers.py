"""Outliers: items far from everything else.

The mean cosine distance to the k nearest is compared with what is usual: flagged is whatever lies beyond the third
quartile by `fence` interquartile ranges. Finds foreign images, broken ones and very rare kinds; blind to strange
items that come in groups larger than k, and to anything unusual the encoder does not see. Time m * k, memory m.

Kuan & Mueller, Back to the Basics: Revisiting Out-of-Distribution Detection Baselines, ICML PODS Workshop 2022;
score and rule as in cleanlab's Datalab.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.similarity.exact import first

CARD = Card(
    title="Outliers",
    cost="n * k time, n memory",
    blind_to="strange items that come in groups larger than k",
    needs=("neighbours",),
    paper="https://arxiv.org/abs/2207.03061",
    tags=("outlier", "label-free"),
    version=2,
    rows="all",
    stochastic=False,
)


def flag(
    view: View,
    *,
    k: Annotated[int, Field(ge=1, le=200, description="Number of neighbours in the mean distance.")] = 10,
    fence: Annotated[
        float, Field(ge=0, le=10, description="Threshold: this many interquartile ranges above the third quartile.")
    ] = 1.7,
) -> Flags:
    """score float64 [m] in [0, 1): 1 - exp(-mean distance / its median); 0 for an item without neighbours.

    >>> from curation.data.results import Neighbours
    >>> d = np.array([[0.1]] * 9 + [[0.9]])
    >>> flag(View.of(neighbours=Neighbours(np.zeros((10, 1), int), d)), k=1).flagged.nonzero()[0].tolist()
    [9]
    """
    indices, distances = first(view.neighbours, k)
    there = indices >= 0
    mean = np.where(there, distances, 0.0).sum(axis=1, dtype=np.float64) / np.maximum(there.sum(axis=1), 1)
    low, median, high = np.quantile(mean, [0.25, 0.5, 0.75])
    scale = max(median, np.finfo(np.float64).eps)  # half of the items may be exact copies
    return Flags(
        score=1.0 - np.exp(-mean / scale),
        flagged=mean > high + fence * (high - low) + 1e-6,  # rounding alone makes no outlier
    )
