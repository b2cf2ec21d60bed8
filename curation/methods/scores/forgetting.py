"""Forgetting events: how often the student had an item right and lost it again.

Counts epochs in which an item is wrong after it was right in the epoch before; "right" means that the given label's
logit is above all others. Items that were never right have no such event although they are the hardest; the paper
counts a whole run of events for them, more than any other item can reach, so infinity (as in SVP) would rank the
same. Several published re-implementations give them 0, the score of the easiest; `never_learned = "zero"` compares
with those. Blind to everything within a count: ties are massive and are broken by mean confidence in the given label.

Toneva, Sordoni, Tachet des Combes, Trischler, Bengio & Gordon, An Empirical Study of Example Forgetting during Deep
Neural Network Learning, ICLR 2019.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import given_probability, margins

CARD = Card(
    title="Forgetting events",
    cost="E * n * C time, E * n memory",
    blind_to="differences between items that are always right",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/1812.05159",
    tags=("dynamics",),
    stochastic=False,
)


def score(
    view: View,
    *,
    never_learned: Annotated[
        Literal["epochs", "zero"],
        Field(description="Events counted for items that were never right: as many as epochs (the paper), or none."),
    ] = "epochs",
) -> np.ndarray:
    """float64 [m]. Higher = harder. The whole part is the number of events; the rest, at most 0.5, breaks ties:
    half of one minus the mean confidence in the given label.

    >>> from curation.data.results import Dynamics
    >>> lead = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [1.0, 1.0, -1.0]])  # three epochs of three items
    >>> run = Dynamics(np.stack([lead, -lead], axis=2), "train", np.zeros((3, 1)))
    >>> np.floor(score(View.of(labels=np.array([0, 0, 0]), dynamics=run, classes=["a", "b"])))
    array([0., 1., 3.])
    """
    logits, labels = view.dynamics.logits, view.labels
    right = np.stack([margins(epoch, labels) > 0 for epoch in logits])  # [E, m]
    events = (right[:-1] & ~right[1:]).sum(axis=0).astype(np.float64)
    if never_learned == "epochs":
        events[~right.any(axis=0)] = len(logits)
    return events + 0.5 * (1 - given_probability(logits, labels).mean(axis=0))
