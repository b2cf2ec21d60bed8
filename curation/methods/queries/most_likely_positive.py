"""Most likely positive: the items the model is surest show the concept.

For one rare concept against all others: every answer is likely to be another example, which is what a rare class
lacks, and what remains wrong is a hard negative. It does not explore: a group of examples unlike all known ones is
found late or never. Blind to how alike the items of one batch are. A fit on the known rows, then n.

Warmuth, Liao, Rätsch, Mathieson, Putta & Lemmen, Active Learning with Support Vector Machines in the Drug Discovery
Process, Journal of Chemical Information and Computer Sciences 43, 2003. As the strategy MLP in: Coleman et al.,
Similarity Search for Efficient Active Learning and Search of Rare Concepts, AAAI 2022.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.acquisition import top, value

CARD = Card(
    title="Most likely positive",
    cost="a fit on the known rows, n time and memory",
    blind_to="redundancy within a batch, and positives unlike the labelled ones",
    needs=("known", "predicted"),
    paper="https://arxiv.org/abs/2007.00077",
    tags=("concept", "search"),
    concept=True,
)


def query(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    The concept is the second of two classes. Raises InputError where there are more.

    >>> p = np.array([[0.1, 0.9], [0.7, 0.3], [0.6, 0.4]])
    >>> query(View.of(known=np.array([1, -1, -1]), predicted=p), 2, rng=np.random.default_rng(0)).tolist()
    [2, 1]
    """
    open_ = np.flatnonzero(view.known < 0)
    p = view.predicted
    if p.shape[1] != 2:
        raise InputError(
            f"most_likely_positive looks for one concept and there are {p.shape[1]} classes: set `concept`, or use "
            "margin"
        )
    return open_[top(value("most_likely_positive", p[open_]), budget, rng)]
