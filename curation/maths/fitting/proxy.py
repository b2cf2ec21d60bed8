"""Selection via proxy: what choosing with a small student saves a large one, and how alike the two rank the items.

    speed-up = M T_full / (T_proxy + T_score + T_rank + M T_subset),   T_subset = q T_full at equal epochs

with M trainings of the target on a share q. All times in one unit, up to the same accuracy: a subset that never
reaches it has no speed-up, whatever it costs. Blind to: what a proxy cannot see because it is small.

Coleman, Yeh, Mussmann, Mirzasoleiman, Bailis, Liang, Leskovec, Zaharia, "Selection via proxy: efficient data selection
for deep learning", ICLR 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from curation.errors import InputError


@dataclass(frozen=True)
class Correlation:
    """Spearman's rho of two scores of n items, with the middle `level` of its bootstrap over items."""

    rho: float
    low: float
    high: float
    level: float
    n: int


def speed_up(
    full: float,
    proxy: float,
    score: float = 0.0,
    rank: float = 0.0,
    kept: float = 0.5,
    trainings: int = 1,
    subset: float | None = None,
) -> float:
    """How many times faster `trainings` trainings of the target are with the selection than without; below 1: slower.

    full, subset: seconds the target takes to a given accuracy on everything and on the subset (`time_to`; inf where it
    never gets there); without `subset` it is kept * full, the same number of epochs. proxy, score, rank: seconds to
    train the proxy, score the items with it and rank them.

    >>> round(speed_up(full=229, proxy=28, kept=0.5), 3)  # minutes; ResNet-164 by ResNet-20 on CIFAR-10
    1.607
    >>> round(speed_up(full=229, proxy=28, kept=0.5, trainings=10), 3)
    1.952
    """
    total = total_time(full, proxy, score, rank, kept, trainings, subset)
    if math.isinf(full):
        raise InputError(
            "The target never reaches this accuracy on the full data: choose a lower one to compare times at."
        )
    return trainings * full / total


def total_time(
    full: float,
    proxy: float,
    score: float = 0.0,
    rank: float = 0.0,
    kept: float = 0.5,
    trainings: int = 1,
    subset: float | None = None,
) -> float:
    """Everything the selection's way takes: proxy, scoring, ranking and `trainings` trainings on the subset.

    >>> total_time(full=229, proxy=28, kept=0.5)
    142.5
    """
    _check(full, proxy, score, rank, kept, subset)
    if trainings < 1:
        raise InputError(f"The number of trainings is {trainings}; it must be 1 or more.")
    return proxy + score + rank + trainings * (kept * full if subset is None else subset)


def break_even_share(full: float, proxy: float, score: float = 0.0, rank: float = 0.0, trainings: int = 1) -> float:
    """The share kept below which the selection pays: proxy + score + rank < trainings (1 - q) full. Below 0: never.

    >>> round(break_even_share(full=229, proxy=28), 3)
    0.878
    """
    _check(full, proxy, score, rank, 1.0, None)
    return 1 - (proxy + score + rank) / (trainings * full)


def time_to(target: float, seconds: np.ndarray, accuracy: np.ndarray) -> float:
    """Seconds until accuracy [E] first reaches target, seconds [E] since the start; inf where it never does.

    >>> time_to(0.9, [10, 20, 30], [0.5, 0.92, 0.89]), time_to(0.95, [10, 20, 30], [0.5, 0.92, 0.89])
    (20.0, inf)
    """
    reached = np.flatnonzero(np.asarray(accuracy) >= target)
    return float(np.asarray(seconds)[reached[0]]) if len(reached) else math.inf


def rank_correlation(
    proxy: np.ndarray,
    target: np.ndarray,
    *,
    draws: int = 500,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Correlation:
    """How alike two students rank the same items: scores proxy, target [n], n >= 3, finite; ties share their mean rank.

    >>> rank_correlation(np.arange(20), np.arange(20) ** 3).rho
    1.0
    """
    columns = [np.asarray(s, np.float64).ravel() for s in (proxy, target)]
    n = len(columns[0])
    if n != len(columns[1]) or n < 3:
        raise InputError(
            f"There are {n} proxy and {len(columns[1])} target scores; give the same 3 or more items twice."
        )
    for name, column in zip(("proxy", "target"), columns, strict=True):
        if not np.isfinite(column).all():
            raise InputError(f"A {name} score is not a finite number; leave those items out of both.")
        if column.min() == column.max():
            raise InputError(f"Every {name} score is {column[0]:g}: there is no order to compare.")
    codes = [np.unique(column, return_inverse=True)[1] for column in columns]
    rng = np.random.default_rng(0) if rng is None else rng
    rho = _spearman(*codes, np.ones(n))
    found = [_spearman(*codes, np.bincount(rng.integers(n, size=n), minlength=n)) for _ in range(draws)]
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Correlation(rho, float(low), float(high), level, n)


def _spearman(x: np.ndarray, y: np.ndarray, count: np.ndarray) -> float:
    """Pearson's r of the mean ranks, item i taken count[i] times; x, y: position of each value among the distinct ones.

    Nothing is sorted again for a draw: ranks follow from how often each distinct value was taken.
    """
    ranks = []
    for codes in (x, y):
        taken = np.bincount(codes, weights=count)
        ranks.append((np.cumsum(taken) - taken / 2)[codes])
    x, y = (r - np.average(r, weights=count) for r in ranks)
    scale = np.sqrt((count * x * x).sum() * (count * y * y).sum())
    return float((count * x * y).sum() / scale) if scale > 0 else math.nan


def _check(full: float, proxy: float, score: float, rank: float, kept: float, subset: float | None) -> None:
    if not full > 0:
        raise InputError(f"Training on the full data takes {full} seconds; give a time above 0.")
    for name, value in (("proxy", proxy), ("score", score), ("rank", rank)):
        if not 0 <= value < math.inf:
            raise InputError(f"The time for {name} is {value}; give a number of 0 or more.")
    if not 0 < kept <= 1:
        raise InputError(f"The share kept is {kept}; give one above 0, at most 1.")
    if subset is not None and not subset > 0:
        raise InputError(f"The time on the subset is {subset}; give a time above 0.")
