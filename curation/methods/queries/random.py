"""Random: any item, each as likely as the other.

What every other strategy has to beat, and often does not: a random sample is never biased, so what is trained and
measured on it holds for the pool. Needs no labels and no embeddings. Blind to everything. Time and memory n.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Random",
    cost="n time and memory",
    blind_to="everything; that is its strength",
    needs=("known",),
    tags=("baseline", "cold start"),
)


def query(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> query(View.of(known=np.array([0, -1, -1, 1])), 2, rng=np.random.default_rng(0)).tolist()
    [1, 2]
    """
    return rng.choice(np.flatnonzero(view.known < 0), budget, replace=False)
