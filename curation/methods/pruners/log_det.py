"""Log-determinant: the set that spans the largest volume, the most probable one of a determinantal point process.

Maximises f(A) = log det(S_AA + ridge I), s = cosine, greedily: every pick is the item that the picks so far explain
least. Prefers variety and new directions, so it takes outliers early, and is blind to labels, difficulty and density.
`ridge` says how much unlikeness counts as noise; without it f would be exhausted after d picks.

Exact greedy without a k x k matrix: the gain of item j is log(ridge (1 + q_j)) with
q_j = x_j^T (ridge I + X_A^T X_A)^-1 x_j, and a pick changes the inverse by one outer product. Time at most
n * budget * d + budget * d^2 (see maths/selection/rank_one.py), memory n * d + 16 d^2 bytes. The order is nested and
needs no seed: equals go by their place.

Chen, Zhang & Zhou, Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation Diversity,
NeurIPS 2018. Iyer, Khargonkar, Bilmes & Asnani, Submodular Combinatorial Information Measures with Applications in
Machine Learning, ALT 2021.
Differs: DeepCore's gain is only the part already explained, with a plus sign, so it prefers what is redundant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.selection.rank_one import rank_one_greedy
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Log-determinant (DPP)",
    cost="n * budget * d + budget * d^2 time, n * d memory",
    blind_to="labels, difficulty and density; takes outliers early",
    suits="clean data, small shares that should differ as much as they can",
    seconds=(0.36, 3),
    grid=50.78,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/1709.05135",
    tags=("geometry", "label-free", "submodular", "diversity"),
    nested=True,
    stochastic=False,
)

_FRESH = 16  # picks after which rounding is washed out; then whenever they have doubled
_ROWS = 4096


def select(
    view: View,
    budget: int,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    ridge: Annotated[
        float, Field(ge=1e-3, le=100, description="Added to every item's similarity to itself, which is 1.")
    ] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken.

    >>> x = np.array([[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, 0.8]])
    >>> select(View.of(embeddings=x), 3).tolist()  # never two of a kind while there is another
    [0, 2, 3]
    """
    from scipy.linalg.blas import dger

    x = unit(view.embeddings)
    picks: list[int] = []
    while len(picks) < budget:
        own = x[picks].astype(np.float64)
        inverse = np.asfortranarray(np.linalg.inv(ridge * np.eye(x.shape[1]) + own.T @ own))
        # At first all are equal: said exactly, or rounding would choose the first pick.
        unexplained = _lengths(x, inverse) if picks else x.any(axis=1) / ridge
        unexplained[picks] = -np.inf

        def explained(row: int, inverse: np.ndarray = inverse) -> np.ndarray:
            wide = x[row].astype(np.float64)
            direction = inverse @ wide
            scale = 1 + wide @ direction
            dger(-1 / scale, direction, direction, a=inverse, overwrite_a=1)  # Sherman-Morrison, in place
            return direction / np.sqrt(scale)

        step = min(max(_FRESH, len(picks)), budget - len(picks))
        picks += rank_one_greedy(x, unexplained, step, explained)
        progress(len(picks), budget)
    return np.array(picks, np.int64)


def _lengths(x: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """float64 [n]: x_j^T inverse x_j."""
    parts = (x[at : at + _ROWS].astype(np.float64) for at in range(0, len(x), _ROWS))
    return np.concatenate([np.einsum("ij,ij->i", part @ inverse, part) for part in parts])
