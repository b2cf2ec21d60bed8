"""Quota by score: the best of every cluster by one score, so that no topic takes all places.

Spherical k-means cuts the data into clusters, and each gets places in proportion to its size (`even` leans towards the
same number for each). Within a cluster the highest or the lowest scores come first. Row by row the next place goes to
the cluster that is furthest behind its share, so every prefix is the selection for that smaller budget. Scores at or
above `below` come last of all, whatever their cluster: 1 for IFD, beyond which a prompt misleads. Equal scores are
drawn by the seed. Blind to redundancy within a cluster, and to whatever the score is blind to.

With length, IFD or a quality column this is how instruction data is usually chosen; in studies at scale most such
scores do not beat a random choice, and variety matters more (docs/chat.md), which is what the quotas are for.

Li et al., From Quantity to Quality: Boosting LLM Performance with Self-Guided Data Selection for Instruction Tuning,
NAACL 2024 (the best of every cluster). Ge et al., Clustering and Ranking: Diversity-preserved Instruction Selection
through Expert-aligned Quality Estimation, EMNLP 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties
from curation.maths.clusters import spherical
from curation.maths.selection.quota_order import quota_order

CARD = Card(
    title="Quota by score",
    cost="rounds * n * clusters * d time, n * d memory",
    blind_to="redundancy within a cluster, and what the score is blind to",
    suits="instruction data and texts, with a score that would else take one topic",
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2308.12032",
    tags=("score", "geometry"),
    nested=True,
)

_SMALLEST = 10  # rows per cluster on average, at the least


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    by: Annotated[str, Ref("scores"), Field(description="The score that orders the items of a cluster.")] = "length",
    order: Annotated[Literal["high", "low"], Field(description="Take high scores first, or low ones.")] = "high",
    clusters: Annotated[int, Field(ge=1, le=10_000, description="Clusters, at most one per 10 items.")] = 100,
    even: Annotated[
        float, Field(ge=0, le=1, description="0: places by the size of a cluster; 1: as many for each; or in between.")
    ] = 0.0,
    below: Annotated[
        float, Field(ge=-1e12, le=1e12, description="Scores at or above this are taken last, such as 1 for IFD.")
    ] = 1e12,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken.

    >>> x = np.repeat(np.eye(2), [15, 5], axis=0)
    >>> view = View.of(embeddings=x, scores={"length": np.arange(20.0)})
    >>> select(view, 4, rng=np.random.default_rng(0), clusters=2).tolist()
    [14, 13, 19, 12]
    """
    if not len(view):
        return np.empty(0, np.int64)
    label = spherical(view.embeddings, max(1, min(clusters, len(view) // _SMALLEST)), rng, progress=progress).label
    score = view.score(by)
    last, ascending = score >= below, argsort_random_ties(score, rng)
    place = np.empty(len(view), np.int64)
    place[ascending[::-1] if order == "high" else ascending] = np.arange(len(view))
    taken = quota_order(label, place + len(view) * last, np.bincount(label) ** (1 - even))
    return taken[np.argsort(last[taken], kind="stable")][:budget]
