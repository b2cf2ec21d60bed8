"""Margin: how close the second class comes to the first, for an item the student was not trained on.

One minus the lead of the largest over the second largest out-of-fold probability, between 0 (sure) and 1 (torn
between two). Blind to labels: a mislabelled item the student is sure of scores low; and to all classes but two.

Scheffer, Decomain & Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001. As a pruning score:
Coleman et al., Selection via Proxy: Efficient Data Selection for Deep Learning, ICLR 2020.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import by_rows

CARD = Card(
    title="Margin",
    cost="n * C time, n memory",
    blind_to="the given labels, and all classes but the leading two",
    needs=("probabilities",),
    paper="https://arxiv.org/abs/1906.11829",
    tags=("probabilities", "uncertainty"),
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m], 1 - (largest - second largest). Higher = harder.

    >>> score(View.of(probabilities=np.array([[0.75, 0.25, 0.0], [0.5, 0.0, 0.5]])))
    array([0.5, 1. ])
    """
    return 1 - by_rows(view.probabilities, _lead)


def _lead(p: np.ndarray) -> np.ndarray:
    """float64 [m]: the largest number of each row less the second largest."""
    second, largest = np.partition(p, -2, axis=1)[:, -2:].T
    return largest - second
