"""Farthest-first traversal: again and again the row farthest from everything taken, without n * d work per pick.

Every pick is the argmax of m, the squared distance of each row to the nearest row taken. Keeping m current costs a
pass over all of x per pick, and that pass runs at the speed of memory. It is not needed: m only ever falls, so an
old value is an upper bound. Hence

- a *pool* of the rows with the largest m is kept current; the other rows keep old values;
- the largest of those old values is the *bound*: while the best of the pool is at or above it, it is the argmax over
  all rows, whatever the old values hide;
- when it falls below, all centres taken since are applied to all rows in one matrix product, and a new pool is drawn.

A pool is a smaller set of rows with the same task, so it is treated the same way, down to a few rows that stay in
the cache. The picks are those of the plain loop up to float64 rounding. Single precision would be twice as fast, and
lose the gaps inside tight groups that lie far apart: |a|^2 + |b|^2 - 2 a.b leaves seven digits of |a|^2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_SHRINK = 16  # a pool holds one row in so many
_FEW = 256  # rows that are simply kept current, one matrix-vector product per pick
_BLOCK_BYTES = 16 << 20  # of distances held at once while rows are brought up to date
_TAKEN = -1.0  # below any squared distance


def farthest_first(
    x: np.ndarray,
    budget: int,
    start: int | np.ndarray,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """int64 [budget]: rows of x [n, d] in the order taken, beginning with `start`. Needs 1 <= budget <= n.

    start: one row, or several that are taken already. Once every distinct row is taken, copies follow.
    Memory: a centred float64 copy of x, a sixteenth of it, and one block.

    >>> farthest_first(np.array([[0.0], [1.0], [10.0], [6.0]]), 3, start=0).tolist()
    [0, 2, 3]
    """
    x = np.asarray(x, np.float64) - x.mean(axis=0, dtype=np.float64)  # small numbers round less
    walk = _Walk(x, np.einsum("ij,ij->i", x, x) / 2, np.atleast_1d(start).tolist(), budget, progress)
    m = np.full(len(x), np.inf)
    m[start] = _TAKEN
    walk.bring_up_to_date(m, np.arange(len(x)), x, 0)
    walk.take(m, np.arange(len(x)), x, bound=0.0)
    return np.array(walk.picks)


class _Walk:
    """All rows, the picks so far, and how far to go. Distances are halved squares: |a - b|^2 / 2."""

    def __init__(self, x: np.ndarray, half: np.ndarray, picks: list[int], budget: int, progress: Callable):
        self.x, self.half, self.picks, self.budget, self.progress = x, half, picks, budget, progress

    def take(self, m: np.ndarray, rows: np.ndarray, own: np.ndarray, bound: float) -> None:
        """Take from `rows`, farthest first, until none reaches `bound` or the budget is spent.

        own = x[rows], contiguous. m [len(rows)] is current when called, and when done unless the budget is spent.
        """
        if len(rows) <= _FEW:
            return self._take_one_by_one(m, rows, own, bound)
        while len(self.picks) < self.budget and m.max() >= bound:
            pool = np.sort(np.argpartition(m, -(len(m) // _SHRINK))[-(len(m) // _SHRINK) :])
            outside = m.copy()
            outside[pool] = _TAKEN
            near, done = m[pool], len(self.picks)
            self.take(near, rows[pool], own[pool], max(bound, outside.max()))
            m[pool] = near
            if len(rows) == len(self.x):
                self.progress(len(self.picks), self.budget)
            if len(self.picks) < self.budget:
                self.bring_up_to_date(m, rows, own, done)

    def _take_one_by_one(self, m: np.ndarray, rows: np.ndarray, own: np.ndarray, bound: float) -> None:
        half = self.half[rows]
        while len(self.picks) < self.budget:
            best = m.argmax()
            if m[best] < bound:
                return
            self.picks.append(int(rows[best]))
            distance = half + half[best] - own @ own[best]
            np.minimum(m, np.maximum(distance, 0), out=m)
            m[best] = _TAKEN

    def bring_up_to_date(self, m: np.ndarray, rows: np.ndarray, own: np.ndarray, done: int) -> None:
        """Lower m to the distances from the picks since number `done`, in place; rows taken stay taken."""
        centres = np.array(self.picks[done:])
        c, half = self.x[centres].T, self.half[centres]
        step = max(1, _BLOCK_BYTES // (8 * len(centres)))
        for at in range(0, len(m), step):
            part = slice(at, at + step)
            distance = own[part] @ c
            np.subtract(half, distance, out=distance)
            closest = np.maximum(distance.min(axis=1) + self.half[rows[part]], 0)
            np.minimum(m[part], closest, out=m[part])
