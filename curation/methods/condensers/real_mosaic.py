"""Real mosaic: four real images of a class, halved, in the room of one.

Four blurred images teach more than a sharp one: at equal storage the baseline that optimised mosaics have to beat. The
parts are medoids, or random. Enlarged again before a student sees them. Blind to detail lost at half the size: below 16
pixels a part shows nothing, and single images are taken instead.

Kim et al., Dataset Condensation via Efficient Synthetic-Data Parameterization, ICML 2022 (the parts). Sun, Shi, Yu &
Lin, On the Diversity and Realism of Distilled Dataset, CVPR 2024 (mosaics of real images).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.maths.clusters import means
from curation.training.mosaic import folded, legible
from curation.training.pixels import is_grey
from curation.training.real_images import quota, rows_by_class, some_rows
from curation.training.soft_labels import softened

CARD = Card(
    title="Real mosaic",
    cost="rounds * n * per_class * d time, memory of the largest class",
    blind_to="detail finer than half the size",
    needs=("pixels", "embeddings", "labels"),
    paper="https://arxiv.org/abs/2205.14959",
    tags=("baseline", "real"),
    requires=("torch",),
)


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str = "cpu",
    progress=None,
    soft: Annotated[
        bool, Field(description="Label with the probabilities of an expert trained on everything, not with the class.")
    ] = False,
    parts: Annotated[
        Literal["medoids", "random"], Field(description="The images that are put together: typical ones, or any.")
    ] = "medoids",
) -> Condensed:
    """per_class mosaics of 2 x 2 real images of every class; single images where a quarter would not be legible.

    >>> view = View.of(pixels=np.ones((5, 32, 32, 3), np.uint8), embeddings=np.eye(5), labels=np.zeros(5, int))
    >>> made = condense(view, 1, seed=0)
    >>> made.values.shape, made.parts
    ((1, 32, 32, 3), 2)
    """
    quotas, notes = quota(view, per_class)
    side = view.pixels.shape[1]
    cells = 2 if legible(side) else 1
    if cells == 1:
        notes = (*notes, f"images of {side} pixels a side stay single: a quarter of one would not be legible")
    rows = []
    for code, own in rows_by_class(view.labels).items():
        rng, wanted = np.random.default_rng([seed, code]), quotas[code] * cells**2
        if parts == "medoids" and len(own) >= wanted:
            own = own[means(view.embeddings[own], wanted, rng).nearest]
        rows.append(rng.permutation(some_rows(own, wanted, rng)))
    values = folded(view.pixels[np.concatenate(rows)].astype(np.float32), cells)
    labels = np.repeat(list(quotas), list(quotas.values())).astype(np.int64)
    single = np.concatenate(rows) if cells == 1 else None
    made = Condensed(values, labels, parts=cells, rows=single, grey=is_grey(view.pixels), notes=notes)
    return softened(view, made, seed=seed, device=device, progress=progress) if soft else made


def needs(*, parts: str = "medoids", **_) -> tuple[str, ...]:
    """The part of the card's needs that is read."""
    return ("pixels", "labels") if parts == "random" else ("pixels", "embeddings", "labels")
