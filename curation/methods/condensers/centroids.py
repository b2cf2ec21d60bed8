"""Centroids: the mean images of k-means, class by class.

Averages of pixels, in a second: at one item per class on centred shapes such as digits no optimised set is better, and
on photographs they are a blur. Blind to whatever does not stay in its place, and to wrong labels, which get clusters
of their own.

Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.maths.clusters import means
from curation.training.pixels import is_grey
from curation.training.real_images import quota, rows_by_class
from curation.training.soft_labels import softened

CARD = Card(
    title="Centroids (k-means)",
    cost="rounds * n * per_class * s^2 time, memory of the largest class",
    blind_to="what does not stay in its place, and wrong labels",
    needs=("pixels", "embeddings", "labels"),
    paper="https://doi.org/10.1109/TIT.1982.1056489",
    tags=("baseline",),
)


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str = "cpu",
    progress=None,
    space: Annotated[
        Literal["pixels", "embeddings"], Field(description="Whether the set holds images or embeddings.")
    ] = "pixels",
    soft: Annotated[
        bool, Field(description="Label with the probabilities of an expert trained on everything, not with the class.")
    ] = False,
) -> Condensed:
    """per_class centres of every class, class by class; fewer where items coincide.

    >>> view = View.of(embeddings=np.array([[0.0], [2.0], [5.0], [5.0]]), labels=np.array([0, 0, 1, 1]))
    >>> condense(view, 1, seed=0, space="embeddings").values.tolist()
    [[1.0], [5.0]]
    """
    quotas, notes = quota(view, per_class)
    items = view.pixels if space == "pixels" else view.embeddings
    values, labels = [], []
    for done, (code, rows) in enumerate(rows_by_class(view.labels).items()):
        x = np.asarray(items[rows], np.float32).reshape(len(rows), -1)
        centres = means(x, quotas[code], np.random.default_rng([seed, code])).centres
        values.append(centres.reshape(-1, *items.shape[1:]))
        labels.append(np.full(len(centres), code))
        if progress is not None:
            progress(done + 1, len(quotas))
    grey = space == "pixels" and is_grey(view.pixels)
    made = Condensed(np.concatenate(values).astype(np.float32), np.concatenate(labels), grey=grey, notes=notes)
    return softened(view, made, seed=seed, device=device, progress=progress) if soft else made


def needs(*, space: str = "pixels", **_) -> tuple[str, ...]:
    """The part of the card's needs that is read."""
    return (space, "labels")
