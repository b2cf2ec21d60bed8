"""SAE common: how little an item holds of the factors most items share.

The factors are those of the evidence `factors`; the common ones are the fewest that hold 80 % of all activity. Low =
typical of the set, high = of its own kind. A rank, so evenly spread. Blind to labels and to redundancy: of a thousand
copies of a typical item all are typical.

Zhou, Hua, Guo & Jia, Rethinking Representativeness and Diversity in Dynamic Data Selection, arXiv 2603.04981, 2026, of
which only the abstract could be had: the formula is reconstructed.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths import factors

CARD = Card(
    title="Common factors (reconstructed)",
    cost="n * active time and memory after the factors",
    blind_to="labels and redundancy",
    needs=("factors",),
    paper="https://arxiv.org/abs/2603.04981",
    tags=("label-free", "reconstructed"),
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m] in [0, 1], 1 - the rank by common factors. Higher = less typical.

    >>> from curation.data.results import Factors
    >>> codes = Factors(np.array([[0], [0], [0], [1], [1], [2]], np.int16), np.ones((6, 1), np.float16), 3, 1.0)
    >>> score(View.of(factors=codes)).round(1).tolist()
    [0.2, 0.2, 0.2, 0.7, 0.7, 1.0]
    """
    return 1.0 - factors.commonness(view.factors)
