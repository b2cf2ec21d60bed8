"""DREAM: distribution matching against representatives instead of random real images.

The real images of a step are those next to the centres of k-means in their class, on the embeddings: their mean says
more of the class than that of as many random ones, so fewer steps do. Clustered anew every few steps, each time on a
random half of the class. Blind to wrong labels, which have clusters and so representatives of their own.

Liu, Gu, Wang, Zhu, Jiang & You, DREAM: Efficient Dataset Distillation by Representative Matching, ICCV 2023. Differs:
matches means of features (DM), clusters the embeddings at hand and not those of the current network, and never takes
one item twice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.maths.clusters import means
from curation.training import siamese
from curation.training.condensing import Watch
from curation.training.distribution_matching import PUBLISHED, mean_loss, passes  # noqa: F401 - passes: the estimate
from curation.training.real_images import RealImages
from curation.training.synthetic import Start, Synthetic

CARD = Card(
    title="DREAM (representatives)",
    cost="iterations * (C * batch + M) * width^2 * s^2 time, batch memory",
    blind_to="wrong labels, and everything but means",
    needs=("pixels", "embeddings", "labels"),
    paper="https://arxiv.org/abs/2302.14416",
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
    interval: Annotated[
        int, Field(ge=1, le=10_000, description="Steps until the representatives are chosen anew.")
    ] = 20,
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
    >>> view = View.of(pixels=pixels.astype(np.uint8), embeddings=np.eye(16), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", iterations=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    if preset == "paper":
        iterations, batch, width = PUBLISHED
    watch, real = watch or Watch(), RealImages(view, device)
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), start)

    @lru_cache(maxsize=1)
    def representatives(since: int) -> np.ndarray:
        """int64 [classes, batch], the rows next to the centres; some again where a class is too small."""
        rng = np.random.default_rng([seed, since, 1])
        found = []
        for code in real.present:
            rows = real.rows_of[code]
            half = rng.permutation(rows)[: max(min(batch, len(rows)), len(rows) // 2)]
            found.append(np.resize(half[means(view.embeddings[half], batch, rng, rounds=5).nearest], batch))
        return np.stack(found)

    loss = mean_loss(
        made,
        real,
        seed=seed,
        width=width,
        augment=augment,
        draw=lambda t, rng: representatives(t - t % interval),
        published=preset == "paper",
    )
    return made.optimise(loss, iterations=iterations, lr=lr, watch=watch, progress=progress)
