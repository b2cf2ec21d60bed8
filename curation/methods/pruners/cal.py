"""CAL: contrastive items, whose neighbours look alike but are predicted differently.

For every item the mean symmetric divergence between its predicted probabilities and those of its k nearest neighbours;
high where the prediction changes over a short distance, that is along the student's decision boundary. Highest first.
Labels are used only through the student. Blind to redundancy along the boundary and to whatever the student is sure
and wrong about. Time n * k * C after the graph, memory n.

In the recipe, `balance` ranks each class by what the graph of all rows leaves of its neighbours there; a graph per
class would make it a search for wrong labels (.89 of the picks on digits with 15 % wrong ones, against .15).

Differs: a widely used library sorts the other way round, lowest first; `order` says it. The divergence is symmetric
and the neighbours are all items, as there; in the paper neighbours are the labelled ones and the divergence points
from the neighbour to the item. Probabilities are out-of-fold, so no item is predicted by a student that was trained on
it.

Margatina, Vernikos, Barrault & Aletras, Active Learning by Acquiring Contrastive Examples, EMNLP 2021.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties, blocks
from curation.maths.similarity.exact import first

CARD = Card(
    title="Contrastive items (CAL)",
    cost="n * k * C time after the graph, n memory",
    blind_to="redundancy along the boundary, and confident mistakes",
    suits="clean data whose class boundary matters most",
    seconds=(0.0012, 0.024),
    grid=53.27,
    needs=("neighbours", "probabilities"),
    paper="https://arxiv.org/abs/2109.03764",
    tags=("uncertainty", "geometry"),
    nested=True,
)

_LEAST = 1e-8  # probabilities below this count as this


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    k: Annotated[int, Field(ge=1, le=100, description="Number of neighbours; published: 10.")] = 10,
    order: Annotated[
        Literal["highest", "lowest"],
        Field(description="Take the highest or the lowest divergence first; published: highest."),
    ] = "highest",
) -> np.ndarray:
    """Positions int64 [budget]; equal divergences in an order drawn by the seed. An item without neighbours has 0.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0], [1]]), np.zeros((3, 1)))
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    >>> select(View.of(neighbours=graph, probabilities=p), 1, rng=np.random.default_rng(0), k=1).tolist()
    [2]
    """
    indices, _ = first(view.neighbours, k)
    divergence = np.round(_divergence(view.probabilities, indices), 12)
    found = argsort_random_ties(divergence, rng)
    return (found[::-1] if order == "highest" else found)[:budget]


def _divergence(p: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """float64 [m]: mean over the neighbours of (KL(own | theirs) + KL(theirs | own)) / 2."""

    def of(rows: slice | np.ndarray) -> np.ndarray:
        return np.maximum(np.asarray(p[rows], np.float64), _LEAST)

    total = np.zeros(len(p))
    for part in blocks(*p.shape):
        own = of(part)
        log_own = np.log(own)
        for theirs in indices[part].T:
            other = of(theirs)
            each = ((own - other) * (log_own - np.log(other))).sum(axis=1) / 2
            total[part] += np.where(theirs >= 0, each, 0.0)
    return total / np.maximum((indices >= 0).sum(axis=1), 1)
