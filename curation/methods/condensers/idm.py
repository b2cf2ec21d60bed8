"""IDM: distribution matching with mosaics, half-trained networks and a word about the class.

    loss = sum over classes of | mean f(real) - mean f(synthetic) |^2  +  ce * accuracy(f) * cross-entropy(synthetic)

Every image holds four of half the side, so a budget of pixels teaches four times as many images: most of its gain, and
only where half the side stays legible. Networks come from the first epochs of an expert, a fifth of them fresh. The
strongest of the optimised methods here. Blind to the labels of single items, and to detail finer than half the size.

Zhao, Li, Qin & Yu, Improved Distribution Matching for Dataset Condensation, CVPR 2023. Differs: snapshots of one expert
instead of a queue that goes on training, one step for all classes, and Adam on the images (`preset` sets the paper's
sizes).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training import experts, siamese
from curation.training.condensing import Watch, effort
from curation.training.mosaic import legible
from curation.training.real_images import RealImages
from curation.training.synthetic import Start, Synthetic, seed_of

CARD = Card(
    title="IDM (improved distribution matching)",
    cost="iterations * (C * batch + 4 M) * width^2 * s^2 time, batch memory",
    blind_to="the labels of single items, and detail finer than half the size",
    needs=("pixels", "labels"),
    paper="https://openaccess.thecvf.com/content/CVPR2023/html/Zhao_Improved_Distribution_Matching_for_Dataset_Condensation_CVPR_2023_paper.html",
    tags=("network",),
    requires=("torch",),
)

FRESH = 0.2  # share of the steps with a network nobody has trained

PAPER = (20_000, 256, 100, 20, 128)  # iterations, batch, networks, epochs, width


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
    ce: Annotated[float, Field(ge=0, le=100, description="Weight of the cross-entropy of the synthetic images.")] = 0.5,
    mosaic: Annotated[
        bool, Field(description="Four images of half the side in every one, where that is legible.")
    ] = True,
    networks: Annotated[int, Field(ge=1, le=100, description="Half-trained networks to choose from.")] = 10,
    epochs: Annotated[int, Field(ge=1, le=100, description="Epochs of the expert they are taken from.")] = 3,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the networks' layers.")] = 32,
    start: Annotated[Start, Field(description="Random real images, or noise.")] = "real",
    augment: Annotated[
        siamese.Augment, Field(description="Random changes; auto turns left to right where there is colour only.")
    ] = "auto",
    preset: Annotated[
        Literal["auto", "paper"],
        Field(description="paper: 20,000 steps, 256 real images a class, 100 networks, width 128; for a GPU."),
    ] = "auto",
) -> Condensed:
    """per_class images of every class; mosaics of 2 x 2 where a quarter is legible.

    >>> import numpy as np
    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", iterations=2, width=4).values.shape
    (2, 8, 8, 3)
    """
    import torch
    from torch.nn.functional import cross_entropy

    if preset == "paper":
        iterations, batch, networks, epochs, width = PAPER
    watch, real = watch or Watch(), RealImages(view, device)
    parts = 2 if mosaic and legible(real.side) else 1
    made = Synthetic(view, per_class, real, np.random.default_rng(seed), start, parts)
    changes, published = siamese.kinds(augment, real.grey), preset == "paper"
    known = experts.stages(view, real, seed=seed, width=width, many=networks, epochs=epochs, published=published)
    made.passes.update(real_forward=epochs * len(view), real_backward=epochs * len(view))

    def loss(t: int, images):
        rng = np.random.default_rng([seed, t])
        if rng.random() < FRESH:
            net, certain = experts.network(real, seed_of(seed, t), width, published=published), 0.0
        else:
            net = known[int(rng.integers(len(known)))]
            certain = net.accuracy
        change, rows = siamese.draw(changes, rng), real.draw(rng, batch)
        with torch.no_grad():
            wanted = net.body(siamese.apply(change, real.batch(rows.reshape(-1)))).view(*rows.shape, -1).mean(dim=1)
        features = net.body(siamese.apply(change, made.unfolded(images)))
        made.passes.update(real_forward=rows.size, synthetic=len(features))
        apart = (made.class_means(features) - wanted).square().sum()
        return apart + ce * certain * cross_entropy(net.head(features), made.target)

    return made.optimise(loss, iterations=iterations, lr=lr, watch=watch, progress=progress)


def passes(
    m: int,
    per_class: int,
    classes: int,
    *,
    iterations: int,
    batch: int,
    epochs: int,
    width: int,
    mosaic: bool,
    preset: str,
    **rest,
) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    if preset == "paper":
        iterations, batch, _, epochs, width = PAPER
    steps, parts = iterations * classes, 4 if mosaic else 1
    trained = epochs * m + steps * per_class * parts
    return effort(seen=steps * batch, trained=trained, width=width, published=preset == "paper")
