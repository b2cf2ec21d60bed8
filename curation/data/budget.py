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
        raise InputError(
            "there are no rows to choose from: a train row counts once it has a label, is not dropped and can be read; "
            "label some on Grow, or restore some on Review"
        )
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
    """Split `total` over classes in proportion to `counts`, never above `capacity`: int64 [C] that sums to total.

    counts: float [C], what the shares are proportional to. capacity: int [C], what each class can give; default counts.
    Row by row, the next one goes to the class with the smallest (taken + 1/2) / count that has one left (Sainte-Lague),
    ties to the lower code; classes without a count come last. So no class gets less as the total grows, which largest
    remainders do not promise (the Alabama paradox). Time N log N for a capacity of N in all.

    Balinski & Young, Fair Representation: Meeting the Ideal of One Man, One Vote, 1982.

    >>> quotas(np.array([50, 30, 20]), 9).tolist()
    [4, 3, 2]
    >>> quotas(np.array([50, 30, 20]), 10, np.array([2, 30, 20])).tolist()
    [2, 5, 3]
    """
    counts = np.asarray(counts, dtype=np.float64)
    capacity = np.asarray(counts if capacity is None else capacity, dtype=np.int64)
    if total > capacity.sum():
        raise InputError(f"a budget of {total:,} is more than the {capacity.sum():,} rows there are")
    code = np.repeat(np.arange(len(counts)), capacity)
    taken = np.arange(len(code)) - np.repeat(np.cumsum(capacity) - capacity, capacity)
    uncounted = counts[code] <= 0
    standing = (taken + 0.5) / np.where(uncounted, capacity[code], counts[code])
    return np.bincount(code[np.lexsort((standing, uncounted))[:total]], minlength=len(counts))
