"""Logistic: softmax regression on frozen embeddings, solved to its optimum.

The student of growing: it is fitted anew after every batch, so it has to be ready in a second and to depend on
nothing but what is labelled. Columns are brought to mean 0 and spread 1, then mean cross-entropy + ||W||^2 / (2 C m) is
minimised by Newton steps in float64 until no logit moves any more: another processor gives the same probabilities to
1e-5. The same model as `head`, which reaches nearly the same by minibatches and is the faster of the two beyond some
ten thousand rows. A class without a single row is never predicted. Blind to everything the embeddings leave out.

Nocedal & Wright, Numerical Optimization, 2nd edition, 2006, section 7.1 (line-search Newton-CG).
Alain & Bengio, Understanding Intermediate Layers Using Linear Classifier Probes, ICLR 2017 workshop.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.training.student import Predictor, Record

CARD = Card(
    title="Logistic regression on embeddings",
    cost="steps * m * d * C time (some 100 products with the rows), 2 * m * d * 8 bytes memory",
    blind_to="whatever the embeddings leave out",
    needs=("embeddings", "labels"),
    paper="https://doi.org/10.1007/978-0-387-40065-5",
    tags=("linear", "fast", "exact"),
    stochastic=False,
    version=2,
    weights=True,
)

_NEVER = -1e9  # the logit of a class without rows
_BLOCK = 1 << 14  # rows brought to float64 at once


def train(
    view: View,
    *,
    record: Record | None = None,
    c: Annotated[
        float, Field(gt=0, le=1e6, description="Inverse regularisation strength: 1 / the weight penalty.")
    ] = 1.0,
    balanced: Annotated[bool, Field(description="Weight all classes equally, whatever their size.")] = False,
    iterations: Annotated[
        int, Field(ge=1, le=10_000, description="Largest number of Newton steps; the optimum takes about ten.")
    ] = 300,
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    features: the embeddings at mean 0 and spread 1.

    >>> x = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.1]], dtype=np.float32)
    >>> view = View.of(embeddings=x, labels=np.array([0, 0, 1, 1]))
    >>> train(view).logits(view).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    from curation.maths.fitting.softmax_regression import solve

    weights = np.ones(len(view)) if view.weights is None else view.weights
    counted = np.flatnonzero(weights)  # a row of weight 0 is not there
    seen, codes = np.unique(view.labels[counted], return_inverse=True)
    if len(seen) < 2:
        raise InputError(f"logistic regression needs rows of at least two classes; found {len(seen)}")
    x, shares = view.embeddings[counted].astype(np.float64), weights[counted] / weights.sum()
    mean = shares @ x
    x -= mean
    scale = 1 / max(float(np.sqrt(shares @ np.square(x).mean(axis=1))), 1e-12)
    x *= scale
    if balanced:
        shares = shares / (len(seen) * np.bincount(codes, shares))[codes]
    # Two classes share one vector v = w1 - w0, as in scikit-learn; its penalty is twice that of two of v / 2.
    penalty = (2 if len(seen) == 2 else 1) / (c * len(x))
    found = solve(x, codes, len(seen), penalty, shares, steps=iterations)

    def logits(other: View) -> np.ndarray:
        full = np.full((len(other), len(view.classes)), _NEVER, np.float32)
        for at in range(0, len(other), _BLOCK):
            part = (other.embeddings[at : at + _BLOCK].astype(np.float64) - mean) * scale
            full[at : at + _BLOCK, seen] = part @ found.weights + found.bias
        return full

    if record is not None:  # one step to the optimum: one epoch
        record.batch(np.arange(len(view)), logits(view))
        record.epoch(lambda: logits(view))
    features = lambda other: ((other.embeddings - mean) * scale).astype(np.float32)  # noqa: E731
    return Predictor(logits, features, found.passes * len(x))
