"""TypiClust: the most typical item of every group that has no label yet.

For the first labels, where a model's doubt says nothing: the pool is cut into as many groups as there will be labels,
and from each, largest first, groups without a label before others, comes the item whose nearest neighbours within the
group are nearest. Needs no label and no model. Blind to what groups leave out: oddities and small groups come last
or never. Time (labels + budget) * n * d per round of clustering, and n * d * the size of a group.

Hacohen, Dekel & Weinshall, Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets, ICML 2022.
Differs: distances are plain (the authors' program ranks by squared ones), groups are found by spherical k-means, and
how typical an item is, is measured once among its group's unlabelled items, not again after every pick.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.clusters import spherical
from curation.maths.similarity.exact import unit

CARD = Card(
    title="TypiClust",
    cost="(labels + budget) * n * d time per round of clustering, n * d memory",
    blind_to="uncertainty, outliers and small groups",
    needs=("known", "embeddings"),
    paper="https://arxiv.org/abs/2202.02794",
    tags=("geometry", "label-free", "cold start"),
)

_SMALL = 5  # groups of up to so many items are not asked about while there are others
_BLOCK = 2048  # members compared with their group at once


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    most: Annotated[
        int, Field(ge=2, le=10_000, description="Largest number of groups; for larger batches, groups are used again.")
    ] = 500,
    neighbours: Annotated[
        int,
        Field(
            ge=1, le=1000, description="Neighbours used to measure how typical an item is; at most half of its group."
        ),
    ] = 20,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> x = np.array([[1, 0], [1, 0.1], [1, 0.15], [0, 1], [0.1, 1]], np.float32)
    >>> sorted(query(View.of(known=np.full(5, -1), embeddings=x), 2, rng=np.random.default_rng(0)).tolist())
    [1, 3]
    """
    known, x = view.known, unit(view.embeddings)
    labelled = int((known >= 0).sum())
    if budget == 0:
        return np.empty(0, np.int64)
    label = spherical(x, min(labelled + budget, most), rng, progress=progress).label
    groups = _in_order(label, known)
    ranked: dict[int, list[int]] = {}
    picks: list[int] = []
    while len(picks) < budget:
        for group in groups:
            if group not in ranked:
                members = np.flatnonzero((label == group) & (known < 0))
                order = np.argsort(_spread(x[members], neighbours), kind="stable")
                ranked[group] = members[order].tolist()
            if ranked[group]:
                picks.append(ranked[group].pop(0))
            if len(picks) == budget:
                break
        else:
            groups = [g for g in groups if ranked[g]] or _in_order(label, known, small=True)
    return np.array(picks, np.int64)


def _in_order(label: np.ndarray, known: np.ndarray, small: bool = False) -> list[int]:
    """Groups by fewest labels, then largest; the small ones only where `small`, or where there are no others."""
    size = np.bincount(label)
    labels = np.bincount(label[known >= 0], minlength=len(size))
    order = np.lexsort((-size, labels))
    large = order[size[order] > _SMALL]
    return (order if small or not len(large) else large).tolist()


def _spread(x: np.ndarray, k: int) -> np.ndarray:
    """float64 [m]: mean distance of each row to its k nearest others, or to half of them; 0 for a single row."""
    m = len(x)
    k = min(k, max(m // 2, 1), m - 1)
    if k < 1:
        return np.zeros(m)
    mean = np.empty(m)
    for at in range(0, m, _BLOCK):
        cosine = x[at : at + _BLOCK] @ x.T
        cosine[np.arange(len(cosine)), np.arange(at, at + len(cosine))] = -np.inf
        near = -np.partition(-cosine, k - 1, axis=1)[:, :k]
        mean[at : at + _BLOCK] = np.sqrt(np.maximum(2 - 2 * near.astype(np.float64), 0)).mean(axis=1)
    return mean
