"""Matching pursuit with weights that are not negative: few gradients whose weighted sum is that of all.

Again and again the gradient that points most along what is still missing joins the support, and the weights on the
support are solved for anew, by Cholesky factors that grow by a row. A weight that would turn negative is followed only
until it is zero and then leaves, as in Lawson & Hanson's non-negative least squares; so the weights are always the best
non-negative ones for their support, and the gap never grows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.maths.gradients import HeadGradients

_DEPENDENT = 1e-9  # part of a squared length that has to be new, or the gradient is a combination of the support's
_PATIENCE = 3  # gradients looked at, in budgets


def pursue(
    gradients: HeadGradients,
    budget: int,
    ridge: float = 0.0,
    tolerance: float = 1e-4,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, weights > 0), in the order they joined: |sum of all g - sum w_i g_i|^2 + ridge |w|^2 is small.

    At most `budget` of them; fewer when the gap is below tolerance times the length of the sum, or nothing is left that
    would close it. Time budget * n * C * h + budget^3.

    >>> h = np.array([[2.0, 1.0], [0.0, 1.0], [1.0, 1.0]], dtype=np.float32)
    >>> rows, weights = pursue(HeadGradients(np.ones((3, 1), np.float32), h), 2)  # g = (2,1), (0,1), (1,1): sum (3, 3)
    >>> rows.tolist(), weights.round(3).tolist()
    ([0, 1], [1.5, 1.5])
    """
    target = gradients.sum()
    support, barred, missing = _Support(gradients, target, budget, ridge), np.zeros(len(gradients), bool), target
    for look in range(_PATIENCE * budget):
        if len(support.rows) == budget or np.linalg.norm(missing) <= tolerance * np.linalg.norm(target):
            break
        along = gradients.toward(missing)
        along[barred] = -np.inf
        along[support.rows] = -np.inf
        best = int(along.argmax())
        if not along[best] > 0:
            break
        barred[best] = not (support.add(best) and best in support.rows)
        missing = target - gradients.sum(np.array(support.rows, np.int64), support.weights)
        if look % 64 == 0:
            progress(len(support.rows), budget)
    return np.array(support.rows, np.int64), support.weights


class _Support:
    """rows, their weights [t], the products of their gradients, and the Cholesky factor of these plus the ridge."""

    def __init__(self, gradients: HeadGradients, target: np.ndarray, most: int, ridge: float):
        self.gradients, self.ridge = gradients, ridge
        self.toward_target = gradients.toward(target).astype(np.float64)
        self.square = gradients.squared_lengths() + ridge
        self.rows: list[int] = []
        self.weights = np.empty(0)
        self.products, self.factor = np.empty((most, most)), np.zeros((most, most))

    def add(self, row: int) -> bool:
        """Let a row join and solve for all weights. False, and nothing done, if it is a combination of the others."""
        from scipy.linalg import solve_triangular

        t = len(self.rows)
        shared = self.gradients.inner(np.array([row]), np.array(self.rows, np.int64))[0]
        known = solve_triangular(self.factor[:t, :t], shared, lower=True, check_finite=False) if t else shared
        new = self.square[row] - known @ known
        if new <= _DEPENDENT * self.square[row]:
            return False
        self.products[t, :t] = self.products[:t, t] = shared
        self.products[t, t] = self.square[row]
        self.factor[t, :t], self.factor[t, t] = known, np.sqrt(new)
        self.rows.append(row)
        self.weights = np.append(self.weights, 0.0)
        while (wanted := self._solved()).min(initial=np.inf) <= 0:
            falling = np.flatnonzero(wanted <= 0)
            part = self.weights[falling] / (self.weights[falling] - wanted[falling] + 1e-300)
            self.weights += part.min() * (wanted - self.weights)
            self.weights[falling[part == part.min()]] = 0.0
            self._drop(np.flatnonzero(self.weights <= 0))
        self.weights = wanted
        return True

    def _solved(self) -> np.ndarray:
        from scipy.linalg import cho_solve

        t = len(self.rows)
        return (
            cho_solve((self.factor[:t, :t], True), self.toward_target[self.rows], check_finite=False)
            if t
            else np.empty(0)
        )

    def _drop(self, gone: np.ndarray) -> None:
        """Rows leave; the factor is made again from the first of them on."""
        t, first = len(self.rows), gone[0]
        kept = np.setdiff1d(np.arange(t), gone)
        self.rows, self.weights = [self.rows[i] for i in kept], self.weights[kept]
        t, later = len(kept), kept[first:]
        self.products[:t, :t] = self.products[np.ix_(kept, kept)]
        before = self.factor[later, :first]
        self.factor[first:t, :first] = before
        rest = self.products[first:t, first:t] - before @ before.T
        self.factor[first:t, first:t] = np.linalg.cholesky(rest)
