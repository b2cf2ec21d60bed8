"""TDDS: how unevenly an item's predictions move from epoch to epoch.

Depth one, for neighbouring epochs: the sum over classes of |p' (log p' - log p)|. Depth two, within a window of epochs:
how far these moves are from their mean. The windows are averaged with weights that decay into the past; with the
published decay of 0.9 the last window carries 90 % of the weight, so `epochs` decides which stage of training is
looked at. High means eventful, not hard. Labels are not used. Blind to redundancy and to items that never move.

Zhang, Du, Li, Xie & Zhou, Spanning Training Progress: Temporal Dual-Depth Scoring (TDDS) for Enhanced Dataset Pruning,
CVPR 2024.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import blocks, probabilities

CARD = Card(
    title="Temporal dual-depth score",
    cost="epochs * n * C time, epochs * n memory",
    blind_to="the given labels, and items whose prediction never moves",
    needs=("dynamics",),
    paper="https://arxiv.org/abs/2311.13613",
    tags=("dynamics", "uncertainty", "label-free"),
    stochastic=False,
)


def score(
    view: View,
    *,
    epochs: Annotated[int, Field(ge=3, le=1000, description="First epochs used; fewer suit smaller subsets.")] = 30,
    window: Annotated[int, Field(ge=3, le=100, description="Epochs per window; at most those used.")] = 10,
    decay: Annotated[float, Field(gt=0, le=1, description="Weight of a window against those before it.")] = 0.9,
) -> np.ndarray:
    """float64 [m]. Higher = more eventful. A shorter run is used to its end.

    >>> from curation.data.results import Dynamics
    >>> still, moves = np.zeros((3, 1, 2)), np.array([[[0.0, 0.0]], [[0.0, 0.0]], [[9.0, 0.0]]])
    >>> run = Dynamics(np.concatenate([still, moves], axis=1), "train", np.zeros((2, 1)))
    >>> score(View.of(dynamics=run)).round(2)
    array([0.  , 0.44])
    """
    used = view.dynamics.logits[:epochs]
    if len(used) < 3:
        raise InputError(f"tdds needs a recorded run of at least 3 epochs; this one has {len(used)}")
    moves = _moves(used)
    window = min(window, len(used))
    total = np.zeros(moves.shape[1])
    for k in range(len(used) - window + 1):  # every window but the newest fades as another is added
        part = moves[k : k + window - 1]
        total = (1 - decay) * total + decay * np.linalg.norm(part - part.mean(axis=0), axis=0)
    return total


def _moves(logits: np.ndarray) -> np.ndarray:
    """float64 [E-1, m]: how far the probabilities went between neighbouring epochs."""
    made = np.empty((len(logits) - 1, logits.shape[1]))
    for part in blocks(*logits.shape[1:]):
        before = probabilities(logits[0][part])
        for at, epoch in enumerate(logits[1:]):
            after = probabilities(epoch[part])
            made[at, part] = np.abs(after * (np.log(after + 1e-8) - np.log(before + 1e-8))).sum(axis=1)
            before = after
    return made
