"""Budgets: how many rows to keep, and how a budget is split over classes. Always exact, never off by one."""

from __future__ import annotations

import numpy as np

from curation.errors import InputError


def budget(keep: float, n: int) -> int:
    """round(keep * n), at least 1. `keep` is the share KEPT.

    >>> budget(0.3, 10), budget(0.001, 10)
    (3, 1)
    """
    if n == 0:
        raise InputError("there are no rows to choose from: every train row was dropped or could not be read")
    return min(max(round(keep * n), 1), n)


def quotas(counts: np.ndarray, total: int, capacity: np.ndarray | None = None) -> np.ndarray:
    """Split `total` over classes in proportion to `counts` by largest remainder, never above `capacity`.

    counts: [C], what the shares are proportional to. capacity: [C], what each class can give; default counts.
    Returns int64 [C] that sums to total exactly. What a full class cannot take flows to the others in
    proportion (water-filling). Ties go to the lower class code.

    >>> quotas(np.array([50, 30, 20]), 9).tolist()
    [4, 3, 2]
    >>> quotas(np.array([50, 30, 20]), 10, np.array([2, 30, 20])).tolist()
    [2, 5, 3]
    """
    counts = np.asarray(counts, dtype=np.float64)
    capacity = np.asarray(counts if capacity is None else capacity, dtype=np.int64)
    if total > capacity.sum():
        raise InputError(f"a budget of {total:,} is more than the {capacity.sum():,} rows there are")
    share = np.zeros_like(counts)
    open_, left = counts > 0, float(total)
    while left > 1e-9 and open_.any():  # each round fills at least one class or spends everything
        add = np.where(open_, counts / counts[open_].sum() * left, 0.0)
        new = np.minimum(share + add, capacity)
        left -= (new - share).sum()
        share, open_ = new, open_ & (new < capacity)
    if left > 1e-9:  # only classes with a zero count have room left
        room = capacity - share
        share += room / room.sum() * left
    result = np.floor(share + 1e-9).astype(np.int64)
    remainder = np.where(result < capacity, share - result, -1.0)
    for code in np.argsort(-remainder, kind="stable")[: total - result.sum()]:
        result[code] += 1
    return result
