"""Orders with ties broken by chance, once and reproducibly."""

from __future__ import annotations

import numpy as np


def ascending(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int64 [n]: positions from the smallest value to the largest; equal values in an order drawn from rng.

    >>> ascending(np.array([2.0, 1.0, 3.0]), np.random.default_rng(0))
    array([1, 0, 2])
    """
    return np.lexsort((rng.permutation(len(values)), values))
