"""Entropy: the items over which the model spreads its belief most widely.

With one concept against all others this is the strategy the SEALS paper calls MaxEnt. With many classes it is drawn
to items that are a little of everything, where margin asks along borders. Blind to how alike the items of one batch
are, and to noise. A fit on the known rows, then n * C.

Settles & Craven, An Analysis of Active Learning Strategies for Sequence Labeling Tasks, EMNLP 2008. Entropy: Shannon,
A Mathematical Theory of Communication, Bell System Technical Journal 27, 1948.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top, value

CARD = Card(
    title="Entropy",
    cost="a fit on the known rows, n * C time and memory",
    blind_to="redundancy within a batch, and noise",
    needs=("known", "predicted"),
    paper="https://aclanthology.org/D08-1112/",
    tags=("uncertainty",),
)


def query(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> p = np.array([[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.4, 0.3, 0.3]])
    >>> query(View.of(known=np.array([0, -1, -1]), predicted=p), 1, rng=np.random.default_rng(0)).tolist()
    [2]
    """
    open_ = np.flatnonzero(view.known < 0)
    return open_[top(value("entropy", view.predicted[open_]), budget, rng)]
