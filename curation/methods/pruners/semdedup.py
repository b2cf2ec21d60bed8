"""SemDeDup: near copies go first, found within clusters by cosine.

Spherical k-means cuts the data into clusters. Within one, items stand in a line from the farthest from the centre to
the nearest (or the other way round, or shuffled), and an item is redundant to the degree it resembles the most similar
of those before it. The published rule removes everything above a threshold; here the threshold is the one that leaves
the budget, so the least redundant are kept. Blind to labels and difficulty, to copies that fell into different
clusters, and, beyond near copies, to what is worth keeping: on data without any, the order says little. As published,
the items compared with include those that are removed themselves, so of a chain of likenesses only the first stays.
Time n * clusters * d for the clusters and n^2 / clusters * d for the pairs, memory n * d.

Differs: the published 50,000 clusters are for 440 million items; the default here gives clusters of about 500.

Abbas, Tirumala, Simig, Ganguli & Morcos, SemDeDup: Data-efficient learning at web-scale through semantic
deduplication, arXiv 2303.09540, 2023.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.clusters import spherical
from curation.maths.similarity.exact import unit

CARD = Card(
    title="SemDeDup",
    cost="n * clusters * d + n^2 / clusters * d time, n * d memory",
    blind_to="labels, difficulty, and copies in different clusters",
    suits="large data full of near copies",
    seconds=(0.022, 0.27),
    grid=44.85,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2303.09540",
    tags=("geometry", "label-free", "duplicate"),
    nested=True,
)

_SMALLEST = 20  # rows per cluster on average, at the least: smaller ones hide copies from each other
_BLOCK = 1 << 22  # similarities held at once: 16 MiB of float32


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    clusters: Annotated[
        int,
        Field(ge=1, le=50_000, description="Clusters, at most one per 20 items; more are faster and miss more."),
    ] = 100,
    keep: Annotated[
        Literal["hard", "easy", "random"],
        Field(
            description="Which of two near copies is kept: the farther from the centre, the nearer, or a random one."
        ),
    ] = "hard",
) -> np.ndarray:
    """Positions int64 [budget], the least redundant first: every prefix is the selection for that smaller budget.

    >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    >>> sorted(select(View.of(embeddings=x), 3, rng=np.random.default_rng(1)).tolist())[1:]  # one copy goes
    [2, 3]
    """
    x = unit(view.embeddings)
    found = spherical(x, max(1, min(clusters, len(x) // _SMALLEST)), rng, progress=progress)
    chance = rng.permutation(len(x))
    redundancy = np.full(len(x), -2.0, np.float32)  # the first of a cluster resembles nothing before it
    for code in range(len(found.centres)):
        members = np.flatnonzero(found.label == code)
        # Rounded, so that copies are told apart by the seed and not by the last bit.
        distance = {"hard": -1, "easy": 1, "random": 0}[keep] * np.round(1 - found.similarity[members], 6)
        line = members[np.lexsort((chance[members], distance))]
        redundancy[line[1:]] = _closest_before(x[line])[1:]
    return np.lexsort((chance, redundancy))[:budget]


def _closest_before(x: np.ndarray) -> np.ndarray:
    """float32 [n]: the largest cosine of every row with a row before it; -1 for the first."""
    closest = np.full(len(x), -1.0, np.float32)
    at = 0
    while at < len(x):
        step = max(1, _BLOCK // min(len(x), at + 2048))
        end = min(at + step, len(x))
        block = x[at:end] @ x[:end].T
        block[np.arange(at, end)[:, None] <= np.arange(end)] = -1.0
        closest[at:end] = block.max(axis=1)
        at = end
    return closest
