"""Learn from what subsets were worth: a ridge of their metric on their mean indicators, and whether it helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHUFFLES = 199


@dataclass(frozen=True)
class Learned:
    """weights: float64 [k], what one unit of each indicator adds to a subset's metric. error: root mean square error of
    leaving each subset out in turn. constant: the same where the mean of the others is said of everyone. chance: how
    often shuffled metrics are missed by as little, in (0, 1]."""

    weights: np.ndarray
    error: float
    constant: float
    chance: float


def learn(means: np.ndarray, metric: np.ndarray, shrink: float) -> Learned:
    """means: float [s, k], mean indicators of s > 2 subsets. metric: float [s]. shrink: the ridge, in subsets.

    Each indicator counts in its deviations over the subsets. Time 200 * s * (s * k**2 + k**3).

    >>> x = np.arange(6.0)[:, None]
    >>> made = learn(x, 2 * x[:, 0], shrink=0.0)
    >>> made.weights.round(6).tolist(), round(made.error, 6), round(made.constant, 2), made.chance
    ([2.0], 0.0, 4.1, 0.005)
    """
    means, metric = np.asarray(means, np.float64), np.asarray(metric, np.float64)
    weights, _ = _fit(means, metric[:, None], shrink)
    rng = np.random.default_rng(0)
    shuffled = np.stack([metric, *(rng.permutation(metric) for _ in range(SHUFFLES))], axis=1)
    missed = np.empty_like(shuffled)
    for left in range(len(metric)):
        others = np.arange(len(metric)) != left
        fitted, base = _fit(means[others], shuffled[others], shrink)
        missed[left] = shuffled[left] - base - means[left] @ fitted
    error = np.sqrt(np.square(missed).mean(axis=0))
    constant = float(metric.std() * len(metric) / (len(metric) - 1))  # of leaving one out, in closed form
    chance = float((error <= error[0] + 1e-12 * constant).mean())
    return Learned(weights[:, 0], float(error[0]), constant, chance)


def _fit(x: np.ndarray, y: np.ndarray, shrink: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights [k, c] and the values [c] at x = 0, for every column of y [s, c]."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale < 1e-12] = np.inf  # an indicator that is the same everywhere says nothing
    z = (x - centre) / scale
    solved = np.linalg.lstsq(z.T @ z + shrink * np.eye(x.shape[1]), z.T @ (y - y.mean(axis=0)), rcond=None)[0]
    solved /= scale[:, None]
    return solved, y.mean(axis=0) - centre @ solved
