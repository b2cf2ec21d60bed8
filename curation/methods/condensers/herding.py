"""Herding: real items whose mean stays as close as can be to the mean of their class.

Greedy, one item after the other, in the space of the embeddings. Steadier than medoids under wrong labels, which hardly
move a mean, and less varied. Blind to spread: the mean may be right and whole regions missing.

Welling, Herding Dynamical Weights to Learn, ICML 2009. Rebuffi, Kolesnikov, Sperl & Lampert, iCaRL, CVPR 2017.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.maths.selection.herding import herd
from curation.maths.similarity.exact import unit
from curation.training.real_images import quota, real_items, rows_by_class
from curation.training.soft_labels import softened

CARD = Card(
    title="Herding",
    cost="n * per_class * d time, memory of the largest class",
    blind_to="everything but the mean of a class",
    needs=("pixels", "embeddings", "labels"),
    paper="https://doi.org/10.1145/1553374.1553517",
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
    """per_class real items of every class, class by class, in the order taken.

    >>> view = View.of(embeddings=np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [1.0, 0.0]]), labels=np.array([0] * 4))
    >>> condense(view, 1, seed=0, space="embeddings").rows.tolist()
    [1]
    """
    quotas, notes = quota(view, per_class)
    rows = [own[herd(unit(view.embeddings[own]), quotas[code])] for code, own in rows_by_class(view.labels).items()]
    made = real_items(view, np.concatenate(rows), space, notes)
    return softened(view, made, seed=seed, device=device, progress=progress) if soft else made


def needs(*, space: str = "pixels", **_) -> tuple[str, ...]:
    """The part of the card's needs that is read."""
    return tuple(dict.fromkeys((space, "embeddings", "labels")))
