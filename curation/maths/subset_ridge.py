"""Learn from what subsets were worth: a ridge of their metric on their mean indicators, and whether it helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Learned:
    """weights: float64 [k], what one unit of each indicator adds to a subset's metric. error: root mean square error of
    leaving each subset out in turn. constant: the same where the mean of the others is said of everyone."""

    weights: np.ndarray
    error: float
    constant: float


def learn(means: np.ndarray, metric: np.ndarray, shrink: float) -> Learned:
    """means: float [s, k], mean indicators of s > 2 subsets. metric: float [s]. shrink: the ridge, in subsets.

    Each indicator counts in its deviations over the subsets. Time s * (s * k**2 + k**3).

    >>> x = np.arange(6.0)[:, None]
    >>> made = learn(x, 2 * x[:, 0], shrink=0.0)
    >>> made.weights.round(6).tolist(), round(made.error, 6), round(made.constant, 2)
    ([2.0], 0.0, 4.1)
    """
    means, metric = np.asarray(means, np.float64), np.asarray(metric, np.float64)
    weights, _ = _fit(means, metric, shrink)
    missed, off = [], []
    for left in range(len(metric)):
        others = np.arange(len(metric)) != left
        fitted, base = _fit(means[others], metric[others], shrink)
        missed.append(metric[left] - base - means[left] @ fitted)
        off.append(metric[left] - metric[others].mean())
    return Learned(weights, float(np.sqrt(np.mean(np.square(missed)))), float(np.sqrt(np.mean(np.square(off)))))


def _fit(x: np.ndarray, y: np.ndarray, shrink: float) -> tuple[np.ndarray, float]:
    """Weights [k] and the value at x = 0."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale < 1e-12] = np.inf  # an indicator that is the same everywhere says nothing
    z = (x - centre) / scale
    solved = np.linalg.lstsq(z.T @ z + shrink * np.eye(x.shape[1]), z.T @ (y - y.mean()), rcond=None)[0] / scale
    return solved, float(y.mean() - centre @ solved)
