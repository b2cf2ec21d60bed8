"""Small operations on arrays that several methods share: orders, ranges, axes, and what is read off logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_BLOCK = 1 << 22  # numbers worked on at once: 32 MiB of float64


def blocks(n: int, c: int) -> list[slice]:
    """Slices of n rows of c numbers, so that what is computed from a block never fills the memory.

    >>> blocks(5, 1 << 21)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    step = max(1, _BLOCK // max(c, 1))
    return [slice(i, i + step) for i in range(0, n, step)]


def by_rows(values: np.ndarray, reduce: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """float64 [n]: what `reduce` makes of blocks of rows of values [n, c], which it is given in float64.

    >>> by_rows(np.eye(3, dtype=np.float16), lambda part: part.max(axis=1))
    array([1., 1., 1.])
    """
    made = np.empty(len(values))
    for part in blocks(*values.shape):
        made[part] = reduce(np.asarray(values[part], dtype=np.float64))
    return made


def argsort_random_ties(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int64 [n]: positions from the smallest value to the largest; equal values in an order drawn from rng.

    >>> argsort_random_ties(np.array([2.0, 1.0, 3.0]), np.random.default_rng(0))
    array([1, 0, 2])
    """
    return np.lexsort((rng.permutation(len(values)), values))


def minmax(values: np.ndarray) -> np.ndarray:
    """float64 [n], moved and scaled to 0..1; all 0 where they are all equal.

    >>> minmax(np.array([2.0, 4.0, 3.0])).tolist()
    [0.0, 1.0, 0.5]
    """
    values = np.asarray(values, np.float64)
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


def per_class_zscore(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """float64 [m]: values minus the mean of their class, in its (population) standard deviations.

    A class whose values differ by no more than rounding, or that has one item, gets 0.

    >>> per_class_zscore(np.array([1.0, 3.0, 7.0, 5.0, 5.0]), np.array([0, 0, 1, 2, 2]))
    array([-1.,  1.,  0.,  0.,  0.])
    """
    values = np.asarray(values, dtype=np.float64)
    count = np.maximum(np.bincount(codes), 1)
    off = values - (np.bincount(codes, weights=values) / count)[codes]
    spread = np.sqrt(np.bincount(codes, weights=off**2) / count)
    size = np.zeros(len(count))
    np.maximum.at(size, codes, np.abs(values))
    told = (spread > 1e-6 * size)[codes]
    return np.divide(off, spread[codes], out=np.zeros(len(values)), where=told)


def pca(x: np.ndarray, k: int = 2) -> np.ndarray:
    """float32 [n, k]: x [n, d] centred and projected on its k axes of largest variance.

    The sign of an axis is free; it is fixed so that the coefficient largest in size is positive. Columns beyond
    the rank of x are zero. Time n * d * min(n, d), memory one square matrix of min(n, d) rows and a centred copy of
    x. Not scikit-learn's PCA: beside a large mean its solver of this speed rounds 200 times as much.

    >>> pca(np.array([[0.0, 0.0], [0.0, 2.0], [0.0, 4.0]]), k=1).ravel().tolist()
    [-2.0, 0.0, 2.0]
    """
    x = np.asarray(x, np.float32) - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    wide = x.shape[1] > len(x)  # then the products of the rows hold the same axes
    variance, axes = np.linalg.eigh((x @ x.T if wide else x.T @ x).astype(np.float64))
    variance, axes = variance[::-1], axes[:, ::-1][:, :k]
    if wide:
        axes = x.T @ axes / np.sqrt(np.maximum(variance[:k], 1e-30))
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    # What is left of a direction without variance is rounding, not data.
    axes[:, variance[:k] <= 1e-6 * max(variance[0], 1e-30)] = 0.0
    made = np.zeros((len(x), k), np.float32)
    made[:, : axes.shape[1]] = x @ axes.astype(np.float32)
    return made


def apportioned_order(group: np.ndarray, priority: np.ndarray, share: np.ndarray | None = None) -> np.ndarray:
    """int64 [n]: all rows, so that any first few hold about share[g] of group g; in a group, low `priority` first.

    group: int [n]. share: > 0 per group number, any scale; None = equal. Each next row comes from the group with the
    smallest (taken + 1/2) / share, Sainte-Lague's rule, so a group that runs out leaves its part to the others. Rows
    of equal standing go by priority, then by number.

    >>> apportioned_order(np.array([0, 0, 0, 1]), np.array([0.3, 0.1, 0.2, 0.9])).tolist()
    [1, 3, 2, 0]
    >>> apportioned_order(np.array([0, 0, 0, 1]), np.array([0.3, 0.1, 0.2, 0.9]), np.array([3.0, 1.0])).tolist()
    [1, 2, 3, 0]
    """
    order = np.lexsort((priority, group))
    ahead = np.empty(len(group), np.int64)  # rows of the same group that come first
    ahead[order] = np.arange(len(group)) - np.searchsorted(group[order], group[order])
    weight = 1.0 if share is None else np.asarray(share, np.float64)[group]
    return np.lexsort((priority, (ahead + 0.5) / weight))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """float64 [m, C], the softmax of one epoch's logits [m, C]."""
    from scipy.special import softmax

    return softmax(np.asarray(logits, dtype=np.float64), axis=1)


def given_probability(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [E, m], the probability of every item's given label in every epoch of logits [E, m, C].

    >>> given_probability(np.zeros((1, 2, 4)), np.array([0, 3]))
    array([[0.25, 0.25]])
    """
    made = np.empty((len(logits), len(labels)))
    for part in blocks(*np.shape(logits)[1:]):
        given = labels[part]
        for at, epoch in enumerate(logits):
            made[at, part] = probabilities(epoch[part])[np.arange(len(given)), given]
    return made


def margins(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [m], the given label's value minus the largest of the others in [m, C]; negative where another leads.

    >>> margins(np.array([[3.0, 1.0], [3.0, 1.0]]), np.array([0, 1]))
    array([ 2., -2.])
    """
    made = np.empty(len(labels))
    for part in blocks(*np.shape(values)):
        others = np.array(values[part], dtype=np.float64)  # a copy, wider than the half precision logits are stored in
        rows, own = np.arange(len(others)), labels[part]
        given = others[rows, own]
        others[rows, own] = -np.inf
        made[part] = given - others.max(axis=1)
    return made


def given_and_best_other(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float64 [m] twice: the probability of the given label, and the largest of the others; 0 where there is no other.

    >>> own, other = given_and_best_other(np.log([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1]]), np.array([0, 1]))
    >>> own.round(3).tolist(), other.round(3).tolist()
    ([0.7, 0.2], [0.2, 0.7])
    """
    given, other = np.empty(len(labels)), np.empty(len(labels))
    for part in blocks(*np.shape(logits)):
        p, own = probabilities(logits[part]), labels[part]
        rows = np.arange(len(p))
        given[part] = p[rows, own]
        p[rows, own] = 0.0
        other[part] = p.max(axis=1)
    return given, other
