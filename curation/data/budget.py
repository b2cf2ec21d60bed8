"""Budgets: how many rows to keep, and how a budget is split over classes. Always exact, never off by one."""

from __future__ import annotations

import numpy as np

from curation.errors import InputError


def budget(keep: float, n: int) -> int:
    """How many of n rows are kept, at least 1 and at most all. `keep` is the share KEPT, or above 1 a number of rows.

    >>> budget(0.3, 10), budget(0.001, 10), budget(1, 10), budget(4, 10), budget(500, 10)
    (3, 1, 10, 4, 10)
    """
    if n == 0:
        raise InputError("there are no rows to choose from: every train row was dropped or could not be read")
    return min(max(round(keep * n) if keep <= 1 else int(keep), 1), n)


def checked_keep(keep: float) -> float:
    """A `keep` that means something, or ValueError.

    >>> checked_keep(0.3), checked_keep(500)
    (0.3, 500)
    """
    if keep <= 0 or (keep > 1 and keep != int(keep)):
        raise ValueError("expected the share kept, above 0 and up to 1, or a whole number of rows from 2 on")
    return keep


def keep_words(keep: float) -> str:
    """A `keep` as people read it.

    >>> keep_words(0.3), keep_words(0.125), keep_words(5000)
    ('30 %', '12.5 %', '5,000 items')
    """
    return f"{100 * keep:.4g} %" if keep <= 1 else f"{int(keep):,} items"


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
