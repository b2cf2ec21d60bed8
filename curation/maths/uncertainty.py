"""How sure a test accuracy is: intervals over test items and seeds, Holm's correction, and the test size that would do.

    right [S, n]: whether seed s answered test item i.      mean m = a + item_i + seed_s + rest_si
    variance of the mean = MS_items / (n S)  +  max(MS_seeds - MS_rest, 0) / (n S)

Two-way random effects, the standard analysis of several readers who judge the same cases: items and seeds are both
drawn from something larger, and everybody is tested on the same items. A paired difference is the same with
right_a - right_b. The interval is that of Student's t with Satterthwaite's degrees of freedom, so that three seeds
count as three. Near 0 and 1 a normal interval is too short, and a student without a mistake would have none: as usual
for proportions two right and two wrong items are added, and one item of either sign for a difference.

In closed form, because it is exact, needs no random numbers and takes a pass over the bits. Resampling items and seeds
(the bootstrap) covers too little with few seeds and next to 1; `python -m benchmarks.intervals` compares both. Blind to
whatever is not in the test set: another source of items, wrong test labels.

Hillis, A comparison of denominator degrees of freedom methods for multiple observer ROC analysis, Stat. Med. 2007.
Agresti & Coull, Approximate is better than "exact" for interval estimation of binomial proportions, Am. Stat. 1998.
Agresti & Min, Simple improved confidence intervals for comparing matched proportions, Stat. Med. 2005.
Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

LEVEL = 0.05  # chance of proving anything in a family of comparisons where nothing is to be proven
POWER = 0.8  # chance of proving a difference as large as the measured one, with the test items said to be needed
SAME = 1e-9  # accuracies and gains this close are equal up to rounding
MOST_ITEMS, MOST_SEEDS = 10_000_000, 100  # beyond these, "needed" says none would do


@dataclass(frozen=True)
class Estimate:
    """An accuracy in [0, 1] or a difference of two, with what is known of its error.

    value: as measured. centre: the middle of its intervals. n: test items, 0 where answers per item are not there and
    only the seeds are known. seeds: how many. item, seed: variance that one test item and one seed bring in.
    same: several seeds gave the same answer to every item. bounds: of what it can be.
    """

    value: float
    centre: float
    n: int
    seeds: int
    item: float
    seed: float
    df: float
    same: bool
    bounds: tuple[float, float]

    @property
    def error(self) -> float:
        """Standard error."""
        return float(np.sqrt(_variance(self, self.items, self.seeds)))

    @property
    def items(self) -> int:
        """Test items, those added counted."""
        return self.n and self.n + (4 if self.bounds[0] == 0 else 2)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The interval that covers the truth with chance `level`; NaN, NaN where one seed is all there is."""
        if not self.df:
            return np.nan, np.nan
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, (1 + level) / 2)) * self.error
        low, high = self.bounds
        return max(self.centre - half, low), min(self.centre + half, high)

    def p_above(self, limit: float = 0.0) -> float:
        """One-sided p-value of "the truth is not above `limit`"; NaN where it cannot be tested.

        One seed that is all there is of a training says nothing about another, and equal seeds nothing without items.
        """
        if self.seeds < 2 or not self.df or not self.error:
            return np.nan
        from scipy.special import stdtr

        return float(stdtr(self.df, -(self.centre - limit) / self.error))

    def p_below(self, limit: float = 0.0) -> float:
        """One-sided p-value of "the truth is not below `limit`"; NaN where it cannot be tested."""
        return 1.0 - self.p_above(limit)


def accuracy(right: np.ndarray) -> Estimate:
    """right: bool [S, n], by seed and test item.

    >>> low, high = accuracy(np.arange(100)[None] < 90).interval()
    >>> round(low, 3), round(high, 3)
    (0.822, 0.947)
    """
    return _two_way(np.asarray(right, bool).astype(np.int8), added=(0, 0, 1, 1), bounds=(0.0, 1.0))


def difference(right: np.ndarray, other: np.ndarray) -> Estimate:
    """Accuracy of one minus that of the other, on the same items; both bool [S, n], paired by seed."""
    a, b = np.asarray(right, bool), np.asarray(other, bool)
    return _two_way(a.astype(np.int8) - b.astype(np.int8), added=(-1, 1), bounds=(-1.0, 1.0))


def over_seeds(values: Sequence[float], bounds: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """What the seeds alone tell, where answers per item are not there: the t interval of their mean."""
    x = np.asarray(values, np.float64)
    mean, seeds = float(x.mean()), len(x)
    variance = float(x.var(ddof=1)) if seeds > 1 else 0.0
    same = seeds > 1 and np.ptp(x) <= SAME
    return Estimate(mean, mean, 0, seeds, 0.0, 0.0 if same else variance, 0 if same else seeds - 1, same, bounds)


def holm(p: Sequence[float]) -> np.ndarray:
    """float [m], p-values corrected for having made m comparisons; NaN is no comparison and stays.

    >>> holm([0.01, 0.04, np.nan, 0.03]).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p)[: int(np.isfinite(p).sum())]  # NaN are sorted last
    corrected = np.full(len(p), np.nan)
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


class Needed(NamedTuple):
    """About how many test items, or at the present ones how many seeds, a comparison would need; None: too many."""

    items: int | None
    seeds: int | None


def needed(found: Estimate, limit: float = 0.0, comparisons: int = 1) -> Needed:
    """What would probably (`POWER`) prove that the truth is above or below `limit`, if it is where it was measured.

    comparisons: how many are made together. A plan, not a proof: the variances are those measured.

    >>> half = np.arange(400) % 2 == 0
    >>> needed(difference(np.stack([half | (np.arange(400) < 20)] * 2), np.stack([half] * 2)), 0.01)
    Needed(items=807, seeds=None)
    """
    gap, level = abs(found.value - limit), LEVEL / max(comparisons, 1)

    def enough(items: float, seeds: int) -> bool:
        from scipy.special import stdtrit

        by_items, by_seeds = found.item / items if items else 0.0, found.seed / seeds
        freedom = by_seeds**2 / max(seeds - 1, 1) + (by_items**2 / (items - 1) if items > 1 else 0)
        df = (by_items + by_seeds) ** 2 / freedom if freedom else np.inf
        quantiles = stdtrit(min(df, 1e9), 1 - level) + stdtrit(min(df, 1e9), POWER)
        return bool(gap >= quantiles * np.sqrt(by_items + by_seeds))

    items = None
    if found.n and enough(MOST_ITEMS, found.seeds):
        low, high = 1, MOST_ITEMS
        while high - low > 1 + low // 1000:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle, found.seeds) else (middle, high)
        items = high
    more = range(max(found.seeds, 1) + 1, MOST_SEEDS + 1)
    return Needed(items, next((seeds for seeds in more if found.seed and enough(found.items, seeds)), None))


def _two_way(x: np.ndarray, added: Sequence[int], bounds: tuple[float, float]) -> Estimate:
    """x: int8 [S, n]; added: values of further items, the same for every seed."""
    seeds, n = x.shape
    if not seeds or not n:
        raise ValueError(f"answers of {seeds} seeds to {n} test items; at least one of both is needed")
    extra = np.asarray(added)
    by_item = x.sum(axis=0, dtype=np.int64)
    by_seed = x.sum(axis=1, dtype=np.int64) + extra.sum()
    m = n + len(extra)
    total, squares = by_seed.sum(), np.count_nonzero(x) + seeds * (extra**2).sum()
    correction = total**2 / (m * seeds)
    item_sum = (by_item @ by_item + seeds**2 * (extra**2).sum()) / seeds - correction
    seed_sum = by_seed @ by_seed / m - correction
    ms_items = item_sum / (m - 1)
    ms_seeds = seed_sum / (seeds - 1) if seeds > 1 else 0.0
    ms_rest = (squares - correction - item_sum - seed_sum) / ((m - 1) * (seeds - 1)) if seeds > 1 else 0.0
    between = max(ms_seeds - ms_rest, 0.0)
    # Satterthwaite's, with all of MS_seeds where the seeds count (Hillis): its S - 1 degrees are all there is of them.
    freedom = (ms_seeds**2 / (seeds - 1) if between else 0.0) + ms_items**2 / (m - 1)
    return Estimate(
        value=float(x.mean()),
        centre=float(total / (m * seeds)),
        n=n,
        seeds=seeds,
        item=float(ms_items / seeds),
        seed=float(between / m),
        df=float(np.clip((ms_items + between) ** 2 / freedom, 1, m - 1)) if freedom else float(m - 1),
        same=seeds > 1 and bool((x == x[0]).all()),
        bounds=bounds,
    )


def _variance(found: Estimate, items: int, seeds: int) -> float:
    return (found.item / items if items else 0.0) + found.seed / seeds
