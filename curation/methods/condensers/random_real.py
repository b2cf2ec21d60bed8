"""Random real items: what every condensed set has to beat.

As many items of every class as asked for, drawn at random; with `soft`, labelled by an expert that was trained on
everything, which on photographs explains most of what condensing gains. Blind to everything.

Qin, Deng & Alvarez-Melis, A Label is Worth a Thousand Images in Dataset Distillation, NeurIPS 2024 (soft labels).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training.real_images import quota, random_rows, real_items
from curation.training.soft_labels import softened

CARD = Card(
    title="Random real items",
    cost="M time",
    blind_to="everything",
    needs=("pixels", "embeddings", "labels"),
    paper="https://arxiv.org/abs/2406.10485",
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
    """per_class real items of every class, class by class.

    >>> view = View.of(embeddings=np.eye(4), labels=np.array([0, 0, 1, 1]))
    >>> condense(view, 1, seed=0, space="embeddings").labels.tolist()
    [0, 1]
    """
    quotas, notes = quota(view, per_class)
    made = real_items(view, random_rows(view, quotas, np.random.default_rng(seed)), space, notes)
    return softened(view, made, seed=seed, device=device, progress=progress) if soft else made


def needs(*, space: str = "pixels", **_) -> tuple[str, ...]:
    """The part of the card's needs that is read."""
    return (space, "labels")
