"""Graph cut: items similar to everything, but not to each other.

Maximises f(A) = lambda * (similarity of A to all items) - (similarity within A), s = cosine, greedily; an item's gain
is lambda * sum_i s_ij - 2 * sum_{a in A} s_aj - s_jj. A large lambda prefers the middle of the data, a small one
spread; from 2 on, where similarities are not negative, f never falls. Blind to labels and difficulty, and to how many
items a pick already speaks for: a crowd attracts picks until A itself is crowded there. 0.5 + 0.5 cosine would give
the same picks. Time n * budget * d, memory n * d; sums of cosines are products with a sum of vectors, so no pair is
ever written down. The order is nested and needs no seed: equals go by their place. Above 50,000 items they are chosen
in two rounds, in shards of 5,000 (see maths/selection/rounds.py): time 5,000 n * d. On 50,000 items in ten
shards that reached 99.99 % of the exact f or more (1 to 50 % taken; `python -m benchmarks.rounds`).

Iyer, Khargonkar, Bilmes & Asnani, Submodular Combinatorial Information Measures with Applications in Machine
Learning, ALT 2021. lambda = 1: Guo, Zhao & Bai, DeepCore: A Comprehensive Library for Coreset Selection in Deep
Learning, DEXA 2022.
Differs: DeepCore compares last-layer gradients, here it is the embeddings; and s_jj, which it leaves out, counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.parts import Spread, here
from curation.data.view import View
from curation.maths.selection.rounds import in_rounds
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Graph cut",
    cost="n * budget * d time up to 50,000 items, at most 5,000 n * d above; n * d memory",
    blind_to="labels, difficulty, and how many items a pick already speaks for",
    suits="clean data, very small shares",
    seconds=(0.031, 4.8),
    grid=67.93,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2006.15412",
    tags=("geometry", "label-free", "submodular", "diversity"),
    nested=True,
    rounds=True,
    stochastic=False,
    version=2,
)


def select(
    view: View,
    budget: int,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    spread: Spread = here,
    likeness: Annotated[
        float,
        Field(
            ge=0, le=1000, description="lambda: weight of the similarity to all items against that within the subset."
        ),
    ] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken.

    >>> x = np.array([[1.0, 0.0], [0.8, 0.6], [0.8, 0.6], [0.0, 1.0]])
    >>> select(View.of(embeddings=x), 3).tolist()  # the middle of all first
    [1, 2, 3]
    """
    x = unit(view.embeddings)
    of_all = x.sum(axis=0, dtype=np.float64)

    def worth(rows: np.ndarray) -> float:
        own = x[rows].sum(axis=0, dtype=np.float64)
        return float(likeness * of_all @ own - own @ own)

    compete = partial(_greedy, of_all=of_all)
    how = {"compete": compete, "progress": progress, "spread": spread}
    return in_rounds(_greedy, x, budget, worth, **how, likeness=likeness)


def _greedy(
    x: np.ndarray,
    budget: int,
    taken: np.ndarray,
    *,
    likeness: float,
    of_all: np.ndarray | None = None,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """Positions int64 [budget] of rows of x [n, d], after those taken. of_all: float64 [d], where x is not all rows."""
    of_all = x.sum(axis=0, dtype=np.float64) if of_all is None else of_all
    gain = likeness * (x @ of_all.astype(np.float32)).astype(np.float64) - np.einsum("ij,ij->i", x, x)
    gain -= 2 * (x @ x[taken].sum(axis=0, dtype=np.float64).astype(np.float32))
    gain[taken] = -np.inf
    picks = np.empty(budget, np.int64)
    for t in range(budget):
        picks[t] = best = int(gain.argmax())
        gain -= x @ (2 * x[best])
        gain[best] = -np.inf
        if t % 500 == 499:
            progress(t + 1, budget)
    return picks
