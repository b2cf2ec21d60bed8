"""k-NN Shapley: what an item is worth to its neighbours, as voters on each other's labels.

The Shapley value of every item for a k-NN classifier judged on the data itself: an item gains where it is near an
item of its own label, more so where the next neighbour would have voted wrongly, and loses where it misleads. Turned
round, so that high = harmful: mislabelled items stand among others they mislead. Items in nobody's neighbourhood are
worth 0, in the middle. Blind to mistakes that lie together, since they vote for each other, and to redundancy: one of
many right voters is worth little, but so is every one of them.

Jia, Dao, Wang, Hubis, Hynes, Gurel, Li, Zhang, Song & Spanos, Efficient Task-specific Data Valuation for Nearest
Neighbor Algorithms, VLDB 2019; truncated to the k nearest as in the cleanlab package.
Differs: values are added over the items asked, not averaged, so they do not shrink as the data grows; cleanlab's is
(1 - score / n) / 2. Lists shorter than k, where the data has fewer rows, end where they end.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.similarity.exact import first

CARD = Card(
    title="k-NN Shapley value",
    cost="n * k time and memory",
    blind_to="mistakes that lie together",
    needs=("neighbours", "labels"),
    paper="https://arxiv.org/abs/1908.08619",
    tags=("neighbours", "mislabel"),
    stochastic=False,
)


def score(
    view: View,
    *,
    k: Annotated[int, Field(ge=2, le=200, description="Neighbours that vote; the k-th has no weight.")] = 10,
) -> np.ndarray:
    """float64 [m], minus the sum of an item's Shapley values. Higher = more harmful.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1, 2], [0, 2], [0, 1]]), np.full((3, 2), 0.1))
    >>> score(View.of(neighbours=graph, labels=np.array([0, 1, 0])), k=2)  # row 1 misleads row 0, row 0 helps row 2
    array([-0.5,  0.5,  0. ])
    """
    indices, _ = first(view.neighbours, k)
    there = indices >= 0
    match = (view.labels[indices] == view.labels[:, None]) & there
    gain = np.zeros(indices.shape)
    # From the farthest inwards: what a voter adds over the next one out. The last of each list is worth 0.
    step = np.where(there[:, 1:], match[:, :-1].astype(np.float64) - match[:, 1:], 0.0)
    gain[:, :-1] = step[:, ::-1].cumsum(axis=1)[:, ::-1] / k
    worth = np.bincount(indices[there], weights=gain[there], minlength=len(view))
    return 0.0 - worth
