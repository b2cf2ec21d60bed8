"""DSA: gradient matching under the same random change of real and synthetic images.

DC, started from real images, with every step seen through a shift, a zoom, a cutout, a turn or other colours: the set
holds for a student that trains with augmentation. Blind to what networks other than its own learn from.

Zhao & Bilen, Dataset Condensation with Differentiable Siamese Augmentation, ICML 2021. Differs: narrower networks,
fewer of them, and Adam on the images (`preset` sets the paper's sizes; its inner training counts steps, not epochs).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training import gradient_matching, siamese
from curation.training.condensing import Watch
from curation.training.synthetic import Start

CARD = Card(
    title="DSA (gradient matching, augmented)",
    cost="iterations * C * (batch + 3 per_class) * width^2 * s^2 time, batch memory",
    blind_to="what networks other than its own learn from",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2102.08259",
    tags=("network", "slow"),
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
    matches: Annotated[int, Field(ge=1, le=1000, description="Steps with one network, which learns in between.")] = 5,
    inner: Annotated[
        int, Field(ge=0, le=1000, description="Steps the network takes on the synthetic set between two matches.")
    ] = 5,
    batch: Annotated[int, Field(ge=1, le=4096, description="Real images of every class per step.")] = 32,
    lr: Annotated[float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of the pixels.")] = 0.05,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the networks' layers.")] = 32,
    start: Annotated[Start, Field(description="Random real images, or noise.")] = "real",
    augment: Annotated[
        siamese.Augment, Field(description="Random changes; auto turns left to right where there is colour only.")
    ] = "auto",
    preset: Annotated[
        Literal["auto", "paper"],
        Field(description="paper: 1,000 networks, 256 real images a class, width 128; for a GPU."),
    ] = "auto",
) -> Condensed:
    """per_class images of every class.

    >>> import numpy as np
    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", iterations=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    if preset == "paper":
        iterations, matches, inner, batch, width = gradient_matching.published(per_class)
    settings = gradient_matching.Settings(
        iterations, matches, inner, batch, lr, width, start, augment, published=preset == "paper"
    )
    return gradient_matching.condense(
        view, per_class, settings, seed=seed, device=device, watch=watch or Watch(), progress=progress
    )


passes = gradient_matching.passes
