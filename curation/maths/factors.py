"""What the factors of a sparse dictionary say of an item: how much of the common ones it has, how much of the rare.

A reconstruction: the paper on dynamic selection that uses such scores could be had as an abstract only, so these
formulas are ours. Zhou, Hua, Guo & Jia, Rethinking Representativeness and Diversity in Dynamic Data Selection, arXiv
2603.04981, 2026.
"""

from __future__ import annotations

import numpy as np

from curation.data.results import Factors

COMMON = 0.8  # of all activity: what the common factors hold together
ALWAYS_ON = 0.5  # share of the items above which a factor tells nothing
_FEWEST = 3  # items a rare factor must fire on, to be more than an oddity
_CAP = 0.99  # quantile at which an item's sum of rare factors is cut


def frequency(factors: Factors) -> np.ndarray:
    """float64 [m]: share of the items every factor fires on."""
    return np.bincount(factors.indices[factors.values > 0], minlength=factors.m) / max(len(factors.indices), 1)


def common_and_rare(f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """bool [m] twice. Common: the fewest factors, by falling frequency, that hold 80 % of the activity. Rare: the
    other live ones. Those that never fire, or on more than half of the items, are neither.

    >>> [part.tolist() for part in common_and_rare(np.array([0.4, 0.05, 0.0, 0.3, 0.9, 0.05]))]
    [[True, False, False, True, False, False], [False, True, False, False, False, True]]
    """
    live = (f > 0) & (f <= ALWAYS_ON)
    order = np.argsort(-np.where(live, f, 0.0), kind="stable")
    before = np.cumsum(f[order] * live[order]) - f[order] * live[order]
    common = np.zeros(len(f), bool)
    common[order] = live[order] & (before < COMMON * f[live].sum() - 1e-12)
    return common, live & ~common


def commonness(factors: Factors) -> np.ndarray:
    """float64 [n] in [0, 1], ranked: how much of the common factors an item has, each weighted by its frequency."""
    f = frequency(factors)
    common, _ = common_and_rare(f)
    return ranked(_sums(factors, np.where(common, f, 0.0) / max(f[common].sum(), 1e-12)))


def rarity(factors: Factors) -> np.ndarray:
    """float64 [n] in [0, 1], ranked: how much of the rare factors an item has, weighted by log((1 + n) / (1 + n f))."""
    n, f = len(factors.indices), frequency(factors)
    _, rare = common_and_rare(f)
    rare &= np.round(f * n) >= _FEWEST
    sums = _sums(factors, np.where(rare, np.log((1 + n) / (1 + n * f)), 0.0))
    return ranked(np.minimum(sums, np.quantile(sums, _CAP)) if n else sums)


def ranked(values: np.ndarray) -> np.ndarray:
    """float64 [n] in [0, 1] by rank; equal values share the mean of their ranks.

    >>> ranked(np.array([5.0, 1.0, 5.0, 9.0])).tolist()
    [0.5, 0.0, 0.5, 1.0]
    """
    from scipy.stats import rankdata

    return (rankdata(values) - 1) / max(len(values) - 1, 1)


def _sums(factors: Factors, weight: np.ndarray) -> np.ndarray:
    """float64 [n]: activations of every item, each as a share of its factor's largest, times weight [m], summed."""
    values = factors.values.astype(np.float32)
    largest = np.zeros(factors.m, np.float32)
    np.maximum.at(largest, factors.indices, values)
    per_unit = np.divide(weight, largest, out=np.zeros(factors.m), where=largest > 0)
    return (values * per_unit[factors.indices]).sum(axis=1, dtype=np.float64)
