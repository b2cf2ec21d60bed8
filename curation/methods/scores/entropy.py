"""Entropy: how undecided a student is about an item it was not trained on.

Shannon entropy of the out-of-fold probabilities, in nats, between 0 and log C. Blind to labels: a mislabelled item the
student is sure of scores low. The literature takes the network's own training items at the end of training; here every
probability is out of fold, so that memorised items do not look easy.

Coleman et al., Selection via Proxy: Efficient Data Selection for Deep Learning, ICLR 2020.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import by_rows

CARD = Card(
    title="Entropy",
    cost="n * C time, n memory",
    blind_to="the given labels",
    needs=("probabilities",),
    paper="https://arxiv.org/abs/1906.11829",
    tags=("probabilities", "uncertainty"),
    stochastic=False,
)


def score(view: View) -> np.ndarray:
    """float64 [m]. Higher = harder; impossible classes (p = 0) add nothing.

    >>> score(View.of(probabilities=np.array([[1.0, 0.0], [0.5, 0.5]]))).round(3)
    array([0.   , 0.693])
    """
    from scipy.special import entr

    return by_rows(view.probabilities, lambda p: entr(p).sum(axis=1))
