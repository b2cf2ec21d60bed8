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
    from scipy.sparse import csr_array

    m, k = indices.shape
    there = indices.ravel() >= 0
    row, column = np.repeat(np.arange(m), k)[there], indices.ravel()[there]
    length = distances.ravel()[there].astype(np.float64)
    # The edges are numbered from 1, so that one of length 0 is kept; of two lists the first number stays.
    number = csr_array((np.arange(len(row), 0, -1), (row, column)), shape=(m, m))
    joined = number.maximum(number.T).tocsr()
    joined.sort_indices()
    return joined.indptr.astype(np.int64), joined.indices.astype(np.int64), length[len(row) - joined.data]
