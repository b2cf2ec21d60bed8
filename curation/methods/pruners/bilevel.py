"""Bilevel coreset: items, with weights, on which a model is trained that does well on all items.

The model is ridge regression of the one-hot labels on centred, unit-length embeddings, whose optimum for given weights
has a closed form, so the derivative of the loss on all items by any item's weight is exact. Item by item, the
candidate whose weight would lower that loss fastest joins, and the weights so far are improved by gradient steps.
Made for small budgets: prefers what the model does not know yet, and covers classes and directions quickly. Blind to
wrong labels, which it learns to fit, and to everything a linear model on the embeddings cannot see.

After `reweight_up_to` picks, weights stay as they are and further items join by the same criterion with weight 1; at
budgets far beyond that a cheaper method does as well. Time n * d^2 + budget * (candidates * d * C + d^2), and, while
weights are improved, steps * picks^3 + d^3 more per pick; memory n * d + 16 d^2 bytes.

Borsos, Mutny & Krause, Coresets via Bilevel Optimization for Continual Learning and Streaming, NeurIPS 2020.
Differs: squared loss and linear features, where the paper uses a neural tangent kernel and cross-entropy; the ridge
does not grow with the subset; and `reweight_up_to`, which the paper does not have. Its steps, rate and number of
candidates are the authors' defaults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Selection
from curation.data.view import View
from curation.maths.similarity.exact import unit
from curation.maths.threads import one_blas_thread

CARD = Card(
    title="Bilevel coreset",
    cost="n * d^2 + budget * d^2 time, more for the first reweight_up_to picks; n * d memory",
    blind_to="wrong labels, and what a linear model on the embeddings cannot see",
    suits="small clean sets and a linear student",
    seconds=(8.9, 14),
    grid=67.42,
    needs=("embeddings", "labels"),
    paper="https://arxiv.org/abs/2006.03875",
    tags=("geometry", "weights", "small budgets"),
    weights=True,
)

_ROWS = 8192


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    candidates: Annotated[
        int, Field(ge=1, le=1_000_000, description="Candidates drawn at random for every pick; the best one is taken.")
    ] = 200,
    ridge: Annotated[
        float,
        Field(ge=1e-6, le=1000, description="Penalty on the model's squared weights; the most important parameter."),
    ] = 0.1,
    reweight_up_to: Annotated[
        int,
        Field(ge=0, le=2000, description="Up to this many picks, all weights are optimised again after every pick."),
    ] = 200,
    steps: Annotated[int, Field(ge=1, le=1000, description="Gradient steps on the weights per pick.")] = 40,
    rate: Annotated[float, Field(gt=0, le=1, description="Learning rate of these steps (Adam).")] = 0.01,
) -> Selection:
    """rows [budget], in the order taken, and weights >= 0.

    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], dtype=np.float32)
    >>> chosen = select(View.of(embeddings=x, labels=np.array([0, 0, 1, 1])), 2, rng=np.random.default_rng(0))
    >>> sorted((chosen.rows // 2).tolist())  # one of each class
    [0, 1]
    """
    from scipy.linalg.blas import dger

    features, labels, one_hot = _features(view.embeddings), view.labels, np.eye(int(view.labels.max()) + 1)
    gram, aim = _moments(features, labels, one_hot)
    inverse = np.asfortranarray(np.eye(len(gram)) / ridge)
    pulled = np.zeros_like(aim)  # sum of w_i phi_i y_i^T over the picks
    picks, weights, taken = [], np.empty(0), np.zeros(len(features), bool)
    with one_blas_thread():
        while len(picks) < budget:
            model = inverse @ pulled
            back = inverse @ (gram @ model - aim)
            rest = np.flatnonzero(~taken)
            some = rest if len(rest) <= candidates else rest[rng.integers(len(rest), size=candidates)]
            phi = features[some].astype(np.float64)
            best = int(some[np.einsum("ic,ic->i", phi @ back, phi @ model - one_hot[labels[some]]).argmax()])
            picks.append(best)
            taken[best] = True
            weights = np.append(weights, 1.0)
            phi = features[best].astype(np.float64)
            if len(picks) <= reweight_up_to:
                own = features[picks].astype(np.float64)
                weights = _improved(own, one_hot[labels[picks]], weights, gram, aim, ridge, steps, rate)
                pulled = (own * weights[:, None]).T @ one_hot[labels[picks]]
                inverse = np.asfortranarray(np.linalg.inv(ridge * np.eye(len(gram)) + (own * weights[:, None]).T @ own))
            else:
                direction = inverse @ phi
                dger(-1 / (1 + phi @ direction), direction, direction, a=inverse, overwrite_a=1)
                pulled += np.outer(phi, one_hot[labels[best]])
            if len(picks) % 32 == 0:
                progress(len(picks), budget)
    return Selection(np.array(picks, np.int64), weights)


def _features(x: np.ndarray) -> np.ndarray:
    """float32 [n, d + 1]: centred, scaled to length 1, and a column of ones."""
    made = np.ones((len(x), x.shape[1] + 1), np.float32)
    made[:, :-1] = unit(x - x.mean(axis=0, dtype=np.float64).astype(np.float32))
    return made


def _moments(features: np.ndarray, labels: np.ndarray, one_hot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over all rows of phi phi^T [D, D] and of phi y^T [D, C], in float64."""
    gram, aim = np.zeros((features.shape[1],) * 2), np.zeros((features.shape[1], len(one_hot)))
    for at in range(0, len(features), _ROWS):
        part = features[at : at + _ROWS]
        gram += part.T @ part
        aim += part.T @ one_hot[labels[at : at + _ROWS]]
    return gram / len(features), aim / len(features)


def _improved(
    own: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    gram: np.ndarray,
    aim: np.ndarray,
    ridge: float,
    steps: int,
    rate: float,
) -> np.ndarray:
    """The weights after some steps of Adam down the loss on all rows, none negative; all in terms of the picks [t]."""
    inner, outer, toward = own @ own.T, own @ gram @ own.T, own @ aim
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, steps + 1):
        root = np.sqrt(weights)
        solve = root[:, None] * np.linalg.inv(root[:, None] * inner * root + ridge * np.eye(len(root))) * root
        dual = solve @ targets
        back = outer @ dual - toward
        slope = -np.einsum("ic,ic->i", back - inner @ (solve @ back), inner @ dual - targets)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        move = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-12)
        weights = np.maximum(weights - rate * move, 0)
    return weights
