"""Whose labels speak for an item's true class: its neighbours', however large the classes are and however often
somebody was copied.

Three rules. Copies of the item itself are not asked: they are the same item again. Copies of a neighbour share one
vote. And an item asks no more different neighbours than its class has other members: of a class of five the other four
may be its four nearest, and still lose a vote of twenty.
"""

from __future__ import annotations

import numpy as np


def vote_weights(indices: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """float64 [m, k]: what the vote of each neighbour weighs; 0 for one that is not asked.

    indices: int [m, k], positions of neighbours, nearest first, -1 where there are fewer. groups: equal numbers = equal
    content.

    >>> near = np.array([[1, 2, 3], [2, 3, 0], [3, 0, 1], [2, 0, 1]])
    >>> vote_weights(near, np.array([0, 0, 1, 1]), np.array([7, 8, 9, 9])).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    content = np.where(indices >= 0, groups[indices], -1)
    asked = (indices >= 0) & (content != groups[:, None])
    shared, again = _copies(content, asked)
    asked &= np.cumsum(asked & ~again, axis=1) <= (class_sizes(labels, groups)[labels] - 1)[:, None]
    return asked / shared


def votes(indices: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """float64 [m, C]: each class's share of the votes, half a vote added to each class.

    >>> near = np.array([[1, 2], [0, 2], [0, 1], [-1, -1]])
    >>> votes(near, np.array([0, 0, 0, 1]), np.array([7, 8, 8, 9]), 2).tolist()
    [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.5, 0.5]]
    """
    counted = np.full((len(indices), classes), 0.5)
    np.add.at(counted, (np.arange(len(indices))[:, None], labels[indices]), vote_weights(indices, labels, groups))
    return counted / counted.sum(axis=1, keepdims=True)


def distinct(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """int64 [number of different items], ascending positions: the first of all copies that have the same label.

    >>> distinct(np.array([0, 0, 1, 0]), np.array([7, 7, 7, 8])).tolist()
    [0, 2, 3]
    """
    return np.sort(np.unique(np.stack([labels, groups]), axis=1, return_index=True)[1])


def class_sizes(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """int64 [largest label + 1]: how many different items carry each label.

    >>> class_sizes(np.array([0, 0, 1]), np.array([7, 7, 7])).tolist()
    [1, 1]
    """
    return np.bincount(labels[distinct(labels, groups)])


def _copies(content: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int [m, k], how many of those asked have the same content; and bool [m, k], whether an earlier one has it."""
    shared, again = np.ones(content.shape, np.int64), np.zeros(content.shape, bool)
    ordered = np.sort(np.where(asked, content, -1), axis=1)
    rows = np.flatnonzero(((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any(axis=1))  # few, as a rule
    part, heard = content[rows], asked[rows]
    for column in range(content.shape[1]):
        same = (part == part[:, [column]]) & heard & heard[:, [column]]
        shared[rows, column] = np.maximum(same.sum(axis=1), 1)
        again[rows, column] = same[:, :column].any(axis=1)
    return shared, again
