"""Gradients of a network on real and on synthetic images brought together, class by class: DC and DSA.

    loss = sum over classes, layers and outputs of  1 - cosine(gradient on real, gradient on synthetic)

Every network is matched at `matches` points of its training on the synthetic set, then a new one begins.

Zhao, Mopuri & Bilen, Dataset Condensation with Gradient Matching, ICLR 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.data.results import Condensed
from curation.data.view import View
from curation.training import experts, siamese
from curation.training.condensing import Watch, effort
from curation.training.real_images import RealImages
from curation.training.synthetic import Start, Synthetic, seed_of

EPSILON = 1e-6  # of the cosine's denominator, as published
INNER_LR = 0.01  # of the network's plain gradient descent on the synthetic set


@dataclass(frozen=True)
class Settings:
    """iterations: steps on the images. matches: of them with each network. inner: steps the network takes on the
    synthetic set between two. batch: real images of a class. lr: Adam's. augment: the same change on both sides."""

    iterations: int
    matches: int
    inner: int
    batch: int
    lr: float
    width: int
    start: Start
    augment: siamese.Augment
    published: bool


def condense(
    view: View, per_class: int, settings: Settings, *, seed: int, device: str, watch: Watch, progress: Callable | None
) -> Condensed:
    """per_class images of every class. Second order: a step differentiates the gradient on the synthetic images."""
    import torch
    from torch.nn.functional import cross_entropy

    real = RealImages(view, device)
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), settings.start)
    changes, net, weights = siamese.kinds(settings.augment, real.grey), None, []

    def loss(t: int, images):
        nonlocal net, weights
        rng = np.random.default_rng([seed, t])
        if t % settings.matches == 0 or net is None:
            net = experts.network(real, seed_of(seed, t), settings.width, published=settings.published)
            weights = list(net.parameters())
        else:
            learn(images.detach(), rng)
        rows, total = real.draw(rng, settings.batch), 0.0
        for place, code in enumerate(real.present):
            change = siamese.draw(changes, rng)
            mine = images[made.owner == place]
            there = siamese.apply(change, real.batch(rows[place]))
            wanted = torch.autograd.grad(cross_entropy(net(there), _codes(code, there)), weights)
            here = siamese.apply(change, mine)
            found = torch.autograd.grad(cross_entropy(net(here), _codes(code, here)), weights, create_graph=True)
            total = total + distance(found, [g.detach() for g in wanted])
        made.passes.update(real_forward=rows.size, real_backward=rows.size, synthetic=2 * len(images))
        return total

    def learn(images, rng: np.random.Generator) -> None:
        for _ in range(settings.inner):
            x = siamese.apply(siamese.draw(changes, rng), images)
            gradients = torch.autograd.grad(cross_entropy(net(x), made.target), weights)
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    weight -= INNER_LR * gradient
        made.passes.update(synthetic=settings.inner * len(images))

    return made.optimise(
        loss,
        iterations=settings.iterations,
        lr=settings.lr,
        watch=watch,
        progress=progress,
        settled=lambda done: done % settings.matches == 0,
    )


def published(per_class: int) -> tuple[int, int, int, int, int]:
    """The papers' iterations, matches, inner, batch and width."""
    matches, inner = {1: (1, 1), 10: (10, 50), 50: (50, 10)}.get(per_class, (10, 50))
    return 1000 * matches, matches, inner, 256, 128


def passes(
    m: int, per_class: int, classes: int, *, iterations: int, batch: int, inner: int, width: int, preset: str, **rest
) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    if preset == "paper":
        iterations, _, inner, batch, width = published(per_class)
    trained = iterations * classes * (batch + (3 + inner) * per_class)  # second order takes three times as long
    return effort(seen=0, trained=trained, width=width, published=preset == "paper")


def distance(found, wanted):
    """Sum over layers and outputs of 1 - cosine; biases and norms count nothing, as published.

    >>> import torch
    >>> g = [torch.eye(2), torch.ones(2)]
    >>> round(float(distance(g, g)), 4), round(float(distance(g, [-x for x in g])), 4)
    (0.0, 4.0)
    """
    total = 0.0
    for a, b in zip(found, wanted, strict=True):
        if a.ndim > 1:
            a, b = a.flatten(1), b.flatten(1)
            norms = a.norm(dim=1) * b.norm(dim=1) + EPSILON
            total = total + (1 - (a * b).sum(dim=1) / norms).sum()
    return total


def _codes(code: int, images):
    import torch

    return torch.full((len(images),), int(code), device=images.device)
