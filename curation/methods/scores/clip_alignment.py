"""CLIP alignment: how badly a picture fits the name of its class.

Encoders with a text tower place pictures and words in one space; an item far from its own class's name, or nearer to
another's, is suspicious. No student is trained. Some names fit their pictures worse than others whatever the label
("crane"), so items are compared within their class by default. Blind to redundancy, to what captions do not say, and
to classes whose names mean nothing to the encoder ("7", "n02085620").

Radford, Kim, Hallacy et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021 (the
similarity, and 100 as the factor before the softmax). Filtering by it: Gadre, Ilharco, Fang et al., DataComp: In
Search of the Next Generation of Multimodal Datasets, NeurIPS 2023.
Differs: similarities are standardised within the given class, which no paper does.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import per_class_zscore
from curation.maths.similarity.exact import unit

CARD = Card(
    title="CLIP alignment",
    cost="n * d * C time, n * (C + d) memory",
    blind_to="what the encoder does not put into words",
    needs=("embeddings", "class_embeddings", "labels"),
    paper="https://arxiv.org/abs/2103.00020",
    tags=("embeddings", "text", "mislabel"),
    stochastic=False,
)


def score(
    view: View,
    *,
    measure: Annotated[
        Literal["similarity", "margin", "probability"],
        Field(
            description="Distance to the name of the item's class; or how much nearer another name is; or the "
            "probability of all other names, softmax(100 * similarity)."
        ),
    ] = "margin",
    within_class: Annotated[
        bool, Field(description="Compare items with their own class: subtract its mean, divide by its deviation.")
    ] = True,
) -> np.ndarray:
    """float64 [m]. Higher = fits worse.

    >>> x, names = np.array([[1.0, 0.0], [0.6, 0.8]]), np.eye(2)
    >>> view = View.of(embeddings=x, class_embeddings=names, labels=np.array([0, 0]), classes=["cat", "dog"])
    >>> score(view, within_class=False).round(1)
    array([-1. ,  0.2])
    """
    from scipy.special import softmax

    x, names, labels = view.embeddings, view.class_embeddings, view.labels
    if x.shape[1] != names.shape[1]:
        raise InputError(
            f"images have {x.shape[1]} dimensions and class names {names.shape[1]}: "
            "both must come from one encoder; encode again with open_clip"
        )
    if len(names) < 2 and measure != "similarity":
        raise InputError(f"measure = {measure!r} compares class names, and there is one; choose similarity")
    cosine = (unit(x) @ unit(names).T).astype(np.float64)
    rows = np.arange(len(labels))
    if measure == "probability":
        made = 1 - softmax(100 * cosine, axis=1)[rows, labels]
    else:
        own = cosine[rows, labels]
        cosine[rows, labels] = -np.inf
        made = 1 - own if measure == "similarity" else cosine.max(axis=1) - own
    return per_class_zscore(made, labels) if within_class else made
