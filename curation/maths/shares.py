"""Taking in turn: an order in which every prefix is split over groups as their shares demand."""

from __future__ import annotations

import numpy as np


def in_turn(group: np.ndarray, priority: np.ndarray, share: np.ndarray | None = None) -> np.ndarray:
    """int64 [n]: all rows, so that any first few hold about share[g] of group g; in a group, low `priority` first.

    group: int [n]. share: > 0 per group number, any scale; None = equal. Each next row comes from the group with the
    smallest (taken + 1/2) / share, Sainte-Lague's rule, so a group that runs out leaves its part to the others. Rows
    of equal standing go by priority, then by number.

    >>> in_turn(np.array([0, 0, 0, 1]), np.array([0.3, 0.1, 0.2, 0.9])).tolist()
    [1, 3, 2, 0]
    >>> in_turn(np.array([0, 0, 0, 1]), np.array([0.3, 0.1, 0.2, 0.9]), np.array([3.0, 1.0])).tolist()
    [1, 2, 3, 0]
    """
    order = np.lexsort((priority, group))
    ahead = np.empty(len(group), np.int64)  # rows of the same group that come first
    ahead[order] = np.arange(len(group)) - np.searchsorted(group[order], group[order])
    weight = 1.0 if share is None else np.asarray(share, np.float64)[group]
    return np.lexsort((priority, (ahead + 0.5) / weight))
