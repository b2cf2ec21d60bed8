"""Margin: the items between whose two likeliest classes the model is nearest to undecided.

The best simple default once every class has a few labels: it asks along the borders between classes, and unlike
entropy it is not drawn to items that are vaguely everything. Blind to how alike the items of one batch are, and to
noise: what no label can settle is asked again and again. A fit on the known rows, then n * C.

Scheffer, Decomain & Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001. As compared in: Settles,
Active Learning Literature Survey, University of Wisconsin-Madison, Technical Report 1648, 2009.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top, value

CARD = Card(
    title="Margin",
    cost="a fit on the known rows, n * C time and memory",
    blind_to="redundancy within a batch, and noise",
    needs=("known", "predicted"),
    paper="https://doi.org/10.1007/3-540-44816-0_31",
    tags=("uncertainty",),
)


def query(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> p = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]])
    >>> query(View.of(known=np.array([0, -1, -1]), predicted=p), 1, rng=np.random.default_rng(0)).tolist()
    [1]
    """
    open_ = np.flatnonzero(view.known < 0)
    return open_[top(value("margin", view.predicted[open_]), budget, rng)]
