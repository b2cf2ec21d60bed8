"""Greedy choice where a pick lowers every row's gain by the square of its product with one vector.

The log-determinant is of this kind. Updating all gains costs a pass over x [n, d] per pick, at the speed
of memory. As in maths/selection/greedy.py it is not needed: only a *pool* of the rows with the largest gains is kept
current. Gains only fall, so while its best is above the others' old gains, it is the argmax over all rows; when it no
longer is, the vectors since then are applied to all rows in one matrix product and a new pool is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.maths.threads import one_blas_thread

_SHARE = 16  # a pool holds one row in so many
_FEW = 256  # and at least so many
_BLOCK = 1 << 22  # products held at once


def rank_one_greedy(
    x: np.ndarray,
    gain: np.ndarray,
    budget: int,
    direction: Callable[[int], np.ndarray],
) -> list[int]:
    """`budget` rows of x [n, d] float32, largest gain first, the lowest number among equals.

    gain: float64 [n], -inf for rows that may not be taken; brought up to date in place, and -inf for rows taken.
    direction: the row just taken -> the vector v [d] it leaves; row j then loses (v . x_j)^2.

    >>> x = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    >>> rank_one_greedy(x, np.array([3.0, 2.0, 1.0]), 2, lambda row: 2 * x[row])
    [0, 2]
    """
    picks: list[int] = []
    while len(picks) < budget:
        size = max(len(x) // _SHARE, min(_FEW, len(x)))
        pool = np.flatnonzero(gain >= np.partition(gain, -size)[-size])  # all of those that are equal
        outside = np.delete(gain, pool).max(initial=-np.inf)
        own, current, left = x[pool], gain[pool], []
        with one_blas_thread():
            while len(picks) < budget:
                best = current.argmax()
                if left and current[best] <= outside:
                    break
                picks.append(int(pool[best]))
                left.append(np.asarray(direction(picks[-1]), np.float32))
                lost = own @ left[-1]
                current -= lost * lost
                current[best] = -np.inf
        _apply(x, gain, np.stack(left))
        gain[pool] = current
    return picks


def _apply(x: np.ndarray, gain: np.ndarray, vectors: np.ndarray) -> None:
    step = max(1, _BLOCK // len(vectors))
    for at in range(0, len(x), step):
        lost = x[at : at + step] @ vectors.T
        gain[at : at + step] -= np.einsum("ij,ij->i", lost, lost)
