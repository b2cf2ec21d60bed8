"""Least confidence: the items whose likeliest class the model believes in least.

The oldest and plainest doubt. With two classes the same order as margin and entropy; with many it looks at the first
guess only. Blind to how alike the items of one batch are, to noise, and to which class would be the second guess.
A fit on the known rows, then n * C.

Lewis & Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top, value

CARD = Card(
    title="Least confidence",
    cost="a fit on the known rows, n * C time and memory",
    blind_to="redundancy within a batch, noise, and every guess but the first",
    needs=("known", "predicted"),
    paper="https://arxiv.org/abs/cmp-lg/9407020",
    tags=("uncertainty",),
)


def query(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> p = np.array([[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.4, 0.3, 0.3]])
    >>> query(View.of(known=np.array([0, -1, -1]), predicted=p), 2, rng=np.random.default_rng(0)).tolist()
    [2, 1]
    """
    open_ = np.flatnonzero(view.known < 0)
    return open_[top(value("least_confidence", view.predicted[open_]), budget, rng)]
