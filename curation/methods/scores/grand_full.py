"""GraNd over all layers: the length of the loss gradient in every weight of the student, item by item.

What the paper defines; `grand` is its last layer alone, which needs no gradients. Taken from the checkpoints of the
recorded run, in evaluation mode on clean inputs. Prefers items that would change the student most. Blind to
redundancy, and unable to tell a hard item from a mislabelled one. A small ResNet on 10,000 images needs minutes on a
CPU, because every item has a gradient of its own.

Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021.
Differs: one run, where the paper averages ten; "first" is the earliest checkpoint that was kept, a tenth to a quarter
into the run, since gradients at initialisation were reported to say little but the size of the input (unverified).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="GraNd (all layers)",
    cost="n per-item backward passes per checkpoint, 64 MB of gradients: a minute per 10,000 images on a CPU",
    blind_to="redundancy, and whether an item is hard or mislabelled",
    needs=("network", "labels"),
    paper="https://arxiv.org/abs/2107.07075",
    tags=("network", "gradients", "slow"),
    requires=("torch",),
    stochastic=False,
)

_NUMBERS = 1 << 24  # of gradients held at once


def score(
    view: View,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    checkpoints: Annotated[
        Literal["first", "last", "mean"],
        Field(description="Where in training: the earliest checkpoint kept, the last, or the mean over all."),
    ] = "first",
) -> np.ndarray:
    """float64 [m], the length of the gradient in all weights. Higher = harder.

    >>> made = score(toy.view())
    >>> bool(made[toy.MISTAKES].min() > np.median(made))
    True
    """
    network, labels = view.network, view.labels
    used = {"first": [0], "last": [-1], "mean": range(network.checkpoints)}[checkpoints]
    total = np.zeros(len(labels))
    for number, checkpoint in enumerate(used):
        lengths = _lengths(*network.at(checkpoint, device), labels, device)
        for rows, values in lengths:
            total[rows] += values
            progress(number * len(labels) + rows[-1] + 1, len(used) * len(labels))
    return total / len(used)


def _lengths(inputs: Callable, logits_of, labels: np.ndarray, device: str):
    """Yield (rows, float64 lengths) block by block."""
    import torch
    from torch.func import functional_call, grad, vmap
    from torch.nn.functional import cross_entropy

    weights = {name: value.detach() for name, value in logits_of.named_parameters()}

    def loss(weights, x, label):
        return cross_entropy(functional_call(logits_of, weights, (x[None],)), label[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))
    step = min(max(1, _NUMBERS // sum(w.numel() for w in weights.values())), 256)
    for start in range(0, len(labels), step):
        rows = np.arange(start, min(start + step, len(labels)))
        made = each(weights, inputs(rows), torch.as_tensor(labels[rows]).to(device))
        squared = sum(g.flatten(1).square().sum(dim=1, dtype=torch.float64) for g in made.values())
        yield rows, squared.sqrt().cpu().numpy()
