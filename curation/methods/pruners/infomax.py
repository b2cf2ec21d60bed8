"""InfoMax: as much importance as possible, less what is counted twice between neighbours.

Looks for the budget's items with the largest sum of importance minus alpha times the sum of similarities between pairs
of them, where only nearest neighbours count as similar. The choice is first a share between 0 and 1 per item; rounds
of "prefer what is important and not yet covered" bring the shares to rest, and the highest are taken. Large `alpha`
spreads the picks, 0 keeps the highest scores. Blind to regions whose importance comes from wrong labels, and to
similarity beyond the nearest neighbours. Time rounds * n * k, memory n * k.

The published values of alpha, temperature, neighbours and rounds are unverified; the defaults here are ours.
Differs: a round moves the shares only 2 / (round + 2) of the way, and rounds grow sharper, because whole steps swing
between two states and end far from the best sum; the cap of 1 per share is filled up so that shares sum to the budget;
the authors cut large data into parts, which the sparse graph makes needless.

Tan, Wu, Huang, Zhao & Qi, Data Pruning by Information Maximization, ICLR 2025.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import minmax
from curation.maths.similarity.exact import first
from curation.maths.similarity.graph import symmetric

CARD = Card(
    title="InfoMax",
    cost="rounds * n * k time after the graph, n * k memory",
    blind_to="wrong labels, and similarity beyond the nearest neighbours",
    suits="clean data with many near copies, its difficulty known",
    seconds=(0.0094, 0.087),
    grid=37.27,
    needs=("neighbours",),
    paper="https://arxiv.org/abs/2506.01701",
    tags=("score", "geometry", "coverage"),
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[str, Ref("scores"), Field(description="The score that says how important an item is.")] = "aum",
    alpha: Annotated[
        float,
        Field(ge=0, le=100, description="Penalty for a pair of copies, with scores scaled to 0 to 1."),
    ] = 0.3,
    k: Annotated[int, Field(ge=1, le=100, description="Neighbours that count as similar.")] = 5,
    rounds: Annotated[int, Field(ge=1, le=10_000, description="Number of iterations; published: about 20.")] = 100,
    sharpness: Annotated[
        float,
        Field(
            gt=0,
            le=10_000,
            description="Sharpness of the last step: weights are proportional to exp(sharpness * gain).",
        ),
    ] = 50.0,
) -> np.ndarray:
    """Positions int64 [budget], the largest share first; equal shares by gain, then in an order drawn by the seed.

    Rows 0 and 1 are alike, so one of them and row 2 are worth more together.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0], [0]]), np.array([[0.0], [0.0], [1.0]]))
    >>> view = View.of(neighbours=graph, scores={"aum": [1.0, 0.9, 0.8]})
    >>> select(view, 2, rng=np.random.default_rng(0), k=1, alpha=5).tolist()
    [2, 0]
    """
    from scipy.sparse import csr_array

    worth = minmax(view.score(by))
    start, column, distance = symmetric(*first(view.neighbours, k))
    alike = csr_array((np.maximum(1.0 - distance, 0.0), column, start), shape=(len(worth), len(worth)))
    share = np.full(len(worth), budget / len(worth))
    for step in range(rounds):
        gain = worth - 2 * alpha * (alike @ share)
        share += 2 / (step + 2) * (_shares(sharpness * (step + 1) / rounds * gain, budget) - share)
    return np.lexsort((rng.permutation(len(worth)), -gain, -share))[:budget]


def _shares(logits: np.ndarray, budget: int) -> np.ndarray:
    """float64 [n]: min(1, c * exp(logits)) with the c that makes them sum to the budget."""
    order = np.argsort(-logits, kind="stable")
    weight = np.exp(logits[order] - logits[order[0]])
    rest = np.cumsum(weight[::-1])[::-1]  # of the weights from here on, once all before are full
    left = budget - np.arange(len(weight))
    full = int(np.argmax(left * weight <= rest)) if budget < len(weight) else len(weight)
    share = np.ones(len(weight))
    if full < len(weight):
        share[order[full:]] = np.minimum(left[full] * weight[full:] / max(rest[full], 1e-300), 1.0)
    return share
