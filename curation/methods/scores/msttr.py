"""MSTTR: how varied the words of an answer are, whatever its length; of a text that is no conversation, its own words.

The share of different words falls as a text grows, so it is taken over windows of 50 words, one behind the other, and
averaged; what is left behind the last whole window is not counted. A text shorter than a window is one window, and
scores higher for being short. Case makes no difference. Blind to what the words say, and to languages written without
blanks, whose sentences count as single words.

Johnson, Studies in Language Behavior: A Program of Research, Psychological Monographs 56, 1944.
"""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Variety of words (MSTTR)",
    cost="reads every text once",
    blind_to="what the words say, and languages without blanks between words",
    needs=("responses",),
    paper="https://doi.org/10.1037/h0093508",
    tags=("texts", "label-free"),
    stochastic=False,
)

_WORD = re.compile(r"\w+")


def score(
    view: View, *, window: Annotated[int, Field(ge=2, le=10_000, description="Words of a window.")] = 50
) -> np.ndarray:
    """float64 [m] in [0, 1], the mean share of different words in a window; 0 for a text without words.

    >>> score(View.of(responses=["the cat the dog the end", "a a b b"]), window=2).round(3)
    array([1. , 0.5])
    """
    return np.fromiter((_variety(text, window) for text in view.responses), np.float64, len(view))


def _variety(text: str, window: int) -> float:
    words = _WORD.findall(text.casefold())
    if not words:
        return 0.0
    whole = max(len(words) // window, 1)
    return float(
        np.mean([len(set(part)) / len(part) for part in (words[i * window : (i + 1) * window] for i in range(whole))])
    )
