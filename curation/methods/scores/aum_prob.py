"""AUM on probabilities: the accumulated lead of the given label's probability over the strongest other one.

What CCS calls the accumulated margin: like AUM but of probabilities, so an item counts at most 1 per epoch and a
student's growing logits do not outweigh its early doubts. Summed over all epochs, between -E and E; here the sign is
turned, so higher = harder. Not interchangeable with AUM. Blind to redundancy: near copies score alike.

Zheng, Liu, Lai & Prakash, Coverage-centric Coreset Selection for High Pruning Rates, ICLR 2023.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import blocks, margins, probabilities

CARD = Card(
    title="Area under the margin (probabilities)",
    cost="E * n * C time, n * C memory",
    blind_to="redundancy: near copies score alike",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2210.15809",
    tags=("dynamics", "mislabel"),
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m], minus the sum of the probability margins. Higher = harder.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[99.0, 0.0], [99.0, 0.0]]] * 2), "train", np.zeros((2, 1)))
    >>> score(View.of(labels=np.array([0, 1]), dynamics=run))
    array([-2.,  2.])
    """
    labels, logits, total = view.labels, view.dynamics.logits, np.zeros(len(view))
    for part in blocks(*logits.shape[1:]):
        for epoch in logits:
            total[part] += margins(probabilities(epoch[part]), labels[part])
    return -total
