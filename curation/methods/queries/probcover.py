"""ProbCover: the items whose neighbourhoods, taken together, cover most of the pool.

For the first labels: an item covers all items nearer than `delta`, and every question goes to the item that covers
most of what is not covered yet, which reaches at least 63 % of the best possible cover. `delta` is the largest
radius at which 95 % of the neighbourhoods hold one class only, judged by clusters, since there are no labels yet.
Needs no label and no model. Blind to doubt and to sparse regions, which are covered last. Above `pool` rows a random
sample of them is looked at. Time pool^2 * d, memory in proportion to the pairs nearer than delta.

Yehuda, Dekel, Hacohen & Weinshall, Active Learning Through a Covering Lens, NeurIPS 2022.
Differs: delta is read off the nearest item of another cluster, which is the authors' criterion without their grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.clusters import spherical
from curation.maths.similarity.exact import nearest_other, unit

CARD = Card(
    title="ProbCover",
    cost="pool^2 * d time, memory as the pairs nearer than delta",
    blind_to="uncertainty, and sparse regions",
    needs=("known", "embeddings"),
    paper="https://arxiv.org/abs/2205.11320",
    tags=("geometry", "coverage", "label-free", "cold start"),
    requires=("torch",),
)

_BLOCK = 1024  # rows compared at once
_PURE = 0.95  # share of neighbourhoods that hold one cluster only
_GROUPS = 10  # clusters, where fewer classes than that are known


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    delta: Annotated[
        float,
        Field(ge=0, le=2, description="Radius between unit vectors; 0 chooses it by the purity of neighbourhoods."),
    ] = 0.0,
    groups: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            description="Clusters used as classes to choose the radius; 0 = number of known classes, or 10.",
        ),
    ] = 0,
    pool: Annotated[
        int,
        Field(
            ge=100, le=200_000, description="Largest number of items considered; a larger pool is sampled at random."
        ),
    ] = 20_000,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> x = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1], [0.1, 1]], np.float32)
    >>> query(View.of(known=np.full(5, -1), embeddings=x), 2, rng=np.random.default_rng(0), delta=0.15).tolist()
    [1, 3]
    """
    known, x = view.known, unit(view.embeddings)
    open_, labelled = np.flatnonzero(known < 0), np.flatnonzero(known >= 0)
    if len(open_) > max(pool, budget):
        open_ = np.sort(rng.choice(open_, max(pool, budget), replace=False))
    delta = delta or radius(x[open_], groups or max(len(view.classes), _GROUPS), rng)
    covered = np.zeros(len(open_), bool)
    for at in range(0, len(labelled), _BLOCK):
        covered |= _near(x[labelled[at : at + _BLOCK]], x[open_], delta).any(axis=0)
    picks = cover(_graph(x[open_], delta, progress), covered, budget)
    rest = np.setdiff1d(np.arange(len(open_)), picks)
    return open_[np.concatenate([picks, rng.permutation(rest)[: budget - len(picks)]]).astype(np.int64)]


def radius(x: np.ndarray, groups: int, rng: np.random.Generator) -> float:
    """The largest distance at which 95 % of the unit rows of x have no row of another cluster nearer than it."""
    label = spherical(x, groups, rng).label
    _, apart = nearest_other(x, x, apart=(label, label))
    reach = np.sqrt(2 * np.where(np.isfinite(apart), apart, 2.0))  # one cluster only: everything is within reach
    return float(np.sort(reach)[min(int((1 - _PURE) * len(x) + 1e-9), len(x) - 1)])


def cover(graph, covered: np.ndarray, budget: int) -> np.ndarray:
    """int64 [at most budget]: greedy rows of a symmetric csr graph [n, n] that cover most, until all is covered.

    covered: bool [n], what is covered beforehand. Ties go to the lower row.
    """
    covered = covered.copy()
    gain = graph @ (~covered).astype(np.int64)
    picks = []
    while len(picks) < budget and gain.max(initial=0) > 0:
        pick = int(np.argmax(gain))
        picks.append(pick)
        ball = graph.indices[graph.indptr[pick] : graph.indptr[pick + 1]]
        new = ball[~covered[ball]]
        covered[new] = True
        for row in new:  # whoever reaches it has one less to gain
            gain[graph.indices[graph.indptr[row] : graph.indptr[row + 1]]] -= 1
    return np.array(picks, np.int64)


def _near(a: np.ndarray, b: np.ndarray, delta: float) -> np.ndarray:
    """bool [len(a), len(b)]: unit rows nearer than delta."""
    return a @ b.T > 1 - delta**2 / 2


def _graph(x: np.ndarray, delta: float, progress: Callable):
    from scipy.sparse import csr_array

    columns, counts = [], []
    for at in range(0, len(x), _BLOCK):
        near = _near(x[at : at + _BLOCK], x, delta)
        near[np.arange(len(near)), np.arange(at, at + len(near))] = True  # everybody covers itself, by rounding or not
        columns.append(np.nonzero(near)[1].astype(np.int32))
        counts.append(near.sum(axis=1))
        progress(min(at + _BLOCK, len(x)), len(x))
    starts = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    indices = np.concatenate(columns)
    return csr_array((np.ones(len(indices), np.int8), indices, starts), shape=(len(x), len(x)))
