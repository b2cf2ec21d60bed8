"""Coverage of what is asked for: facility location in which rows differ in what they ask and in what they can give.

Greedy, exact: again and again the row j whose  offer_j * sum_i demand_i * max(0, s_ij - covered_i)  is largest, where
s_ij = (1 + cosine) / 2 and covered_i is the similarity of i to the nearest row taken. Covered only rises, so an old
gain is an upper bound: only the rows with the largest old gains are computed again (lazy greedy; Minoux, Accelerated
Greedy Algorithms for Maximizing Submodular Set Functions, Optimization Techniques, 1978).

Above 6,000 rows greedy is no longer exact: the rows are dealt at random (from a fixed seed) into shards of about 2,000,
in each of which it is. The first 200 rows come from one shard, which is a fair sample of all; then the shards take
turns, each starting from what all rows taken before cover. So an order is still the beginning of every longer one. The
thought is that of Mirzasoleiman, Karbasi, Sarkar & Krause, Distributed Submodular Maximization, NeurIPS 2013; a second
round over the union would not leave the orders nested. `python -m benchmarks.scale --shards 6100` compares the
coverage with that of the exact order.

Beside maths/selection/facility_location.py, which is quicker: there every row asks the same, and pairs are symmetric.
"""

from __future__ import annotations

import numpy as np

from curation.data.parts import Spread, here
from curation.maths.selection.rounds import deal, in_turn

_WHOLE, _SHARD = 6_000, 2_000  # rows up to which every pair is compared; above, rows per shard
_BEGIN = 200  # rows taken from one shard before all take turns: shards that know nothing of each other begin alike
_BLOCK = 1 << 24  # similarities made at once: 64 MiB of float32
_WIDTH = 32  # rows looked at again at first; twice as many whenever that was not enough
_NOTHING = 1e-6  # of the largest demand: a gain below this is rounding


def weighted_facility_location(
    x: np.ndarray,
    budget: int,
    demand: np.ndarray,
    offer: np.ndarray,
    taken: np.ndarray | None = None,
    spread: Spread = here,
) -> np.ndarray:
    """int64 [budget]: rows of x in the order taken, after those in `taken`, none of which is taken again.

    x: float32 [n, d], rows of length 1 or 0. demand, offer: float [n], >= 0. Needs budget + len(taken) <= n. Rows that
    add nothing come last, those of the largest offer first; equals go by number. Time n^2 d, then n per gain computed,
    above 6,000 rows 2,000 n d and 2,000 per gain; memory 4 n^2 bytes up to 6,000 rows, 16 MB above.

    >>> x = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
    >>> one = np.ones(3)
    >>> f = weighted_facility_location
    >>> f(x, 2, one, one).tolist(), f(x, 1, np.array([0, 0, 1.0]), one).tolist()
    ([1, 2], [2])
    >>> f(x, 1, one, np.array([1.0, 0.1, 1.0]), taken=np.array([0])).tolist()
    [2]
    """
    taken = np.empty(0, np.int64) if taken is None else np.asarray(taken, np.int64)
    if len(x) > _WHOLE:
        return _in_turn(x, budget, demand, offer, taken, spread)
    return _greedy(x, budget, demand, offer, taken, np.empty((0, x.shape[1]), np.float32))


def _in_turn(
    x: np.ndarray, budget: int, demand: np.ndarray, offer: np.ndarray, taken: np.ndarray, spread: Spread
) -> np.ndarray:
    """As above, shard by shard."""
    shards = deal(len(x), _SHARD)
    given = {"x": x, "demand": demand, "offer": offer}
    first = np.empty(0, np.int64)
    if len(taken) < _BEGIN:
        (first,) = of_shard(0, min(budget, _BEGIN - len(taken)), before=taken, **given)
    before, wanted = np.concatenate([taken, first]), budget - len(first)
    if not wanted:
        return first
    left = np.array([len(shard) - int(np.isin(before, shard).sum()) for shard in shards])
    each = next(size for size in range(wanted + 1) if np.minimum(left, size).sum() >= wanted)
    made = spread(of_shard, [(number, each) for number in range(len(shards))], before=before, **given)
    parts = [picks for (picks,) in made]
    return np.concatenate([first, in_turn(parts)[:wanted]])


def of_shard(
    number: int, count: int, *, x: np.ndarray, demand: np.ndarray, offer: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray]:
    """At most `count` rows of one shard, after the rows of x in `before`."""
    shard = deal(len(x), _SHARD)[number]
    own = np.isin(before, shard)
    inside = np.searchsorted(shard, before[own])
    count = min(count, len(shard) - len(inside))
    return (shard[_greedy(x[shard], count, demand[shard], offer[shard], inside, x[before[~own]])],)


def _greedy(
    x: np.ndarray, budget: int, demand: np.ndarray, offer: np.ndarray, taken: np.ndarray, outside: np.ndarray
) -> np.ndarray:
    """int64 [budget]: rows of x [n, d] in the order taken, beside those in `taken` and rows elsewhere [e, d]."""
    n = len(x)
    asked = (demand / max(demand.max(initial=0), np.finfo(float).tiny)).astype(np.float32)
    similar = _cosine(x, x)
    covered = similar[taken].max(axis=0, initial=0)
    for at in range(0, len(outside), _SHARD):
        covered = np.maximum(covered, _cosine(outside[at : at + _SHARD], x).max(axis=0))

    def gains(rows: np.ndarray) -> np.ndarray:
        return offer[rows] * (np.maximum(similar[rows] - covered, 0) @ asked)

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
        covered = np.maximum(covered, similar[best])
        bound[best] = -1.0
        picks.append(best)
    rest = np.setdiff1d(np.arange(n), np.concatenate([taken, np.array(picks, np.int64)]))
    rest = rest[np.argsort(-offer[rest], kind="stable")]
    return np.concatenate([np.array(picks, np.int64), rest[: budget - len(picks)]])


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float32 [a, b]: (1 + cosine) / 2 of rows of length 1, never below 0."""
    return np.maximum(0.5 + 0.5 * (a @ b.T), 0)
