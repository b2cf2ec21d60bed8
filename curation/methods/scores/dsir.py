"""DSIR: how much more a text is like the examples of what is wanted than like the data it stands among.

Words and pairs of neighbouring words are hashed to 10,000 buckets, counted in the target and in the data, and the
score is the log of how much likelier a text is under the first than under the second. As published it is a sum over the
n-grams of a text, so long texts get extreme weights of either sign; `per_ngram` divides by their number, and turns
many ranks around. To draw as published, with chances by these weights, use the pruner `importance`. Blind to word order
beyond pairs, and to meaning in other words.

Differs: the published code drops texts of fewer than 100 tokens first; nothing is dropped here.

Xie, Santurkar, Ma & Liang, Data Selection for Language Models via Importance Resampling, NeurIPS 2023.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.chat.examples import example_texts
from curation.data.view import View

CARD = Card(
    title="DSIR (likeness to a target)",
    cost="reads every text once; some 4 bytes for each different n-gram of a text",
    blind_to="word order beyond pairs, and the same said in other words",
    needs=("texts",),
    paper="https://arxiv.org/abs/2302.03169",
    tags=("brought", "texts", "label-free"),
    stochastic=False,
)


def score(
    view: View,
    *,
    target: Annotated[
        Path, Field(description="Texts like those wanted: one per line, or JSON records of any dialect.")
    ],
    per_ngram: Annotated[
        bool, Field(description="Divide by the number of n-grams, so that length counts less.")
    ] = False,
) -> np.ndarray:
    """float64 [m], the log weight. Higher = more like the target.

    >>> import tempfile
    >>> wanted = Path(tempfile.mkdtemp()) / "wanted.txt"
    >>> _ = wanted.write_text("a cat and a dog sat .")
    >>> score(View.of(texts=["the cat sat on the mat .", "stock prices fell on monday .", "the dog ran ."]),
    ...     target=wanted).round(2)
    array([-151.25, -150.79,  -75.39])
    """
    from curation.maths.ngrams import counted, log_weights

    return log_weights(counted(view.texts), counted(example_texts(target)).share, mean=per_ngram)
