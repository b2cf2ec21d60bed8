"""DUAL: uncertain and difficult at once, early in training.

For every window of epochs the standard deviation of the confidence in the given label times one minus its mean; the
mean over windows of the first epochs. Prefers items that move while still mostly wrong, so it settles much earlier in
training than Dyn-Unc. Blind to redundancy; keeping only the highest fails when little is kept, which the paper repairs
by sampling towards easy items.

Cho, Shin, Kang & Yun, Lightweight Dataset Pruning without Full Training via Example Difficulty and Prediction
Uncertainty, ICML 2025.
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
    title="DUAL",
    cost="epochs * n * C time, epochs * n memory",
    blind_to="redundancy",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2502.06905",
    tags=("dynamics", "uncertainty"),
    stochastic=False,
)


def score(
    view: View,
    *,
    epochs: Annotated[int, Field(ge=2, le=1000, description="First epochs used; the paper's 30 for CIFAR.")] = 30,
    window: Annotated[int, Field(ge=2, le=100, description="Epochs per window; at most those used.")] = 10,
) -> np.ndarray:
    """float64 [m]. Higher = harder. A shorter run is used to its end.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [99.0, 0.0]]]), "train", np.zeros((2, 1)))
    >>> score(View.of(labels=np.array([0, 0]), dynamics=run, classes=["a", "b"])).round(3)  # std .354 * (1 - .75)
    array([0.   , 0.088])
    """
    q = given_probability(view.dynamics.logits[:epochs], view.labels)
    if len(q) < 2:
        raise InputError("dual needs a recorded run of at least 2 epochs; this one has 1")
    window = min(window, len(q))
    parts = [q[k : k + window] for k in range(len(q) - window + 1)]
    return np.mean([part.std(axis=0, ddof=1) * (1 - part.mean(axis=0)) for part in parts], axis=0)
