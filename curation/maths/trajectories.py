"""What scores read off a recorded run: probabilities epoch by epoch, in double precision."""

from __future__ import annotations

import numpy as np


def probabilities(logits: np.ndarray) -> np.ndarray:
    """float64 [m, C], the softmax of one epoch's logits [m, C]."""
    from scipy.special import softmax

    return softmax(np.asarray(logits, dtype=np.float64), axis=1)


def given_probability(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [E, m], the probability of every item's given label in every epoch of logits [E, m, C].

    >>> given_probability(np.zeros((1, 2, 4)), np.array([0, 3]))
    array([[0.25, 0.25]])
    """
    rows = np.arange(len(labels))
    return np.stack([probabilities(epoch)[rows, labels] for epoch in logits])


def margins(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [m], the given label's value minus the largest of the others in [m, C]; negative where another leads.

    >>> margins(np.array([[3.0, 1.0], [3.0, 1.0]]), np.array([0, 1]))
    array([ 2., -2.])
    """
    rows = np.arange(len(labels))
    others = np.array(values, dtype=np.float64)  # a copy, wider than the half precision logits are stored in
    given = others[rows, labels]
    others[rows, labels] = -np.inf
    return given - others.max(axis=1)
