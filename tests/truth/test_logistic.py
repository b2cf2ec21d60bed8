"""The logistic student against scikit-learn and the conditions of its optimum."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from curation.data.view import View
from curation.engine import registry
from curation.methods.students import logistic


def fitted(x, y, **params):
    method = registry.get("students", "logistic")
    names = [str(c) for c in range(int(y.max()) + 1)]
    made = method.call(View.of(embeddings=x, labels=y, classes=names), **method.validated(params, "logistic"))
    return lambda other: made.logits(View.of(embeddings=other.astype(np.float32)))


@pytest.mark.parametrize("classes", [2, 4])
def test_the_logistic_student_stands_at_the_optimum_of_its_objective(classes):
    rng = np.random.default_rng(0)
    y = np.arange(80) % classes
    x = (np.eye(classes, 6)[y] + rng.normal(size=(80, 6))).astype(np.float32) * 3 + 7
    predict = fitted(x, y, c=0.5)
    mean, scale = x.mean(axis=0), 1 / np.sqrt(x.var(axis=0).mean())
    z = (x - mean) * scale
    basis = np.concatenate([np.zeros((1, 6)), np.eye(6)]) / scale + mean  # logits there are the bias and the weights
    logits = predict(basis)
    w = (logits[1:] - logits[0]).astype(np.float64)
    p = np.exp(predict(x).astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    # Two classes share one row of weights v = w1 - w0, whose penalty is |v|^2 / 2, twice that of two rows of v / 2.
    penalty = w if classes > 2 else 2 * w
    gradient = z.T @ (p - np.eye(classes)[y]) + penalty / 0.5
    assert np.abs(gradient).max() < 1e-4  # the logits are float32


def newton_cg(x, y, c=1.0):
    """Probabilities of scikit-learn's model, solved by its own Newton-CG as far as it goes."""
    x = x.astype(np.float64)
    mean, scale = x.mean(axis=0), 1 / np.sqrt(x.var(axis=0).mean())
    model = LogisticRegression(C=c, solver="newton-cg", tol=1e-12, max_iter=1000).fit((x - mean) * scale, y)
    return lambda other: model.predict_proba((other.astype(np.float64) - mean) * scale)


@pytest.mark.parametrize(("rows", "c"), [(24, 1.0), (600, 1.0), (600, 100.0), (600, 0.001)])
def test_the_logistic_student_is_scikit_learns_at_its_optimum(rows, c):
    x, y = load_digits(return_X_y=True)
    x = x.astype(np.float32)
    ours = softmax(fitted(x[:rows], y[:rows], c=c)(x), axis=1)
    np.testing.assert_allclose(ours, newton_cg(x[:rows], y[:rows], c)(x), atol=1e-5)


def test_the_logistic_student_is_the_same_with_fewer_rows_than_columns():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 300)).astype(np.float32) + 100, np.arange(20) % 3
    np.testing.assert_allclose(softmax(fitted(x, y)(x), axis=1), newton_cg(x, y)(x), atol=1e-5)


ON_DIGITS = """
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits
from curation.data.view import View
from curation.methods.students import logistic
x, y = load_digits(return_X_y=True)
x = View.of(embeddings=x.astype(np.float32), labels=y)
np.save({path!r}, softmax(logistic.train(x.subset(np.arange(400))).logits(x).astype(np.float64), axis=1))
"""


def test_the_logistic_student_says_the_same_with_the_products_of_another_processor(tmp_path):
    says = []
    for name, kernels in (("here", {}), ("there", {"OPENBLAS_CORETYPE": "Prescott"})):  # Prescott runs on any x86-64
        path = str(tmp_path / f"{name}.npy")
        subprocess.run([sys.executable, "-c", ON_DIGITS.format(path=path)], env=os.environ | kernels, check=True)
        says.append(np.load(path))
    assert np.abs(says[0] - says[1]).max() < 1e-5


def test_balanced_counts_a_rare_class_as_often_as_the_other():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 10])
    x = (y[:, None] + rng.normal(size=(40, 3))).astype(np.float32)
    copies = np.concatenate([np.arange(40), np.flatnonzero(y == 1), np.flatnonzero(y == 1)])
    a = fitted(x, y, c=1.0, balanced=True)(x)  # a row of the rare class counts 2, the others 2/3
    # Copies stretch the columns another way, and the penalty with them.
    wider = x[copies].var(axis=0).mean() / x.var(axis=0).mean()
    b = fitted(x[copies], y[copies], c=2 / 3 * wider)(x)
    np.testing.assert_allclose(a[:, 1] - a[:, 0], b[:, 1] - b[:, 0], atol=0.02)
    assert np.abs(a - fitted(x, y, c=1.0)(x)).max() > 0.5


def test_a_class_without_rows_is_never_predicted():
    y = np.array([0, 2] * 10)
    x = y[:, None] + np.random.default_rng(0).normal(size=(20, 2))
    made = logistic.train(View.of(embeddings=x.astype(np.float32), labels=y, classes=["a", "b", "c", "d"]))
    logits = made.logits(View.of(embeddings=x.astype(np.float32)))
    assert logits.shape == (20, 4)
    assert set(logits.argmax(axis=1)) <= {0, 2}
