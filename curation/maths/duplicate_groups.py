"""Groups of copies, and which item of a group stays."""

from __future__ import annotations

import numpy as np


def groups_of(a: np.ndarray, b: np.ndarray, same: np.ndarray) -> np.ndarray:
    """int [m]: number of the connected group, where rows `a[i]` and `b[i]` are connected, and rows of equal `same` [m].

    >>> groups_of(np.array([0]), np.array([2]), np.array([0, 1, 2, 1])).tolist()
    [0, 1, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    m = len(same)
    _, first, back = np.unique(same, return_index=True, return_inverse=True)
    a, b = np.concatenate([a, np.arange(m)]), np.concatenate([b, first[back]])
    return connected_components(coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(m, m)), directed=False)[1]


def kept_of(group: np.ndarray, labels: np.ndarray, train: np.ndarray) -> np.ndarray:
    """int [m]: for every row the row of its group that is kept: the lowest one that carries the most common label, of
    its train rows if it has any, else of all. train: positions of the train rows.

    >>> kept_of(np.array([0, 0, 0, 1]), np.array([5, 7, 7, 5]), np.arange(4)).tolist()
    [1, 1, 1, 3]
    """
    is_train = np.zeros(len(group), bool)
    is_train[train] = True
    _, inverse, count = np.unique(np.stack([group, labels, is_train]), axis=1, return_inverse=True, return_counts=True)
    rows = np.lexsort((np.arange(len(group)), -count[inverse], ~is_train, group))
    return rows[np.unique(group[rows], return_index=True)[1]][group]
