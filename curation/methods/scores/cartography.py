"""Dataset cartography: confidence, variability and correctness of the given label over training.

With q the probability of the given label in every epoch: low mean q = hard to learn (rich in mislabelled items), high
standard deviation = ambiguous (what the paper trains on), few epochs with the right guess = rarely learned. Blind to
redundancy; with few epochs variability is coarse and mostly says how fast an item was learned.

Swayamdipta et al., Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics, EMNLP 2020.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import given_probability, margins

CARD = Card(
    title="Dataset cartography",
    cost="E * n * C time, E * n memory",
    blind_to="redundancy; with few epochs, all but the speed of learning",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2009.10795",
    tags=("dynamics", "mislabel"),
    stochastic=False,
)


def score(
    view: View,
    *,
    measure: Annotated[
        Literal["confidence", "variability", "correctness"],
        Field(description="Hard to learn (low confidence), ambiguous (high variability), or rarely right."),
    ] = "confidence",
) -> np.ndarray:
    """float64 [m], in 0..1: 1 - mean q, the population standard deviation of q, or the share of epochs it was wrong.
    Higher = harder (for variability: more ambiguous).

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[99.0, 0.0]], [[0.0, 99.0]]]), "train", np.zeros((1, 1)))
    >>> view = View.of(labels=np.array([0]), dynamics=run, classes=["a", "b"])
    >>> [score(view, measure=m).item() for m in ("confidence", "variability", "correctness")]
    [0.5, 0.5, 0.5]
    """
    logits, labels = view.dynamics.logits, view.labels
    if measure == "correctness":
        return 1 - np.mean([margins(epoch, labels) > 0 for epoch in logits], axis=0)
    q = given_probability(logits, labels)
    return 1 - q.mean(axis=0) if measure == "confidence" else q.std(axis=0)
