"""MTT: trajectory matching, a few steps on the synthetic images lead where many on the real ones did.

    loss = | w_N - w*_{t+1} |^2 / | w*_t - w*_{t+1} |^2      w_0 = w*_t, then N steps of gradient descent on the images

w* are stops on the way of an expert through its first epochs on the real data; the rate of the N steps is learnt with
the images. Long-sighted where gradient matching looks one step ahead, and dear: all N steps are differentiated, twice,
so N and the images of a step (`unroll`, `part`) bound the memory, not the set. The published results need hundreds of
experts on a GPU; here a few short ones show what it does. Blind to the labels of single items.

Cazenavette, Wang, Torralba, Efros & Zhu, Dataset Distillation by Matching Training Trajectories, CVPR 2022. Differs:
short trajectories with stops a part of an epoch apart, matched to the next stop only, and Adam on the images.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training import experts, siamese, trajectories
from curation.training.condensing import Watch, effort
from curation.training.real_images import RealImages
from curation.training.synthetic import Start, Synthetic, seed_of

CARD = Card(
    title="MTT (trajectory matching)",
    cost="(networks * epochs * n + iterations * unroll * part) * width^2 * s^2 time, unroll * part memory",
    blind_to="the labels of single items",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2203.11932",
    tags=("network",),
    requires=("torch",),
)


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str,
    watch: Watch | None = None,
    progress=None,
    iterations: Annotated[int, Field(ge=1, le=1_000_000, description="Steps on the images.")] = 150,
    unroll: Annotated[int, Field(ge=1, le=100, description="Training steps that are differentiated at once.")] = 8,
    part: Annotated[int, Field(ge=1, le=4096, description="Synthetic images of each of them, at most.")] = 64,
    networks: Annotated[int, Field(ge=1, le=1000, description="Experts whose ways are matched.")] = 3,
    epochs: Annotated[int, Field(ge=1, le=100, description="Epochs of each expert.")] = 4,
    stops: Annotated[int, Field(ge=1, le=1000, description="Stops on the way of each, evenly spread.")] = 12,
    lr: Annotated[float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of the pixels.")] = 0.05,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the networks' layers.")] = 32,
    start: Annotated[Start, Field(description="Random real images, or noise.")] = "real",
    augment: Annotated[
        siamese.Augment, Field(description="Random changes; auto turns left to right where there is colour only.")
    ] = "auto",
) -> Condensed:
    """per_class images of every class.

    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", iterations=2, networks=1, stops=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    import torch
    from torch.func import functional_call
    from torch.nn.functional import cross_entropy

    watch, real = watch or Watch(), RealImages(view, device)
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), start)
    changes, ways = siamese.kinds(augment, real.grey), []
    for number in range(networks):
        own = seed_of(seed, number)
        passed = experts.stages(view, real, seed=own, width=width, many=stops, epochs=epochs)
        ways.append([dict(net.named_parameters()) for net in (experts.network(real, own, width), *passed)])
        if progress is not None:
            progress(0, 1000, f"expert {number + 1} of {networks}")
    made.passes.update(real_forward=networks * epochs * len(view), real_backward=networks * epochs * len(view))
    net = experts.network(real, seed, width)

    def loss(t: int, images, rate):
        rng = np.random.default_rng([seed, t])
        way = ways[int(rng.integers(len(ways)))]
        at = int(rng.integers(len(way) - 1))

        def error(weights, _):
            rows = torch.from_numpy(rng.permutation(len(images))[:part]).to(images.device)
            seen = siamese.apply(siamese.draw(changes, rng), images[rows])
            made.passes.update(synthetic=2 * len(rows))
            return cross_entropy(functional_call(net, weights, (seen,)), made.target[rows])

        return trajectories.distance(way[at], way[at + 1], error, unroll, rate)

    rate = torch.tensor(float(np.log(experts.LR)), device=device)
    return made.optimise(
        loss,
        iterations=iterations,
        lr=lr,
        watch=watch,
        progress=progress,
        beside={"rate": (rate, trajectories.RATE_LR)},
    )


def passes(
    m: int,
    per_class: int,
    classes: int,
    *,
    iterations: int,
    unroll: int,
    part: int,
    networks: int,
    epochs: int,
    width: int,
    **_,
) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    unrolled = 3 * iterations * unroll * min(part, per_class * classes)  # second order takes three times as long
    return effort(seen=0, trained=networks * epochs * m + unrolled, width=width)
