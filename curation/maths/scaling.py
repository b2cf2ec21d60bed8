"""Values brought to a common range."""

from __future__ import annotations

import numpy as np


def unit_range(values: np.ndarray) -> np.ndarray:
    """float64 [n], moved and scaled to 0..1; all 0 where they are all equal.

    >>> unit_range(np.array([2.0, 4.0, 3.0])).tolist()
    [0.0, 1.0, 0.5]
    """
    values = np.asarray(values, np.float64)
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))
