"""An order in which every cluster has its share of every beginning."""

from __future__ import annotations

import numpy as np


def quota_order(label: np.ndarray, place: np.ndarray, share: np.ndarray | None = None) -> np.ndarray:
    """int64 [n]: rows such that each cluster gives its best rows, in proportion to its size, whatever the budget.

    label: int [n], the cluster of every row, from 0. place: [n], where it stands; the lowest of a cluster come first.
    share: float [clusters] > 0, what the places are proportional to; by default the sizes. Row by row the next one is
    of the cluster with the smallest (taken + 1/2) / share (Sainte-Lague): no cluster gets less as the budget grows.

    Balinski & Young, Fair Representation: Meeting the Ideal of One Man, One Vote, 1982.

    >>> quota_order(np.array([0, 0, 0, 1]), np.array([2, 0, 1, 0])).tolist()
    [1, 2, 3, 0]
    """
    count = np.bincount(label)
    share = count if share is None else share
    line = np.lexsort((place, label))
    rank = np.empty(len(label))
    rank[line] = np.arange(len(label)) - np.repeat(np.cumsum(count) - count, count)
    return np.lexsort((label, -count[label], (rank + 0.5) / share[label]))
