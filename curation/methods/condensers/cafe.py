"""CAFE: distribution matching layer by layer, and means that tell real images apart.

    loss = sum over layers of weight * | mean f_l(real) - mean f_l(synthetic) |^2  +  0.01 * discrimination

Discrimination: real images are classified by the means of the synthetic ones. A network learns from the synthetic set
between steps and is given up when it learns no more. Blind to the labels of single items.

Wang, Zhao, Peng, Zhu, Yang, Wang, Huang, Bilen, Wang & You, CAFE: Learning to Condense Dataset by Aligning Features,
CVPR 2022. Differs: both inner loops have a bound, narrower networks, and Adam on the images.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training import experts, siamese
from curation.training.condensing import Watch, effort
from curation.training.real_images import RealImages
from curation.training.synthetic import Start, Synthetic, seed_of

CARD = Card(
    title="CAFE (feature alignment)",
    cost="iterations * (C * batch + M) * width^2 * s^2 time, batch memory",
    blind_to="the labels of single items",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2203.01531",
    tags=("network",),
    requires=("torch",),
)

DISCRIMINATION = 0.01  # weight of telling real images apart
EARLY, LATE = 0.1, 1.0  # weights of the layers before the last two, and of those
SETTLED, WINDOW, LONGEST = 0.04, 5, 20  # a network whose last accuracies differ by less is given up; at most so long
INNER_LR = 0.01


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str,
    watch: Watch | None = None,
    progress=None,
    iterations: Annotated[int, Field(ge=1, le=1_000_000, description="Steps on the images.")] = 300,
    batch: Annotated[int, Field(ge=1, le=4096, description="Real images of every class per step.")] = 32,
    lr: Annotated[float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of the pixels.")] = 0.05,
    inner: Annotated[
        int, Field(ge=0, le=1000, description="Steps a network takes on the synthetic set between two of the images.")
    ] = 2,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the networks' layers.")] = 32,
    start: Annotated[Start, Field(description="Random real images, or noise.")] = "real",
    augment: Annotated[
        siamese.Augment, Field(description="Random changes; auto turns left to right where there is colour only.")
    ] = "auto",
) -> Condensed:
    """per_class images of every class.

    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", iterations=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    import torch
    from torch.nn.functional import cross_entropy

    watch, real = watch or Watch(), RealImages(view, device)
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), start)
    changes, net, accuracies = siamese.kinds(augment, real.grey), None, []

    def loss(t: int, images):
        nonlocal net, accuracies
        rng = np.random.default_rng([seed, t])
        if net is None:
            net, accuracies = experts.network(real, seed_of(seed, t), width), []
        else:
            learn(images.detach(), rng)
        change, rows = siamese.draw(changes, rng), real.draw(rng, batch)
        with torch.no_grad():
            there = layers(net, siamese.apply(change, real.batch(rows.reshape(-1))))
        here = layers(net, siamese.apply(change, images))
        total = 0.0
        for number, (a, b) in enumerate(zip(here, there, strict=True)):
            wanted = b.view(*rows.shape, *b.shape[1:]).mean(dim=1)
            weight = LATE if number >= len(here) - 2 else EARLY
            total = total + weight * (made.class_means(a) - wanted).square().sum()
        centres = made.class_means(here[-1].flatten(1))
        places = torch.arange(len(rows), device=device).repeat_interleave(rows.shape[1])
        apart = cross_entropy(there[-1].flatten(1) @ centres.T, places, reduction="sum")
        with torch.no_grad():
            known = net.head(there[-1].flatten(1)).argmax(dim=1).cpu().numpy()
        accuracies.append(float((known == view.labels[rows.reshape(-1)]).mean()))
        made.passes.update(real_forward=rows.size, synthetic=len(images))
        last = accuracies[-WINDOW:]
        if len(accuracies) >= LONGEST or (len(last) == WINDOW and max(last) - min(last) < SETTLED):
            net = None
        return total + DISCRIMINATION * apart

    def learn(images, rng: np.random.Generator) -> None:
        weights = list(net.parameters())
        for _ in range(inner):
            x = siamese.apply(siamese.draw(changes, rng), images)
            gradients = torch.autograd.grad(cross_entropy(net(x), made.target), weights)
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight -= INNER_LR * gradient
        made.passes.update(synthetic=inner * len(images))

    return made.optimise(
        loss, iterations=iterations, lr=lr, watch=watch, progress=progress, settled=lambda done: net is None
    )


def layers(net, images) -> list:
    """What comes out of every block, [b, width, s, s], the last one first seen by the head."""
    from torch import nn

    found, x = [], images
    for layer in net.body[:-1]:
        x = layer(x)
        if isinstance(layer, nn.ReLU):
            found.append(x)
    return found


def passes(m: int, per_class: int, classes: int, *, iterations: int, batch: int, inner: int, width: int, **_) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    steps = iterations * classes
    return effort(seen=steps * batch, trained=steps * per_class * (1 + inner), width=width)
