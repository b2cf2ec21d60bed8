"""How much a model would gain from the label of an item, by its own probabilities; larger = ask first."""

from __future__ import annotations

import numpy as np

KINDS = ("least_confidence", "margin", "entropy", "most_likely_positive")


def value(kind: str, p: np.ndarray) -> np.ndarray:
    """float64 [m] of probabilities p [m, C], C >= 2, by one of `KINDS`.

    least_confidence: 1 - p(1). margin: 1 - (p(1) - p(2)). entropy: in nats. most_likely_positive: p of the last class,
    the concept where one class stands against all others. None is below 0.

    >>> p = np.array([[0.5, 0.5], [0.9, 0.1]])
    >>> [value(kind, p).round(3).tolist() for kind in KINDS]
    [[0.5, 0.1], [1.0, 0.2], [0.693, 0.325], [0.5, 0.1]]
    """
    p = np.asarray(p, np.float64)
    if kind == "least_confidence":
        return 1.0 - p.max(axis=1)
    if kind == "margin":
        two = np.partition(p, -2, axis=1)[:, -2:]
        return 1.0 - (two[:, 1] - two[:, 0])
    if kind == "entropy":
        return -(p * np.log(np.maximum(p, 1e-12))).sum(axis=1)
    if kind == "most_likely_positive":
        return p[:, -1]
    raise ValueError(f"unknown acquisition {kind!r}; expected one of: {', '.join(KINDS)}")


def top(values: np.ndarray, budget: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [budget] positions of the largest values, largest first; equal values in an order drawn by rng.

    >>> top(np.array([0.1, 0.7, 0.3]), 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """
    shuffled = rng.permutation(len(values))
    seen = np.asarray(values)[shuffled]
    if budget < len(seen):  # all that reach the budget-th value, ties included
        shuffled = shuffled[seen >= np.partition(seen, -budget)[-budget]] if budget else shuffled[:0]
    return shuffled[np.argsort(-np.asarray(values)[shuffled], kind="stable")][:budget]
