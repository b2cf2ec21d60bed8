"""DeepFool: the items that need the smallest push to change the student's mind.

Every input is moved in straight steps towards the nearest of the other classes, each step solving the problem as if
the student were linear, until its prediction changes; the items with the smallest squared length of the whole move lie
nearest the decision boundary and are taken first. Labels are not used. Blind to redundancy along the boundary, and
fond of mislabelled and ambiguous items. Time n * steps * (classes + 1) passes back through the student: seconds for a
linear one, for a small convolutional one on a CPU plan several minutes per 10,000 images; memory a batch. Distances
are measured on standardised inputs.

Differs: an item whose prediction did not change within `steps` comes after all whose did, where the authors' length so
far would make it look close. Only the `classes` likeliest other classes are tried, as in the attack's own paper
(Moosavi-Dezfooli, Fawzi & Frossard, DeepFool, CVPR 2016), from which the overshoot of 2 % is taken, too.

Ducoffe & Precioso, Adversarial Active Learning for Deep Networks: a Margin Based Approach, arXiv 1802.09841, 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError

CARD = Card(
    title="DeepFool (nearest the boundary)",
    cost="n * steps * classes passes back through the student; minutes for a convolutional one on a CPU",
    blind_to="redundancy along the boundary; fond of mislabelled items",
    suits="clean data and a network of your own",
    seconds=(0.023, 0.17),
    grid=51.32,
    needs=("network",),
    paper="https://arxiv.org/abs/1802.09841",
    tags=("uncertainty", "gradients"),
    requires=("torch",),
    nested=True,
)

_OVERSHOOT = 1.02  # how far past the boundary is looked, so that landing on it counts as crossing


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    steps: Annotated[int, Field(ge=1, le=1000, description="Largest number of steps; published: 50.")] = 50,
    classes: Annotated[int, Field(ge=1, le=10_000, description="Other classes tried, the likeliest ones.")] = 9,
    batch: Annotated[int, Field(ge=1, le=65_536, description="Inputs per batch.")] = 256,
) -> np.ndarray:
    """Positions int64 [budget], the smallest move first; equal moves in an order drawn by the seed.

    >>> from curation.training import nets
    >>> from curation.training.checkpoints import Network
    >>> import torch
    >>> x = np.array([[3.0], [-1.0], [0.5]], np.float32)  # a boundary at 0: logits are x and -x
    >>> net = Network(
    ...     build=lambda device: nets.mlp(np.zeros(1), np.ones(1), 0, 2, seed=0),
    ...     load=lambda rows, device: torch.tensor(x[rows]),
    ...     weights=np.array([[0, 1, 1, -1, 0, 0]], np.float32),  # mean, scale, weights, biases
    ...     epochs=np.array([0]),
    ...     rows=np.arange(3),
    ... )
    >>> select(View.of(network=net), 3, rng=np.random.default_rng(0)).tolist()
    [2, 1, 0]
    """
    inputs, logits_of = view.network.at(-1, device)
    length, crossed = np.empty(len(view)), np.empty(len(view), bool)
    for at in range(0, len(view), batch):
        part = np.arange(at, min(at + batch, len(view)))
        length[part], crossed[part] = _push(inputs(part), logits_of, steps, classes)
        progress(int(part[-1]) + 1, len(view))
    return np.lexsort((rng.permutation(len(view)), length, ~crossed))[:budget]


def _push(x, logits_of: Callable, steps: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(squared length of the move, whether the prediction changed) for inputs x [b, ...]."""
    import torch

    with torch.no_grad():
        likeliest = logits_of(x).argsort(dim=1, descending=True, stable=True)[:, : classes + 1]  # own class first
    if likeliest.shape[1] < 2:
        raise InputError("deepfool needs a student of at least two classes; this one has 1")
    move = torch.zeros_like(x)
    crossed = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    open_ = torch.arange(len(x), device=x.device)  # still moving
    for _ in range(steps):
        gap, slope = _towards(x[open_] + _OVERSHOOT * move[open_], logits_of, likeliest[open_])
        size = slope.flatten(2).norm(dim=2)  # [b, t]
        flat = size <= 1e-12
        ratio = (gap / size.clamp(min=1e-12)).masked_fill(flat, torch.inf)
        nearest = ratio.argmin(dim=1)
        rows = torch.arange(len(open_), device=x.device)
        far, across = ratio[rows, nearest], slope[rows, nearest]
        moves = torch.isfinite(far)  # a student that is flat here shows no way
        scale = (far / size[rows, nearest].clamp(min=1e-12))[moves]
        open_ = open_[moves]
        move[open_] += scale.view(-1, *[1] * (x.dim() - 1)) * across[moves]
        with torch.no_grad():
            now = logits_of(x[open_] + _OVERSHOOT * move[open_]).argmax(dim=1)
        changed = now != likeliest[open_, 0]
        crossed[open_[changed]] = True
        open_ = open_[~changed]
        if len(open_) == 0:
            break
    length = move.flatten(1).double().square().sum(dim=1)
    return length.cpu().numpy(), crossed.cpu().numpy()


def _towards(x, logits_of: Callable, likeliest):
    """How far every other class lies behind (gap [b, t] >= 0) and which way it comes closer (slope [b, t, ...])."""
    import torch

    x = x.detach().requires_grad_(True)
    logits = logits_of(x).gather(1, likeliest)
    slopes = []
    for t in range(1, likeliest.shape[1]):
        lead = (logits[:, t] - logits[:, 0]).sum()  # rows do not mix, so the gradient of the sum is every row's own
        slopes.append(torch.autograd.grad(lead, x, retain_graph=t + 1 < likeliest.shape[1])[0])
    gap = (logits[:, :1] - logits[:, 1:]).detach().abs()
    return gap, torch.stack(slopes, dim=1)
