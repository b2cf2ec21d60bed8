"""Graph cut: items similar to everything, but not to each other.

Maximises f(A) = lambda * (similarity of A to all items) - (similarity within A), s = cosine, greedily; an item's gain
is lambda * sum_i s_ij - 2 * sum_{a in A} s_aj - s_jj. A large lambda prefers the middle of the data, a small one
spread; from 2 on, where similarities are not negative, f never falls. Blind to labels and difficulty, and to how many
items a pick already speaks for: a crowd attracts picks until A itself is crowded there. 0.5 + 0.5 cosine would give
the same picks. Time at most n * budget * d (see maths/selection/rank_one.py), memory n * d; sums of cosines are
products with a sum of vectors, so no pair is ever written down. The order is nested and needs no seed: equals go by
their place.

Iyer, Khargonkar, Bilmes & Asnani, Submodular Combinatorial Information Measures with Applications in Machine
Learning, ALT 2021. lambda = 1: Guo, Zhao & Bai, DeepCore: A Comprehensive Library for Coreset Selection in Deep
Learning, DEXA 2022.
Differs: DeepCore compares last-layer gradients, here it is the embeddings; and s_jj, which it leaves out, counts.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.selection.rank_one import rank_one_greedy
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Graph cut",
    cost="n * budget * d time, n * d memory",
    blind_to="labels, difficulty, and how many items a pick already speaks for",
    suits="clean data, very small shares",
    seconds=(0.54, 11),
    grid=67.93,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2006.15412",
    tags=("geometry", "label-free", "submodular", "diversity"),
    nested=True,
    stochastic=False,
)


def select(
    view: View,
    budget: int,
    *,
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
    toward_all = x @ x.sum(axis=0, dtype=np.float64).astype(np.float32)
    gain = likeness * toward_all.astype(np.float64) - np.einsum("ij,ij->i", x, x)
    picks = rank_one_greedy(x, gain, budget, lambda row: 2 * x[row], squared=False, rise=2.0)
    return np.array(picks, np.int64)
