"""Coverage of what is asked for: facility location in which rows differ in what they ask and in what they can give.

Greedy, exact: again and again the row j whose  offer_j * sum_i demand_i * max(0, s_ij - covered_i)  is largest, where
s_ij = (1 + cosine) / 2 and covered_i is the similarity of i to the nearest row taken. Covered only rises, so an old
gain is an upper bound: only the rows with the largest old gains are computed again (lazy greedy; Minoux, Accelerated
Greedy Algorithms for Maximizing Submodular Set Functions, Optimization Techniques, 1978).

Beside maths/selection/facility_location.py, which is quicker: there every row asks the same, and pairs are symmetric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_HELD = 15_000  # rows up to which all pairs are held, 4 bytes each; above, they are made again when needed
_BLOCK = 1 << 24  # similarities made at once: 64 MiB of float32
_WIDTH = 32  # rows looked at again at first; twice as many whenever that was not enough
_NOTHING = 1e-6  # of the largest demand: a gain below this is rounding


def weighted_facility_location(
    x: np.ndarray, budget: int, demand: np.ndarray, offer: np.ndarray, taken: np.ndarray | None = None
) -> np.ndarray:
    """int64 [budget]: rows of x in the order taken, after those in `taken`, none of which is taken again.

    x: float32 [n, d], rows of length 1 or 0. demand, offer: float [n], >= 0. Needs budget + len(taken) <= n. Rows that
    add nothing come last, those of the largest offer first; equals go by number. Time n^2 d, then n per gain computed;
    memory 4 n^2 bytes up to 15,000 rows.

    >>> x = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    >>> one = np.ones(3)
    >>> f = weighted_facility_location
    >>> f(x, 2, one, one).tolist(), f(x, 1, np.array([0, 0, 1.0]), one).tolist()
    ([1, 2], [2])
    >>> f(x, 1, one, np.array([1.0, 0.1, 1.0]), taken=np.array([0])).tolist()
    [2]
    """
    n = len(x)
    taken = np.empty(0, np.int64) if taken is None else np.asarray(taken, np.int64)
    asked = (demand / max(demand.max(initial=0), np.finfo(float).tiny)).astype(np.float32)
    similar = _similar(x)
    covered = similar(taken).max(axis=0) if len(taken) else np.zeros(n, np.float32)

    def gains(rows: np.ndarray) -> np.ndarray:
        return offer[rows] * (np.maximum(similar(rows) - covered, 0) @ asked)

    step = max(1, _BLOCK // max(n, 1))
    bound = np.concatenate([gains(np.arange(at, min(at + step, n))) for at in range(0, n, step)])
    bound[taken] = -1.0
    fresh, picks = np.zeros(n, np.int64), []  # when a gain was last true
    while len(picks) < budget:
        width = _WIDTH
        while fresh[best := int(bound.argmax())] != len(picks):
            rows = np.argpartition(-bound, width)[:width] if width < n else np.arange(n)
            rows = rows[(fresh[rows] != len(picks)) & (bound[rows] >= 0)]
            bound[rows], fresh[rows] = gains(rows), len(picks)
            width *= 2
        if bound[best] <= _NOTHING:
            break
        covered = np.maximum(covered, similar(np.array([best]))[0])
        bound[best] = -1.0
        picks.append(best)
    rest = np.setdiff1d(np.arange(n), np.concatenate([taken, np.array(picks, np.int64)]))
    rest = rest[np.argsort(-offer[rest], kind="stable")]
    return np.concatenate([np.array(picks, np.int64), rest[: budget - len(picks)]])


def _similar(x: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Rows -> their similarities to all, float32 [b, n], never below 0."""

    def made(rows: np.ndarray) -> np.ndarray:
        return np.maximum(0.5 + 0.5 * (x[rows] @ x.T), 0)

    if len(x) > _HELD:
        return made
    held = made(np.arange(len(x)))
    return lambda rows: held[rows]
