"""Values compared with those of the same class."""

from __future__ import annotations

import numpy as np


def standardised(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """float64 [m]: values minus the mean of their class, in its (population) standard deviations.

    A class whose values differ by no more than rounding, or that has one item, gets 0.

    >>> standardised(np.array([1.0, 3.0, 7.0, 5.0, 5.0]), np.array([0, 0, 1, 2, 2]))
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
