"""Least confidence: how unsure a student is of its best guess, for an item it was not trained on.

One minus the largest out-of-fold probability, between 0 and 1 - 1/C. Blind to labels: a mislabelled item the student
is sure of scores low; and to what the other classes are like.

Coleman et al., Selection via Proxy: Efficient Data Selection for Deep Learning, ICLR 2020.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import by_rows

CARD = Card(
    title="Least confidence",
    cost="n * C time, n memory",
    blind_to="the given labels, and all classes but the leading one",
    needs=("probabilities",),
    paper="https://arxiv.org/abs/1906.11829",
    tags=("probabilities", "uncertainty"),
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m], 1 - the largest probability. Higher = harder.

    >>> score(View.of(probabilities=np.array([[0.75, 0.25], [0.5, 0.5]])))
    array([0.25, 0.5 ])
    """
    return 1 - by_rows(view.probabilities, lambda p: p.max(axis=1))
