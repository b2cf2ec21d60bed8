"""How evenly something was used."""

from __future__ import annotations

import numpy as np


def gini(counts: np.ndarray) -> float:
    """Gini coefficient of counts >= 0: 0 = all equal, near 1 = all in one. 0 where nothing was used.

    >>> gini(np.array([2, 2, 2])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)
    """
    counts = np.sort(np.asarray(counts, np.float64))
    n, total = len(counts), counts.sum()
    if total == 0:
        return 0.0
    return float(2 * (np.arange(1, n + 1) @ counts) / (n * total) - (n + 1) / n)
