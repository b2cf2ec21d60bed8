"""GraNd: how hard an item pulls at the student's last layer, the length of its loss gradient there.

With error a = p - onehot(y) and features h, the gradient of cross-entropy in a linear last layer is a for the bias and
a h^T for the weights, so its length is |a| * sqrt(1 + |h|^2): EL2N, weighted by how long the features are. No
gradient is built. Prefers items that are wrong, unusual (long features), or both. Blind to redundancy, and unable to
tell a hard item from a mislabelled one. `grand_full` differentiates all layers.

Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021.
The last layer alone: Guo, Zhao & Bai, DeepCore: A Comprehensive Library for Coreset Selection in Deep Learning,
DEXA 2022.
Differs: one run, where the paper averages ten; and the features are those of the finished student, whichever epoch
the error is taken from (for a head without a hidden layer they never change).
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
    title="GraNd (last layer)",
    cost="n * (C + h) time, n * C memory",
    blind_to="redundancy, and whether an item is hard or mislabelled",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2107.07075",
    tags=("dynamics", "gradients", "mislabel"),
    stochastic=False,
)


def score(
    view: View,
    *,
    epoch: Annotated[
        int, Field(ge=-1, le=1000, description="Epoch the error is taken from, counted from 0; -1 is the last.")
    ] = -1,
    bias: Annotated[bool, Field(description="Count the gradient of the bias as well as that of the weights.")] = True,
) -> np.ndarray:
    """float64 [m], the length of the last layer's gradient. Higher = harder.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.zeros((1, 2, 2)), "train", np.array([[0.0, 0.0], [0.0, 1.0]]))  # both undecided
    >>> score(View.of(labels=np.array([0, 1]), dynamics=run)).round(3)
    array([0.707, 1.   ])
    """
    run, labels = view.dynamics, view.labels
    if run.features is None:
        raise InputError("grand needs the student's features, which the recorded run does not have; use el2n instead")
    if epoch >= len(run.logits):
        raise InputError(
            f"grand: epoch = {epoch}, but the recorded run has {len(run.logits)} epochs, counted from 0; lower it"
        )
    length = np.empty(len(labels))
    for part in blocks(*run.logits.shape[1:]):
        error, own = probabilities(run.logits[epoch][part]), labels[part]
        error[np.arange(len(own)), own] -= 1
        length[part] = np.linalg.norm(error, axis=1)
    squared = np.einsum("ij,ij->i", run.features, run.features, dtype=np.float64)
    return length * np.sqrt(squared + bias)
