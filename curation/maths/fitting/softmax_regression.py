"""Softmax regression, solved to its optimum by truncated Newton steps.

A first-order solver that stops early stops elsewhere on another processor: with the gradient test that is usual for
L-BFGS the probabilities of two BLAS kernels differ by .01. Newton's error is squared with every step, so the last one
leaves less than 1e-6, whatever rounds the products. Each step solves the Hessian's equations by conjugate gradients,
preconditioned with the Hessian of a model that is equally unsure of every row.

Nocedal & Wright, Numerical Optimization, 2nd edition, 2006, section 7.1 (line-search Newton-CG).
Böhning, Multinomial Logistic Regression Algorithm, Annals of the Institute of Statistical Mathematics 44, 1992.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SETTLED = 1e-4  # a step that moves no logit further is the last: what is left after it is far smaller
_INNER = 200  # most products with the Hessian in one step


@dataclass(frozen=True)
class Optimum:
    """weights: float64 [d, C]. bias: float64 [C]. passes: how often all rows were multiplied with the weights.

    settled: whether the last step moved no logit by more than 1e-4.
    """

    weights: np.ndarray
    bias: np.ndarray
    passes: int
    settled: bool


def solve(
    x: np.ndarray, labels: np.ndarray, classes: int, penalty: float, shares: np.ndarray, *, steps: int = 100
) -> Optimum:
    """The W and b that minimise sum_i shares_i * cross-entropy_i + penalty / 2 * ||W||^2.

    x: float64 [m, d], best centred. labels: int [m], every one of 0..classes-1 in use. penalty: > 0. shares: float64
    [m] >= 0, sum 1. Time steps * m * d * C; memory two copies of x and one square matrix of min(m, d).

    >>> x = np.array([[-1.0], [1.0]])
    >>> found = solve(x, np.array([0, 1]), 2, penalty=0.5, shares=np.full(2, 0.5))
    >>> found.weights.round(4).tolist(), found.settled  # w = 2 p(wrong), p = 1 / (1 + exp(2 w))
    ([[-0.5213, 0.5213]], True)
    """
    from scipy.sparse.linalg import LinearOperator, cg
    from scipy.special import logsumexp, softmax

    rows = np.arange(len(x))
    basis = np.linalg.qr(x.T)[0] if x.shape[1] > len(x) else None  # the optimum lies in the span of the rows
    z = np.column_stack([x if basis is None else x @ basis, np.ones(len(x))])
    curvature, axes = np.linalg.eigh(z.T @ (z * shares[:, None]))
    curvature = np.maximum(curvature, 0)
    shrink = np.append(np.full(z.shape[1] - 1, penalty), 0.0)[:, None]  # not the bias
    shape = (z.shape[1], classes)
    operator = lambda product: LinearOperator((z.shape[1] * classes,) * 2, matvec=product, dtype=np.float64)  # noqa: E731

    def loss(w, logits):
        return shares @ (logsumexp(logits, axis=1) - logits[rows, labels]) + (shrink * w * w).sum() / 2

    w, logits, passes, settled = np.zeros(shape), np.zeros((len(x), classes)), 1, False
    for _ in range(steps):
        p = softmax(logits, axis=1)
        error = p.copy()
        error[rows, labels] -= 1
        gradient = z.T @ (error * shares[:, None]) + shrink * w
        typical = shares @ (p * (1 - p)).mean(axis=1)  # p (1 - p) of a row and class, on average

        def hessian(v, p=p):
            moved = z @ v.reshape(shape)
            moved = p * (moved - (p * moved).sum(axis=1, keepdims=True))
            return (z.T @ (moved * shares[:, None]) + shrink * v.reshape(shape)).ravel()

        def precondition(v, typical=typical):
            return (axes @ ((axes.T @ v.reshape(shape)) / (typical * curvature + penalty)[:, None])).ravel()

        far = np.sqrt(gradient.ravel() @ precondition(gradient))
        products = []
        step, _ = cg(
            operator(hessian),
            -gradient.ravel(),
            rtol=max(min(0.1, np.sqrt(far)), 1e-5),  # exact only near the optimum
            maxiter=_INNER,
            M=operator(precondition),
            callback=products.append,
        )
        step = step.reshape(shape)
        ahead = z @ step
        reach, slope, before = np.abs(ahead).max(), (gradient * step).sum(), loss(w, logits)
        length = 1.0
        while length * reach > _SETTLED:
            if loss(w + length * step, logits + length * ahead) <= before + 1e-4 * length * slope:
                break
            length /= 2
        w, logits, passes = w + length * step, logits + length * ahead, passes + len(products) + 2
        if settled := bool(length * reach <= _SETTLED):
            break
    return Optimum(w[:-1] if basis is None else basis @ w[:-1], w[-1], passes, settled)
