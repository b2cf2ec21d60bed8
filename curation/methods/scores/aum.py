"""AUM: area under the margin, the mean lead of the given label's logit over the strongest other one.

Items the student keeps pulling away from their label have a low or negative margin throughout training; here the
sign is turned, so higher = harder. Good at finding mislabelled items; blind to redundancy (near copies score the
same) and, in one run, noisy for items near a boundary. The published code skips the first epoch; so does this.

Pleiss, Zhang, Elenberg & Weinberger, Identifying Mislabeled Data using the Area Under the Margin Ranking,
NeurIPS 2020.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import margins

CARD = Card(
    title="Area under the margin",
    cost="E * n * C time, n * C memory",
    blind_to="redundancy: near copies score alike",
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2001.10528",
    tags=("dynamics", "mislabel"),
    stochastic=False,
)


def score(
    view: View,
    *,
    skip: Annotated[int, Field(ge=0, le=100, description="First epochs to leave out; the paper's code skips one.")] = 1,
) -> np.ndarray:
    """float64 [m], minus the mean logit margin. Higher = harder.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[2.0, 0.0], [2.0, 0.0]]] * 2), "train", np.zeros((2, 1)))
    >>> score(View.of(labels=np.array([0, 1]), dynamics=run))
    array([-2.,  2.])
    """
    logits, labels = view.dynamics.logits, view.labels
    used = logits[min(skip, len(logits) - 1) :]  # a run of one epoch is all there is
    total = np.zeros(len(labels))
    for epoch in used:
        total += margins(epoch, labels)
    return -total / len(used)
