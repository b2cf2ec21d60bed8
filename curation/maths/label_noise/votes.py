"""Whose labels speak for an item's true class: its neighbours', however large the classes are and however often
somebody was copied.

A group is what is not independent: exact copies, one patient, one video. Three rules. An item's own group is not asked.
A neighbour's group has one vote between them. And an item asks no more groups than its class has others: of a class of
five the other four may be its four nearest, and still lose a vote of twenty.
"""

from __future__ import annotations

import numpy as np

from curation.maths.arrays import blocks


def vote_weights(indices: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """float64 [m, k]: what the vote of each neighbour weighs; 0 for one that is not asked.

    indices: int [m, k], positions of neighbours, nearest first, -1 where there are fewer. groups: int [m].

    >>> near = np.array([[1, 2, 3], [2, 3, 0], [3, 0, 1], [2, 0, 1]])
    >>> vote_weights(near, np.array([0, 0, 1, 1]), np.array([7, 8, 9, 9])).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return _weights(indices, groups, groups, class_sizes(labels, groups)[labels] - 1)


def votes(indices: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """float64 [m, C]: each class's share of the votes, half a vote added to each class.

    >>> near = np.array([[1, 2], [0, 2], [0, 1], [-1, -1]])
    >>> votes(near, np.array([0, 0, 0, 1]), np.array([7, 8, 8, 9]), 2).tolist()
    [[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.5, 0.5]]
    """
    counted = np.full((len(indices), classes), 0.5)
    others = class_sizes(labels, groups)[labels] - 1
    for part in blocks(*counted.shape):
        asked, here = indices[part], counted[part]
        weights = _weights(asked, groups, groups[part], others[part])
        np.add.at(here, (np.arange(len(here))[:, None], labels[asked]), weights)
        here /= here.sum(axis=1, keepdims=True)
    return counted


def distinct(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """int64 [number of pairs], ascending positions: the first of every group with every label it has.

    >>> distinct(np.array([0, 0, 1, 0]), np.array([7, 7, 7, 8])).tolist()
    [0, 2, 3]
    """
    order = np.lexsort((groups, labels))
    starts = (np.diff(labels[order], prepend=-1) != 0) | (np.diff(groups[order], prepend=-1) != 0)
    starts[:1] = True
    return np.sort(order[starts])


def class_sizes(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """int64 [largest label + 1]: how many groups carry each label.

    >>> class_sizes(np.array([0, 0, 1]), np.array([7, 7, 7])).tolist()
    [1, 1]
    """
    return np.bincount(labels[distinct(labels, groups)])


def _weights(indices: np.ndarray, groups: np.ndarray, own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float64 [b, k] of the lists of b items. own: int [b], their groups; others: int [b], groups of their classes."""
    group = np.where(indices >= 0, groups[indices], -1)
    asked = (indices >= 0) & (group != own[:, None])
    shared, again = _shared(group, asked)
    asked &= np.cumsum(asked & ~again, axis=1) <= others[:, None]
    return asked / shared


def _shared(group: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int [m, k], how many of those asked are of the same group; and bool [m, k], whether an earlier one is."""
    shared, again = np.ones(group.shape, np.int64), np.zeros(group.shape, bool)
    ordered = np.sort(np.where(asked, group, -1), axis=1)
    rows = np.flatnonzero(((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any(axis=1))  # few, as a rule
    part, heard = group[rows], asked[rows]
    for column in range(group.shape[1]):
        same = (part == part[:, [column]]) & heard & heard[:, [column]]
        shared[rows, column] = np.maximum(same.sum(axis=1), 1)
        again[rows, column] = same[:, :column].any(axis=1)
    return shared, again
