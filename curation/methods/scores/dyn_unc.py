"""Dyn-Unc: how much the confidence in the given label moves within a sliding window of epochs, on average.

High for items that are learned, lost and learned again; low for those always right and always wrong, so mislabelled
items are not preferred. Higher = more uncertain, which is not the same as harder. Blind to redundancy and to what
changes slower than the window. The published code leaves out the last window; so does this, where there are two.

He, Yang, Huang & Zhao, Large-scale Dataset Pruning with Dynamic Uncertainty, CVPR 2024 workshops.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import given_probability

CARD = Card(
    title="Dynamic uncertainty",
    cost="E * n * C time, E * n memory",
    blind_to="items that are always wrong",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2306.05175",
    tags=("dynamics", "uncertainty"),
    stochastic=False,
)


def score(
    view: View,
    *,
    window: Annotated[int, Field(ge=2, le=100, description="Epochs per window; at most the whole run is used.")] = 10,
) -> np.ndarray:
    """float64 [m], mean over windows of the standard deviation (ddof 1). Higher = more uncertain.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [99.0, 0.0]]]), "train", np.zeros((2, 1)))
    >>> score(View.of(labels=np.array([0, 0]), dynamics=run, classes=["a", "b"])).round(3)
    array([0.   , 0.354])
    """
    q = given_probability(view.dynamics.logits, view.labels)
    if len(q) < 2:
        raise InputError("dyn_unc needs a recorded run of at least 2 epochs; this one has 1")
    window = min(window, len(q))
    starts = range(max(len(q) - window, 1))
    return np.mean([q[k : k + window].std(axis=0, ddof=1) for k in starts], axis=0)
