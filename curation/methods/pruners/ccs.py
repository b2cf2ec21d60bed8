"""CCS: coverage-centric selection, the hardest cut off and the rest drawn evenly over the range of difficulty.

Mislabelled and hopeless items sit at the hard end, so a share `beta` of them goes first. The remaining scores are cut
into bins of equal width, and the budget is spread over the bins as evenly as their sizes allow: rare difficulties are
kept whole, crowded ones thinned. Strong at small budgets. Blind to geometry: within a bin it draws at random. Set
`beta` to at least the share of wrong labels; the paper tunes it per budget (CIFAR-10: 0 when half is kept, 0.1 at 20 to
30 %, 0.3 at 10 %). Time n log n, memory n.

A budget that does not fit beside the cut brings back as many of the cut as it needs, the easiest first.

Zheng, Liu, Lai & Prakash, Coverage-centric Coreset Selection for High Pruning Rates, ICLR 2023.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties

CARD = Card(
    title="Coverage-centric selection (CCS)",
    cost="n log n time, n memory",
    blind_to="geometry: within a bin of difficulty it draws at random",
    suits="large shares of data with some wrong labels, whose difficulty is known",
    seconds=(0.00032, 0.0024),
    grid=64.5,
    paper="https://arxiv.org/abs/2210.15809",
    tags=("score", "coverage"),
    listed=("labels",),
    rank=3,
    nested=True,
    instant=True,
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[str, Ref("scores"), Field(description="The score whose range is covered.")] = "aum",
    cut_by: Annotated[str, Ref("scores"), Field(description="The score that says which are hardest.")] = "aum",
    beta: Annotated[float, Field(ge=0, le=0.5, description="Share of the hardest items that is cut off first.")] = 0.1,
    bins: Annotated[int, Field(ge=1, le=1000, description="Bins of equal width over the range of `by`.")] = 50,
) -> np.ndarray:
    """Positions int64 [budget], in an order whose every prefix is the selection for that smaller budget.

    The published procedure visits the bins from small to large and gives each min(its size, what is left // bins
    left). Drawing inside a bin in a fixed random order, that is the same as going round the bins again and again,
    largest first, taking one from each that still has some: one sort, and nested.

    >>> view = View.of(labels=np.zeros(5, int), scores={"aum": [0.0, 0.1, 0.2, 1.0, 9.0]})
    >>> sorted(select(view, 2, rng=np.random.default_rng(0), beta=0.2, bins=2).tolist())[-1]  # 9 cut, 1 has its own bin
    3
    """
    hardest_last = argsort_random_ties(view.score(cut_by), rng)
    kept = len(view) - int(beta * len(view) + 1e-9)
    pool, cut = hardest_last[:kept], hardest_last[kept:]
    bin_of = _bins(view.score(by)[pool], bins)
    size = np.bincount(bin_of, minlength=bins)
    visit = np.argsort(np.argsort(size, kind="stable"))  # rank of each bin, small to large
    drawn = _rank_within(bin_of, rng.permutation(len(pool)))
    order = np.lexsort((-visit[bin_of], drawn))
    return np.concatenate([pool[order], cut])[:budget]


def _bins(values: np.ndarray, bins: int) -> np.ndarray:
    """int [n]: bin of equal width over [min, max]; the maximum belongs to the last, one value is one bin."""
    low, high = values.min(), values.max()
    if high == low:
        return np.zeros(len(values), dtype=np.int64)
    return np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)


def _rank_within(group: np.ndarray, priority: np.ndarray) -> np.ndarray:
    """int [n]: how many of the same group have a lower priority number."""
    order = np.lexsort((priority, group))
    first = np.searchsorted(group[order], group[order])  # where the group begins
    rank = np.empty(len(group), dtype=np.int64)
    rank[order] = np.arange(len(group)) - first
    return rank
