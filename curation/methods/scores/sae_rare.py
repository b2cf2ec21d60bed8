"""SAE rare: how much an item holds of factors that few others have.

The factors are those of the evidence `factors`; rare are the live ones that are not common, as long as three items hold
them, weighted by the logarithm of how rare they are. A rank, so evenly spread. Blind to labels: what is wrong with an
item may be what is rare about it.

Zhou, Hua, Guo & Jia, Rethinking Representativeness and Diversity in Dynamic Data Selection, arXiv 2603.04981, 2026, of
which only the abstract could be had: the formula is reconstructed.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths import factors

CARD = Card(
    title="Rare factors (reconstructed)",
    cost="n * active time and memory after the factors",
    blind_to="labels: broken items may be rare ones",
    needs=("factors",),
    paper="https://arxiv.org/abs/2603.04981",
    tags=("label-free", "reconstructed"),
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m] in [0, 1], the rank by rare factors. Higher = rarer.

    >>> from curation.data.results import Factors
    >>> held = np.repeat([0, 1, 2], [7, 7, 3])[:, None].astype(np.int16)
    >>> codes = Factors(held, np.ones((17, 1), np.float16), 3, 1.0)
    >>> score(View.of(factors=codes))[[0, 16]].tolist()
    [0.40625, 0.9375]
    """
    return factors.rarity(view.factors)
