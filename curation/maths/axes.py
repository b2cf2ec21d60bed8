"""Principal axes."""

from __future__ import annotations

import numpy as np


def principal(x: np.ndarray, k: int = 2) -> np.ndarray:
    """float32 [n, k]: x [n, d] centred and projected on its k axes of largest variance.

    The sign of an axis is free; it is fixed so that the coefficient largest in size is positive. Columns beyond
    the rank of x are zero. Time n * d^2, memory one [d, d] matrix and a centred copy of x.

    >>> principal(np.array([[0.0, 0.0], [0.0, 2.0], [0.0, 4.0]]), k=1).ravel().tolist()
    [-2.0, 0.0, 2.0]
    """
    x = np.asarray(x, np.float32) - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    variance, axes = np.linalg.eigh((x.T @ x).astype(np.float64))
    axes = axes[:, ::-1][:, :k]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    # What is left of a direction without variance is rounding, not data.
    axes[:, variance[::-1][:k] <= 1e-6 * max(variance[-1], 1e-30)] = 0.0
    made = np.zeros((len(x), k), np.float32)
    made[:, : axes.shape[1]] = x @ axes.astype(np.float32)
    return made
