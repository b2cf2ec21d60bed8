"""Gradients of a linear last layer under cross-entropy, never written out.

With error a = p - onehot(y) [C] and features h [h], the gradient of one item is a for the bias and a h^T for the
weights. So <g_i, g_j> = (a_i . a_j)(1 + h_i . h_j), a sum of gradients is one [C] and one [C, h] array, and its inner
product with every g_i is two matrix products: nothing is ever n x C(h + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import probabilities


@dataclass(frozen=True)
class HeadGradients:
    """n gradients. error: float32 [n, C]. features: float32 [n, h + 1], the last column 1 for the bias.

    With features [n, 1] of ones they are the gradients of the logits themselves.
    """

    error: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.error)

    def take(self, rows: np.ndarray) -> HeadGradients:
        return HeadGradients(self.error[rows], self.features[rows])

    def inner(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """float64 [r, c] of <g_i, g_j>."""
        made = [x[rows].astype(np.float64) @ x[columns].astype(np.float64).T for x in (self.error, self.features)]
        return made[0] * made[1]

    def squared_lengths(self) -> np.ndarray:
        """float64 [n] of <g_i, g_i>."""
        return np.prod([np.einsum("ij,ij->i", x, x, dtype=np.float64) for x in (self.error, self.features)], axis=0)

    def sum(self, rows: np.ndarray | None = None, weights: np.ndarray | None = None) -> np.ndarray:
        """float32 [C, h + 1]: the (weighted) sum of the gradients of these rows."""
        part = self if rows is None else self.take(rows)
        error = part.error if weights is None else part.error * weights[:, None].astype(np.float32)
        return error.T @ part.features

    def toward(self, target: np.ndarray) -> np.ndarray:
        """float32 [n] of <g_i, target>, for a target [C, h + 1]."""
        c, h = target.shape
        if h <= c:
            return np.einsum("ij,ij->i", self.error @ target, self.features)
        return np.einsum("ij,ij->i", self.features @ target.T, self.error)


def last_layer(view: View, method: str, layer: str = "head") -> HeadGradients:
    """The gradients at the end of the recorded run: last epoch's error, features of the finished student.

    layer: "head" for weights and bias, "logits" for the error alone, which needs no features. Raises InputError.

    >>> from curation.data.results import Dynamics
    >>> run = Dynamics(np.zeros((1, 2, 2)), "eval", np.array([[1.0], [2.0]]))
    >>> g = last_layer(View.of(labels=np.array([0, 1]), dynamics=run), "craig")
    >>> g.inner(np.arange(2), np.arange(2)).tolist()  # +-(1/2 + 0 to 3 of the features), opposite labels
    [[1.0, -1.5], [-1.5, 2.5]]
    """
    run, labels = view.dynamics, view.labels
    error = probabilities(run.logits[-1])
    error[np.arange(len(labels)), labels] -= 1
    if layer == "logits":
        return HeadGradients(error.astype(np.float32), np.ones((len(labels), 1), np.float32))
    if run.features is None:
        raise InputError(
            f"{method} needs the features below the last layer, and the recorded run was brought without them; "
            "store `features` [n, h] beside its logits, or let Winnow record a run"
        )
    features = np.empty((len(labels), run.features.shape[1] + 1), np.float32)
    features[:, :-1], features[:, -1] = run.features, 1
    if not (finite := np.isfinite(features).all(axis=1)).all():
        bad = np.flatnonzero(~finite)
        raise InputError(
            f"{method}: {len(bad):,} of {len(finite):,} rows of the recorded features hold NaN or infinite values, the "
            f"first is row {bad[0]}; repair them, or record again"
        )
    return HeadGradients(error.astype(np.float32), features)
