"""DUAL with beta sampling: a draw by score that leans towards easy items, the more, the less is kept.

Keeping the highest DUAL scores fails when little is kept, so items are drawn with chances in proportion to score times
a beta density of the mean confidence mu in the given label. The density's peak moves with the pruning rate r: b = 15
(1 - mu_D) (1 - r^c), a = 16 - b, where mu_D is the mean mu of the ten highest scores; as r goes to 1 the peak goes to
the surest items. `c` is 4 for CIFAR-100, 11 for ImageNet, 5.5 for CIFAR-10 (the last unverified). Blind to redundancy.
Time epochs * n * C, memory n.

Differs: chances are kept as logarithms, so no density underflows and every item with a positive score can be drawn;
items whose score is 0 come last.

Cho, Shin, Kang & Yun, Lightweight Dataset Pruning without Full Training via Example Difficulty and Prediction
Uncertainty, ICML 2025.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import given_probability

CARD = Card(
    title="DUAL with beta sampling",
    cost="epochs * n * C time, n memory",
    blind_to="redundancy",
    suits="noisy data: the less is kept, the easier the items",
    seconds=(0.0033, 0.042),
    grid=68.82,
    needs=("dynamics", "labels"),
    paper="https://arxiv.org/abs/2502.06905",
    tags=("score", "dynamics"),
)

_TOP = 10  # highest scores whose confidence says how hard the data are
_SUM = 16.0  # a + b of the beta density, as published
_EDGE = 1e-6  # confidence is kept this far from 0 and 1, where the density may be infinite


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[
        str, Ref("scores"), Field(description="The score that the sampling probability grows with; published: dual.")
    ] = "dual",
    c: Annotated[
        float, Field(gt=0, le=100, description="Larger values prefer easy items only at smaller kept shares.")
    ] = 4.0,
    epochs: Annotated[
        int, Field(ge=1, le=1000, description="First epochs whose confidence is averaged; published: 30 for CIFAR.")
    ] = 30,
) -> np.ndarray:
    """Positions int64 [budget], in the order drawn. A shorter run is used to its end.

    What has no score comes last, however sure the student is of it.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.array([[[7.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]), "train")
    >>> view = View.of(labels=np.zeros(3, int), dynamics=run, classes=["a", "b"], scores={"dual": [0.0, 1.0, 1.0]})
    >>> select(view, 3, rng=np.random.default_rng(0)).tolist()[-1]
    0
    """
    score = view.score(by)
    score = score - min(score.min(), 0.0)  # chances cannot be negative; `dual` never is
    sure = given_probability(view.dynamics.logits[:epochs], view.labels).mean(axis=0)
    log_weight = _log_density(sure, *_shape(score, sure, 1 - budget / len(view), c))
    with np.errstate(divide="ignore"):
        log_weight = log_weight + np.log(score)
    # Ordering exponential variables divided by the weights is the same as drawing one after the other.
    arrival = np.log(rng.exponential(size=len(score))) - log_weight
    return np.lexsort((rng.permutation(len(score)), arrival))[:budget]


def _shape(score: np.ndarray, sure: np.ndarray, rate: float, c: float) -> tuple[float, float]:
    """(a, b) of the beta density for this pruning rate."""
    hardest = np.argsort(-score, kind="stable")[:_TOP]
    b = (_SUM - 1) * (1 - sure[hardest].mean()) * (1 - rate**c)
    return _SUM - b, b


def _log_density(sure: np.ndarray, a: float, b: float) -> np.ndarray:
    """The beta density's logarithm up to a constant."""
    inside = np.clip(sure, _EDGE, 1 - _EDGE)
    return (a - 1) * np.log(inside) + (b - 1) * np.log1p(-inside)
