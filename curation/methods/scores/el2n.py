"""EL2N: how far the student's probabilities are from the given label, early in training.

The Euclidean norm of the error vector p - onehot(y), between 0 and the square root of 2, over early epochs, when easy
items are already learnt and hard ones are not yet memorised. Blind to redundancy, and unable to tell a hard item from
a mislabelled one. The paper takes one early epoch (20 of 200, clean passes) and the mean of ten runs; CCS and D2 add
up epochs 0-9 of a single run (training passes), which is what the defaults rank like. One run alone is noisy.

Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021.
Zheng, Liu, Lai & Prakash, Coverage-centric Coreset Selection for High Pruning Rates, ICLR 2023 (the sum over epochs).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import blocks, probabilities

CARD = Card(
    title="EL2N",
    cost="epochs * n * C time, n * C memory",
    blind_to="redundancy, and whether an item is hard or mislabelled",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2107.07075",
    tags=("dynamics", "mislabel"),
    stochastic=False,
)


def score(
    view: View,
    *,
    first: Annotated[int, Field(ge=0, le=1000, description="First epoch used, counted from 0.")] = 0,
    last: Annotated[int, Field(ge=1, le=1000, description="Epochs before this one are used; 10 means 0 to 9.")] = 10,
    reduce: Annotated[
        Literal["mean", "last", "sum"],
        Field(description="How to combine these epochs; mean and sum give the same order."),
    ] = "mean",
) -> np.ndarray:
    """float64 [m]. Higher = harder. Runs shorter than `last` are used to their end.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[9.0, -9.0], [9.0, -9.0], [0.0, 0.0]]]), "train", np.zeros((3, 1)))
    >>> score(View.of(labels=np.array([0, 1, 0]), dynamics=run)).round(2)  # right, wrong, undecided
    array([0.  , 1.41, 0.71])
    """
    logits, labels = view.dynamics.logits, view.labels
    chosen = logits[first:last]
    if len(chosen) == 0:
        raise InputError(
            f"el2n: no epoch lies between first = {first} and last = {last} in a recorded run of {len(logits)} epochs; "
            "choose first below both"
        )
    if reduce == "last":
        chosen = chosen[-1:]
    total = np.zeros(len(labels))
    for part in blocks(*chosen.shape[1:]):
        own = labels[part]
        for epoch in chosen:
            error = probabilities(epoch[part])
            error[np.arange(len(own)), own] -= 1
            total[part] += np.linalg.norm(error, axis=1)
    return total if reduce == "sum" else total / len(chosen)
