"""DM: distribution matching, the means of real and synthetic features brought together.

    loss = sum over classes of | mean f(real) - mean f(synthetic) |^2      f: a network nobody has trained

Every network gives another view of the data; what looks alike to all of them trains alike. First order and stable, the
one to begin with. Blind to the labels of single items, to everything but means, and, at one item per class, hardly
better than the mean image.

Zhao & Bilen, Dataset Condensation with Distribution Matching, WACV 2023. Differs: narrower networks, each used for five
iterations, one augmentation for all classes of an iteration, and Adam on the images (`preset` sets the paper's sizes).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training import siamese
from curation.training.condensing import Watch
from curation.training.distribution_matching import PUBLISHED, mean_loss, passes  # noqa: F401 - passes: the estimate
from curation.training.real_images import RealImages
from curation.training.synthetic import Start, Synthetic

CARD = Card(
    title="DM (distribution matching)",
    cost="iterations * (C * batch + M) * width^2 * s^2 time, batch memory",
    blind_to="the labels of single items, and everything but means",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2110.04181",
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
    iterations: Annotated[int, Field(ge=1, le=1_000_000, description="Steps on the images.")] = 300,
    batch: Annotated[int, Field(ge=1, le=4096, description="Real images of every class per step.")] = 32,
    lr: Annotated[float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of the pixels.")] = 0.05,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the networks' layers.")] = 32,
    start: Annotated[Start, Field(description="Random real images, or noise.")] = "real",
    augment: Annotated[
        siamese.Augment, Field(description="Random changes; auto turns left to right where there is colour only.")
    ] = "auto",
    preset: Annotated[
        Literal["auto", "paper"],
        Field(description="paper: 20,000 steps, 256 real images a class, width 128; for a GPU."),
    ] = "auto",
) -> Condensed:
    """per_class images of every class.

    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", iterations=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    if preset == "paper":
        iterations, batch, width = PUBLISHED
    watch, real = watch or Watch(), RealImages(view, device)
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), start)
    loss = mean_loss(
        made,
        real,
        seed=seed,
        width=width,
        augment=augment,
        draw=lambda t, rng: real.draw(rng, batch),
        published=preset == "paper",
    )
    return made.optimise(loss, iterations=iterations, lr=lr, watch=watch, progress=progress)
