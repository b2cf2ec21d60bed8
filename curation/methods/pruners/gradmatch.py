"""GradMatch: few items whose weighted gradients add up to the gradient of all.

Orthogonal matching pursuit within each class: the item whose gradient points most along what the picks still miss is
taken, and all weights are solved for again, none negative. Prefers items with large gradients that agree with many
others, so it leans to the wrong and undecided ones, and is blind to wrong labels, whose gradients are the largest. A
class whose gap is closed before its budget is spent is filled up with items drawn by the seed, of weight 1.

Gradients are those of the recorded student's last layer (maths/gradients.py); they are multiplied, never
written out. Time n * quota * C * h + quota^3 per class, memory n * (C + h) + 16 quota^2 bytes.

Killamsetty, Sivasubramanian, Ramakrishnan, De & Iyer, GRAD-MATCH: Gradient Matching Based Data Subset Selection for
Efficient Deep Model Training, ICML 2021. Non-negative weights: Lawson & Hanson, Solving Least Squares Problems, 1974.
Differs: one selection from the recorded run instead of a new one every few epochs; the authors' code drops the most
negative weight and solves again, here weights leave as they reach zero; DeepCore returns fewer rows than asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.budget import quotas
from curation.data.results import Selection
from curation.data.view import View
from curation.maths.gradients import last_layer
from curation.maths.selection.pursuit import pursue
from curation.maths.threads import one_blas_thread

CARD = Card(
    title="GradMatch",
    cost="n * quota * C * h + quota^3 time per class, n * (C + h) memory",
    blind_to="wrong labels, whose gradients are the largest",
    suits="training with the weights it gives, on clean data",
    seconds=(0.079, 2.5),
    grid=49.88,
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2103.00123",
    tags=("gradients", "weights"),
    weights=True,
    version=2,
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    layer: Annotated[
        Literal["head", "logits"],
        Field(description="Gradients of the whole last layer, or of the logits only, which needs no features."),
    ] = "head",
    per_class: Annotated[
        bool, Field(description="Match the gradient of every class by its own items, or that of all by any.")
    ] = True,
    ridge: Annotated[
        float, Field(ge=0, le=1e6, description="Penalty on squared weights; spreads the weight over more items.")
    ] = 0.0,
    tolerance: Annotated[
        float, Field(ge=0, le=1, description="Stop when this share of the gradient's length is left, and fill up.")
    ] = 1e-4,
) -> Selection:
    """rows [budget], all classes in turn, and weights; items that only fill up come last, with weight 1.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.zeros((1, 4, 2)), "eval", np.array([[2.0], [0.0], [1.0], [1.0]]))  # all undecided
    >>> chosen = select(View.of(labels=np.zeros(4, int), dynamics=run), 1, rng=np.random.default_rng(0))
    >>> chosen.rows.tolist(), chosen.weights.round(2).tolist()  # the one that pulls hardest, as often as it needs
    ([0], [2.4])
    """
    gradients = last_layer(view, "gradmatch", layer)
    group = view.labels if per_class else np.zeros(len(view), np.int64)
    rows, weights, turn, done = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0)], 0
    for code, quota in enumerate(quotas(np.bincount(group), budget)):
        if quota == 0:
            continue
        members = np.flatnonzero(group == code)
        with one_blas_thread():
            picks, own = pursue(gradients.take(members), int(quota), ridge, tolerance)
        rest = rng.permutation(np.setdiff1d(np.arange(len(members)), picks))[: quota - len(picks)]
        rows.append(members[np.concatenate([picks, rest])])
        weights.append(np.concatenate([own, np.ones(len(rest))]))
        turn.append(np.concatenate([np.arange(len(picks)) / quota, 1 + np.arange(len(rest)) / quota]))
        progress(done := done + int(quota), budget)
    order = np.argsort(np.concatenate(turn), kind="stable")
    return Selection(np.concatenate(rows)[order], np.concatenate(weights)[order])
