"""Means of features of real and synthetic images brought together, class by class: the loss of DM and its relatives.

    loss = sum over classes of | mean f(real) - mean f(synthetic) |^2      f: a network nobody has trained

Zhao & Bilen, Dataset Condensation with Distribution Matching, WACV 2023.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.training import experts, siamese
from curation.training.condensing import effort
from curation.training.real_images import RealImages
from curation.training.synthetic import Synthetic, seed_of

USES = 5  # iterations with one network: a new one for each is no better and costs its making
PUBLISHED = (20_000, 256, 128)  # iterations, batch and width of the papers' runs


def passes(m: int, per_class: int, classes: int, *, iterations: int, batch: int, width: int, preset: str, **_) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    if preset == "paper":
        iterations, batch, width = PUBLISHED
    steps = iterations * classes
    return effort(seen=steps * batch, trained=steps * per_class, width=width, published=preset == "paper")


def mean_loss(
    made: Synthetic,
    real: RealImages,
    *,
    seed: int,
    width: int,
    augment: siamese.Augment,
    draw: Callable[[int, np.random.Generator], np.ndarray],
    published: bool = False,
) -> Callable[[int, object], object]:
    """(iteration, images [M, c, s, s]) -> the loss. draw: (iteration, generator) -> int64 [classes, b], real rows."""
    import torch

    changes = siamese.kinds(augment, real.grey)

    def loss(t: int, images):
        rng = np.random.default_rng([seed, t])
        net = experts.network(real, seed_of(seed, t // USES), width, published=published).body
        change, rows = siamese.draw(changes, rng), draw(t, rng)
        with torch.no_grad():
            wanted = net(siamese.apply(change, real.batch(rows.reshape(-1)))).view(*rows.shape, -1).mean(dim=1)
        found = made.class_means(net(siamese.apply(change, images)))
        made.passes.update(real_forward=rows.size, synthetic=len(images))
        return (found - wanted).square().sum()

    return loss
