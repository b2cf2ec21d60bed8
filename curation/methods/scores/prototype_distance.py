"""Prototype distance: how far an item is from the typical ones.

Embeddings are grouped by spherical k-means, and an item scores its cosine distance to the nearest centre; no labels,
no training. Low = typical, high = unusual or between two kinds. The paper keeps the hard ones where data is abundant
and the easy ones where it is scarce. With `of = "class"` the prototype is the mean of the item's own class, which
also finds items that belong to another class. Blind to redundancy, to whatever the encoder does not see, and to kinds
too rare to get a centre of their own.

Sorscher, Geirhos, Shekhar, Ganguli & Morcos, Beyond Neural Scaling Laws: Beating Power Law Scaling via Data Pruning,
NeurIPS 2022. As many centres as classes follows the paper, which found the number to matter little (unverified).
Differs: class prototypes are means of unit-length embeddings, so that long ones do not outweigh the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.clusters import spherical
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Distance to prototypes",
    cost="starts * 50 * n * clusters * d time, n * d memory",
    blind_to="redundancy, and whatever the encoder does not see",
    needs=("embeddings", "labels"),
    paper="https://arxiv.org/abs/2206.14486",
    tags=("embeddings", "label-free"),
)


def score(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    of: Annotated[
        Literal["cluster", "class"],
        Field(description="Which prototype: the nearest centre found without labels, or the mean of the own class."),
    ] = "cluster",
    clusters: Annotated[int, Field(ge=0, le=100_000, description="Number of centres; 0 means one per class.")] = 0,
    starts: Annotated[int, Field(ge=1, le=100, description="Runs of the clustering; the best one is used.")] = 3,
) -> np.ndarray:
    """float64 [m], the cosine distance to the prototype, 0..2. Higher = less typical.

    >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.6, 0.8]])
    >>> view = View.of(embeddings=x, labels=np.array([0, 0, 1, 1, 0]))
    >>> score(view, rng=np.random.default_rng(0)).argmax()
    np.int64(4)
    """
    if of == "cluster":
        k = clusters or max(len(view.classes), 1)
        similarity = spherical(view.embeddings, k, rng, starts=starts, progress=progress).similarity
    else:
        x, labels = unit(view.embeddings), view.labels
        total = np.zeros((labels.max(initial=0) + 1, x.shape[1]))
        for code in np.unique(labels):
            total[code] = x[labels == code].sum(axis=0, dtype=np.float64)
        similarity = np.einsum("ij,ij->i", x, unit(total)[labels])
    return np.clip(1.0 - similarity.astype(np.float64), 0.0, 2.0)
