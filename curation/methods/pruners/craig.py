"""CRAIG: items whose gradients stand for those of all the others of their class, with weights.

Within each class, facility location on gradient distances, s_ij = constant - |g_i - g_j|: every pick shrinks the sum
of distances to the nearest pick most, which bounds how far the weighted sum of the picked gradients is from the full
one. An item's weight is the number of items of its class that it is nearest to; the weights of a class add up to its
size. Prefers the typical, one pick per way of being wrong. Blind to inputs: two different items with the same error
are the same to it, and to wrong labels, whose gradients are as good as any.

Classes get their share of the budget as everywhere (Sainte-Lague); a class whose share is 0 is not spoken for. Greedy
within a class is exact. Time: sum over classes of n_c^2 * (C + h), memory 4 n_c^2 bytes for the largest class (100 MB
at 5,000 items); classes beyond `dense_up_to` are compared anew for every look, which is slower: a single class of
50,000 items took 2 to 3 minutes and 1.3 GB for 5,000 picks.

Mirzasoleiman, Bilmes & Leskovec, Coresets for Data-efficient Training of Machine Learning Models, ICML 2020.
Differs: one selection from the recorded run instead of a new one every few epochs; picks count as nearest to
themselves, and weights are exact cluster sizes, where DeepCore's are one too large each.
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
from curation.maths.gradients import HeadGradients, last_layer
from curation.maths.selection.facility_location import facility_location

CARD = Card(
    title="CRAIG",
    cost="sum of n_c^2 * (C + h) time, minutes for a class of 50,000; 4 n_c^2 bytes for the largest class",
    blind_to="inputs behind equal errors, and wrong labels",
    suits="training with the weights it gives, on clean data",
    seconds=(0.046, 0.24),
    grid=55.74,
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/1906.01827",
    tags=("gradients", "submodular", "weights"),
    requires=("torch",),
    stochastic=False,
    weights=True,
    version=2,
)


def select(
    view: View,
    budget: int,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    layer: Annotated[
        Literal["logits", "head"],
        Field(description="Gradients of the logits, as published, or of the whole last layer, which needs features."),
    ] = "logits",
    dense_up_to: Annotated[
        int, Field(ge=1, le=200_000, description="Largest class whose distances are all kept in memory, 4 bytes each.")
    ] = 15_000,
) -> Selection:
    """rows [budget], all classes in turn, and their weights, which add up to the size of every class with a pick.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[3.0, 0.0], [3.1, 0.0], [2.9, 0.0], [0.0, 3.0]]]), "eval")
    >>> chosen = select(View.of(labels=np.zeros(4, int), dynamics=run), 2)  # three that are right, one that is wrong
    >>> chosen.rows.tolist(), chosen.weights.tolist()
    ([0, 3], [3.0, 1.0])
    """
    gradients, labels = last_layer(view, "craig", layer), view.labels
    rows, weights, turn, done = [np.empty(0, np.int64)], [np.empty(0)], [np.empty(0)], 0
    for code, quota in enumerate(quotas(np.bincount(labels), budget)):
        if quota == 0:
            continue
        members = np.flatnonzero(labels == code)
        similar = _similarity(gradients.take(members), device)
        hold = len(members) <= dense_up_to
        cover = facility_location(similar, len(members), int(quota), hold=hold, device=device)
        cover.owner[cover.picks] = cover.picks
        cover.owner[cover.owner < 0] = cover.picks[0]  # as far from every pick as can be
        rows.append(members[cover.picks])
        weights.append(np.bincount(cover.owner, minlength=len(members))[cover.picks])
        turn.append((np.arange(quota) + 0.5) / quota)  # each class's first come first, its last come last
        progress(done := done + int(quota), budget)
    order = np.argsort(np.concatenate(turn), kind="stable")
    return Selection(np.concatenate(rows)[order], np.concatenate(weights)[order].astype(np.float64))


def _similarity(gradients: HeadGradients, device: str) -> Callable:
    """A constant minus the distance, for `facility_location`. While nothing is negative, any constant will do."""
    import torch

    a, h = (torch.from_numpy(x).to(device) for x in (gradients.error, gradients.features))
    if h.shape[1] == 1:  # no product of features: distances may be taken from the middle, which rounds less
        a = a - a.mean(0)
        square = (a * a).sum(1)
    else:
        square = torch.from_numpy(gradients.squared_lengths().astype(np.float32)).to(device)
    constant = 2 * float(square.max().sqrt()) or 1.0

    def similar(rows, columns, out):
        torch.mm(h[rows], h[columns].T, out=out)
        out.mul_(a[rows] @ a[columns].T).mul_(-2).add_(square[columns]).add_(square[rows, None])
        out.clamp_(min=0).sqrt_().neg_().add_(constant).clamp_(min=0)
        own = torch.arange(len(rows), device=device)
        out[own, rows - (columns.start or 0)] = constant  # nothing is away from itself

    return similar
