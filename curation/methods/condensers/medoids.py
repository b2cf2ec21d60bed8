"""Medoids: the real items next to the centres of k-means on the embeddings, class by class.

Every item is typical of its corner of the class, so few of them cover it: the strongest choice of real items at a few
per class. Blind to wrong labels from about ten items per class on: they form clusters of their own, and every cluster
gets an item.

Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982 (the clusters). Guo, Zhao &
Bai, DeepCore: A Comprehensive Library for Coreset Selection in Deep Learning, DEXA 2022 (medoids as a baseline).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.maths.clusters import means
from curation.training.real_images import quota, real_items, rows_by_class
from curation.training.soft_labels import softened

CARD = Card(
    title="Medoids",
    cost="rounds * n * per_class * d time, memory of the largest class",
    blind_to="wrong labels, from about ten items per class on",
    needs=("pixels", "embeddings", "labels"),
    paper="https://arxiv.org/abs/2204.08499",
    tags=("baseline", "real"),
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
    """per_class real items of every class, class by class; fewer where items coincide.

    >>> view = View.of(embeddings=np.array([[0.0], [2.0], [3.0], [5.0]]), labels=np.array([0, 0, 0, 1]))
    >>> condense(view, 1, seed=0, space="embeddings").values.tolist()
    [[2.0], [5.0]]
    """
    quotas, notes = quota(view, per_class)
    rows = []
    for code, own in rows_by_class(view.labels).items():
        found = means(view.embeddings[own], quotas[code], np.random.default_rng([seed, code]))
        rows.append(own[found.nearest])
    made = real_items(view, np.concatenate(rows), space, notes)
    return softened(view, made, seed=seed, device=device, progress=progress) if soft else made


def needs(*, space: str = "pixels", **_) -> tuple[str, ...]:
    """The part of the card's needs that is read."""
    return tuple(dict.fromkeys((space, "embeddings", "labels")))
