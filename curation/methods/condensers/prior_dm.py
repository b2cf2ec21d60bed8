"""DM behind a prior: the latent of an autoencoder is optimised in the place of pixels, for more realistic images.

A small autoencoder learns the real images first. Distribution matching then moves what lies at one depth of it: the
latent (only what the autoencoder can say is an image), the middle of the decoder, or the pixels (which is DM itself).
The shallower, the freer and the less real. Accuracy rises little or not at all: it is for images that are to be looked
at. Blind to what the autoencoder leaves out, fine texture above all.

Cazenavette, Wang, Torralba, Efros & Zhu, Generalizing Dataset Distillation via Deep Generative Prior, CVPR 2023 (GLaD).
Differs: an autoencoder of the data itself for the pretrained StyleGAN-XL, and one depth at a time.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training import autoencoder, siamese
from curation.training.autoencoder import Autoencoder, Depth
from curation.training.condensing import Watch, effort
from curation.training.distribution_matching import mean_loss
from curation.training.real_images import RealImages
from curation.training.synthetic import Synthetic

CARD = Card(
    title="DM behind a prior",
    cost="an autoencoder, and iterations * (C * batch + M) * width^2 * s^2 time, batch memory",
    blind_to="what the autoencoder leaves out, fine texture above all",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2305.01649",
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
    depth: Annotated[
        Depth, Field(description="What is optimised: the most real first, the pixels (plain DM) last.")
    ] = "latent",
    latent: Annotated[int, Field(ge=1, le=4096, description="Numbers in the latent of the autoencoder.")] = 64,
    training: Annotated[
        int, Field(ge=1, le=100_000, description="Steps the autoencoder is trained, of 64 images each.")
    ] = 600,
    iterations: Annotated[int, Field(ge=1, le=1_000_000, description="Steps on the images.")] = 300,
    batch: Annotated[int, Field(ge=1, le=4096, description="Real images of every class per step.")] = 32,
    lr: Annotated[
        float, Field(gt=0, le=10, description="Adam's rate, in units of the spread of what is optimised.")
    ] = 0.02,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the networks' layers.")] = 32,
    augment: Annotated[
        siamese.Augment, Field(description="Random changes; auto turns left to right where there is colour only.")
    ] = "auto",
) -> Condensed:
    """per_class images of every class; they start as the autoencoder has random real ones.

    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", training=2, iterations=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    watch, real = watch or Watch(), RealImages(view, device)
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), "real")
    if depth != "pixels":
        prior = Autoencoder(real, latent=latent, width=width, steps=training, seed=seed, progress=progress)
        made.passes.update(real_forward=prior.passes, real_backward=prior.passes)
        code = prior.encode(made.images, depth)
        lr *= max(float(code.std(correction=0)), 1e-3)
        made.behind(code, lambda code: prior.decode(code, depth))
    loss = mean_loss(made, real, seed=seed, width=width, augment=augment, draw=lambda t, rng: real.draw(rng, batch))
    return made.optimise(loss, iterations=iterations, lr=lr, watch=watch, progress=progress)


def passes(
    m: int, per_class: int, classes: int, *, iterations: int, batch: int, width: int, training: int, depth: str, **_
) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    learnt = 0 if depth == "pixels" else training * autoencoder.BATCH
    steps = iterations * classes
    return effort(seen=steps * batch, trained=steps * per_class + learnt, width=width)
