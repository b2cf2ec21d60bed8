"""Boilerplate captions: the same words under many different images.

"Image may contain: text", "stock photo", "untitled": a caption that stands under more than a few images says
nothing of any of them. Captions are compared without case, blanks and forms of letters. Exact copies of a pair count
once. Blind to captions that are filled in from a pattern, and wrong where captions are class names, which repeat on
purpose.

The count behind it is usual in web data; see Sharma, Ding, Goodman & Soricut, Conceptual Captions: A Cleaned,
Hypernymed, Image Alt-text Dataset For Automatic Image Captioning, ACL 2018.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.reading.image_checks import content_hash
from curation.data.reading.text_checks import normalised
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Boilerplate captions",
    cost="reads every caption once",
    blind_to="captions filled in from a pattern; class names, which repeat on purpose",
    needs=("texts", "copies"),
    paper="https://aclanthology.org/P18-1238",
    tags=("outlier", "pairs", "texts", "label-free"),
    rows="all",
    stochastic=False,
)


def flag(
    view: View,
    *,
    images: Annotated[
        int, Field(ge=1, le=1_000_000, description="Flagged where a caption stands under more images than this.")
    ] = 10,
) -> Flags:
    """score float64 [m] in [0, 1), 1 - 1 / number of different pairs with this caption.

    >>> flag(View.of(texts=["Photo", "photo ", "a dog"], copies=np.arange(3)), images=1).flagged.tolist()
    [True, True, False]
    """
    said = [content_hash(normalised(text).encode("utf-8", "replace")) for text in view.texts]
    _, caption = np.unique(said, return_inverse=True)
    pairs = np.unique(np.stack([caption, view.copies]), axis=1)[0]
    count = np.bincount(pairs, minlength=caption.max(initial=-1) + 1)[caption]
    return Flags(score=1.0 - 1.0 / np.maximum(count, 1), flagged=count > images)
