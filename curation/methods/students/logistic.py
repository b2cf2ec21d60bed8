"""Logistic: softmax regression on frozen embeddings, solved to its optimum.

The student of growing: it is fitted anew after every batch, so it has to be ready in a second and to depend on
nothing but what is labelled. Columns are brought to mean 0 and spread 1, then mean cross-entropy + ||W||^2 / (2 C m) is
minimised by L-BFGS (scikit-learn). The same model as `head`, which reaches nearly the same by minibatches and is the
faster of the two beyond some ten thousand rows. A class without a single row is never predicted.
Blind to everything the embeddings leave out. Passes: iterations * m.

Liu & Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization, Mathematical Programming 45, 1989.
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
    cost="iterations * m * d * C time, m * d memory",
    blind_to="whatever the embeddings leave out",
    needs=("embeddings", "labels"),
    paper="https://doi.org/10.1007/BF01589116",
    tags=("linear", "fast", "exact"),
    stochastic=False,
)

_NEVER = -1e9  # the logit of a class without rows


def train(
    view: View,
    *,
    record: Record | None = None,
    c: Annotated[float, Field(gt=0, le=1e6, description="Freedom of the weights: 1 / the weight penalty.")] = 1.0,
    balanced: Annotated[bool, Field(description="Every class counts the same, however few its rows.")] = False,
    iterations: Annotated[int, Field(ge=1, le=10_000, description="Most steps of L-BFGS.")] = 300,
) -> Predictor:
    """A Predictor with C = len(view.classes) outputs, trained on exactly the rows of the view.

    features: the embeddings at mean 0 and spread 1.

    >>> x = np.array([[0.0, 1.0], [0.1, 0.9], [1.0, 0.0], [0.9, 0.1]], dtype=np.float32)
    >>> view = View.of(embeddings=x, labels=np.array([0, 0, 1, 1]))
    >>> train(view).logits(view).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    from sklearn.linear_model import LogisticRegression

    x, labels, classes = view.embeddings, view.labels, len(view.classes)
    seen = np.unique(labels)
    if len(seen) < 2:
        raise InputError(f"logistic regression needs rows of at least two classes; found {len(seen)}")
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = 1 / max(float(np.sqrt(x.var(axis=0, dtype=np.float64).mean())), 1e-12)
    model = LogisticRegression(C=c, max_iter=iterations, class_weight="balanced" if balanced else None)
    model.fit((x - mean) * scale, labels)
    weights, bias = model.coef_, model.intercept_
    if len(seen) == 2:  # one row of weights, for the second class
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    # Brought back to the embeddings as they are: one product, no copy of them.
    inner = (weights * scale).astype(np.float32)
    outer = (bias - (weights * scale) @ mean).astype(np.float32)

    def logits(other: View) -> np.ndarray:
        full = np.full((len(other), classes), _NEVER, np.float32)
        full[:, seen] = other.embeddings @ inner.T + outer
        return full

    if record is not None:  # one step to the optimum: one epoch
        record.batch(np.arange(len(view)), logits(view))
        record.epoch(lambda: logits(view))
    passes = int(np.max(model.n_iter_)) * len(labels)
    return Predictor(logits, lambda other: (other.embeddings - mean) * scale, passes)
