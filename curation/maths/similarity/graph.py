"""The nearest-neighbour lists as an undirected graph."""

from __future__ import annotations

import numpy as np


def symmetric(indices: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(start int64 [m + 1], column int64 [edges], distance float64 [edges]) of the lists indices, distances [m, k].

    Two rows are joined where either lists the other; -1 pads. Row i's neighbours are column[start[i] : start[i + 1]],
    in ascending order, each once. Edges of length 0 are edges.

    >>> start, column, distance = symmetric(np.array([[1], [2], [1]]), np.array([[0.5], [0.0], [0.0]]))
    >>> [column[start[i] : start[i + 1]].tolist() for i in range(3)]
    [[1], [0, 2], [1]]
    """
    m, k = indices.shape
    row, column = np.repeat(np.arange(m), k), indices.ravel().astype(np.int64)
    there = column >= 0
    low, high = np.minimum(row, column)[there], np.maximum(row, column)[there]
    pair, first = np.unique(low * m + high, return_index=True)
    length = distances.ravel()[there][first].astype(np.float64)
    low, high = pair // m, pair % m
    row, column = np.concatenate([low, high]), np.concatenate([high, low])
    order = np.lexsort((column, row))
    start = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=m))])
    return start, column[order], np.concatenate([length, length])[order]
