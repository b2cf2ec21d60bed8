"""Duplicates: items that are the same, or nearly the same, as another.

Exact copies have equal content. Near copies are pairs far closer than is usual here (at most `share` of the median
distance to the nearest other item, which adapts to the encoder) and close in themselves (at most `within`, for data
without any two items alike). Copies of copies form one group; kept is its lowest row with the group's most common
label, the others are flagged; where train rows are in the group, one of them is kept. Blind to copies the encoder sees
as different (strong crops), and taken in by plain backgrounds where the encoder looks at little else; a long chain of
small changes becomes one group. Time m * k, memory m.

The relative rule is that of cleanlab's Datalab; connected groups as in Abbas, Tirumala, Simig, Ganguli & Morcos,
SemDeDup: Data-efficient Learning at Web-scale through Semantic Deduplication, 2023.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Duplicates",
    cost="n * k time, n memory",
    blind_to="copies the encoder sees as different, such as strong crops",
    needs=("neighbours", "labels", "copies"),
    paper="https://arxiv.org/abs/2303.09540",
    tags=("duplicate",),
    version=2,
    rows="all",
    stochastic=False,
    exceptions=(("row order does not matter", "of copies that agree the first row is kept"),),
)

_ROUNDING = 1e-6  # cosine distance of equal embeddings in float32


def flag(
    view: View,
    *,
    within: Annotated[
        float, Field(ge=0, le=1, description="Largest cosine distance of a near copy; 0 finds exact copies only.")
    ] = 0.1,
    share: Annotated[
        float, Field(ge=0, le=1, description="Largest distance of a near copy, in medians of the nearest distance.")
    ] = 0.13,
) -> Flags:
    """score float64 [m]: 1 in a group, else exp(-nearest distance / its median). duplicate_of: the item kept instead.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0], [1]]), np.array([[0.001], [0.001], [0.5]]))
    >>> flag(View.of(neighbours=graph, labels=np.zeros(3, int), copies=np.arange(3)), share=1).duplicate_of.tolist()
    [-1, 0, -1]
    """
    indices, distances = view.neighbours.indices, view.neighbours.distances
    # How far it usually is to the nearest item that is not a copy of oneself.
    strange = (indices >= 0) & (view.copies[indices] != view.copies[:, None])
    nearest = np.where(strange, distances, np.inf).min(axis=1, initial=np.inf)
    usual = float(np.median(nearest[np.isfinite(nearest)])) if np.isfinite(nearest).any() else 0.0
    near = (indices >= 0) & (distances <= min(within, max(share * usual, _ROUNDING)))
    if within == 0:
        near[:] = False

    group = _groups(indices, near, view.copies)
    size = np.bincount(group)[group]
    train = np.zeros(len(group), bool)
    train[view.train] = True
    kept = _kept(group, view.labels, train)[group]
    alike = np.exp(-nearest / usual) if usual > 0 else (nearest <= _ROUNDING).astype(np.float64)
    copies = kept != np.arange(len(group))
    return Flags(
        score=np.where(size > 1, 1.0, alike),
        flagged=copies,
        duplicate_of=np.where(copies, kept, -1),
    )


def _groups(indices: np.ndarray, near: np.ndarray, same: np.ndarray) -> np.ndarray:
    """int [m]: number of the connected group, where pairs in `near` and rows of equal `same` are connected."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    m = len(same)
    row, column = np.nonzero(near)
    _, first, back = np.unique(same, return_index=True, return_inverse=True)
    a, b = np.concatenate([row, np.arange(m)]), np.concatenate([indices[row, column], first[back]])
    return connected_components(coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(m, m)), directed=False)[1]


def _kept(group: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """int [number of groups]: the lowest row of each group that carries the most common label, of its train rows if it
    has any, else of all."""
    _, inverse, count = np.unique(np.stack([group, labels, train]), axis=1, return_inverse=True, return_counts=True)
    common = count[inverse]
    rows = np.lexsort((np.arange(len(group)), -common, ~train, group))
    return rows[np.unique(group[rows], return_index=True)[1]]
