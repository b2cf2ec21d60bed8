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
from curation.maths.duplicate_groups import groups_of, kept_of

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

    row, column = np.nonzero(near)
    group = groups_of(row, indices[row, column], view.copies)
    size = np.bincount(group)[group]
    kept = kept_of(group, view.labels, view.train)
    alike = np.exp(-nearest / usual) if usual > 0 else (nearest <= _ROUNDING).astype(np.float64)
    copies = kept != np.arange(len(group))
    return Flags(
        score=np.where(size > 1, 1.0, alike),
        flagged=copies,
        duplicate_of=np.where(copies, kept, -1),
    )
