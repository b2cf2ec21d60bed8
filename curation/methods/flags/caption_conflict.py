"""Same image, other caption: pictures that are almost one and described in different words.

Copies of one picture are found across the web with one caption that fits and others that do not, or a set describes
them twice on purpose. Either way a person should know: conflicting captions teach nothing, and good ones may be worth
joining. Pictures count as one by the cosine distance of their embeddings, captions by the words they share. Blind to
captions that say the same in other words, and to copies the encoder does not see as such.

The words two captions share are counted as in Jaccard, The Distribution of the Flora in the Alpine Zone, New
Phytologist 1912. Near-duplicate images in sets of pairs: Abbas, Tirumala, Simig, Ganguli & Morcos, SemDeDup:
Data-efficient Learning at Web-scale through Semantic Deduplication, 2023.
"""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.reading.text_checks import normalised
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Same image, other caption",
    cost="reads every caption once; n * k time",
    blind_to="captions that say the same in other words",
    needs=("texts", "neighbours"),
    paper="https://arxiv.org/abs/2303.09540",
    tags=("outlier", "pairs", "texts", "label-free"),
    rows="all",
    stochastic=False,
)
_WORD = re.compile(r"\w+|[^\w\s]")  # a sign alone is a word too: "3" and "?" differ


def flag(
    view: View,
    *,
    within: Annotated[float, Field(ge=0, le=1, description="Largest cosine distance of pictures that are one.")] = 0.02,
    different: Annotated[
        float, Field(ge=0, le=1, description="Flagged from this share of the words on that only one caption has.")
    ] = 0.5,
) -> Flags:
    """score float64 [m] in [0, 1]: the largest share of words not shared with the caption of a picture that is one.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0], [0]]), np.array([[0.0], [0.0], [0.7]]))
    >>> flag(View.of(texts=["a cat", "the dog", "a car"], neighbours=graph)).score.tolist()
    [1.0, 1.0, 0.0]
    """
    indices, near = view.neighbours.indices, view.neighbours.distances <= within
    near &= indices >= 0
    rows, columns = np.nonzero(near)
    read = np.unique(np.concatenate([rows, indices[rows, columns]]))
    said = view.subset(read).texts
    words = {row: set(_WORD.findall(normalised(text))) for row, text in zip(read.tolist(), said, strict=True)}
    score = np.zeros(len(view))
    for row, other in zip(rows.tolist(), indices[rows, columns].tolist(), strict=True):
        both = words[row] | words[other]
        unlike = 1.0 - len(words[row] & words[other]) / max(len(both), 1)
        score[[row, other]] = np.maximum(score[[row, other]], unlike)
    return Flags(score=score, flagged=(score >= different) & (score > 0))
