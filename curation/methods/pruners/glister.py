"""GLISTER: items whose gradients lower the loss on all items most, one look ahead.

If the student's last layer took one step along the picks' gradients, how far would the loss fall? To first order item j
adds <g_j, G>, where G is the gradient of the loss on all items after that step; the largest are taken, in `rounds`
rounds, and G is computed again after each, so that what the picks have already taught no longer counts. Prefers items
that pull where the student is still wrong, whole classes of them; blind to wrong labels, which pull hardest, and
within a round to redundancy. On a student that fits its data well G is close to nothing and the choice is noisy.

Time rounds * n * C * h, memory n * (C + h); gradients are multiplied, never written out (maths/gradients.py).
Equals go by their place.

Killamsetty, Sivasubramanian, Ramakrishnan & Iyer, GLISTER: Generalization based Data Subset Selection for Efficient and
Robust Learning, AAAI 2021.
Differs: the loss is that on the train rows, not on a validation set, so that no test row is seen; one selection from
the recorded run; the step is measured in lengths of the features and grows with the picks to its full size at the
budget. DeepCore passes the update of G under a misspelt name, so its G never changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import probabilities
from curation.maths.gradients import HeadGradients, last_layer

CARD = Card(
    title="GLISTER",
    cost="rounds * n * C * h time, n * (C + h) memory",
    blind_to="wrong labels, and redundancy within a round",
    suits="clean data on which the student still errs",
    seconds=(0.026, 0.29),
    grid=49.5,
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2012.10630",
    tags=("gradients",),
    stochastic=False,
)


def select(
    view: View,
    budget: int,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    rounds: Annotated[
        int, Field(ge=1, le=10_000, description="Number of rounds; each computes the gradient of the loss again.")
    ] = 15,
    step: Annotated[
        float,
        Field(ge=0, le=1000, description="Step along the mean gradient of all picks, over the features' mean square."),
    ] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken: by rounds, the largest gain first.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[2.0, 0.0], [2.0, 0.0], [0.0, 0.0]]]), "eval", np.array([[1.0], [1.0], [0.5]]))
    >>> select(View.of(labels=np.array([0, 0, 1]), dynamics=run), 2, rounds=2).tolist()  # the undecided one first
    [2, 0]
    """
    gradients, labels = last_layer(view, "glister"), view.labels
    logits = np.asarray(view.dynamics.logits[-1], np.float64)
    mean_square = float(np.einsum("ij,ij->", gradients.features, gradients.features, dtype=np.float64)) / len(labels)
    picks, taken, moved = (
        [np.empty(0, np.int64)],
        np.zeros(len(labels), bool),
        np.zeros((logits.shape[1], gradients.features.shape[1])),
    )
    for some in np.array_split(np.arange(budget), min(rounds, budget)) if budget else ():
        shifted = logits - (step / (budget * mean_square)) * (gradients.features @ moved.T.astype(np.float32))
        gain = gradients.toward(_loss_gradient(gradients, shifted, labels)).astype(np.float64)
        gain[taken] = -np.inf
        best = np.argsort(-gain, kind="stable")[: len(some)]
        picks.append(best)
        taken[best] = True
        moved = moved + gradients.sum(best)
        progress(len(some) + int(some[0]), budget)
    return np.concatenate(picks)


def _loss_gradient(gradients: HeadGradients, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float32 [C, h + 1]: the gradient of the loss, summed over all items, where the logits are these."""
    error = probabilities(logits)
    error[np.arange(len(labels)), labels] -= 1
    return HeadGradients(error.astype(np.float32), gradients.features).sum()
