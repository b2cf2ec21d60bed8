"""Length: how long an answer is, in characters or words; of a text that is no conversation, its own length.

Answers are counted, not prompts; those of several turns together. Keeping the longest thousand answers beat sets
picked by stronger models in the judgement of GPT-4 and PaLM-2, so it stands beside every other choice of instruction
data. Judges like long answers, and length is no quality: blind to what is said.

Zhao, Andriushchenko, Croce & Flammarion, Long Is More for Alignment: A Simple but Tough-to-Beat Baseline for
Instruction Fine-Tuning, ICML 2024.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Length of the answer",
    cost="reads every text once",
    blind_to="what is said",
    needs=("responses",),
    paper="https://arxiv.org/abs/2402.04833",
    tags=("texts", "label-free"),
    stochastic=False,
)


def score(
    view: View,
    *,
    unit: Annotated[
        Literal["characters", "words"], Field(description="What is counted; words are what blanks divide.")
    ] = "characters",
) -> np.ndarray:
    """float64 [m], how many. Higher = longer.

    >>> score(View.of(responses=["one two", ""]), unit="words")
    array([2., 0.])
    """
    count = len if unit == "characters" else lambda text: len(text.split())
    return np.fromiter(map(count, view.responses), np.float64, len(view))
