"""Opinions on the true class of every item: what they are made of, how they are put together, what follows.

An opinion is a float64 [m, C] of probabilities. The papers are named where they are used: evidence `second_opinion`,
flag `consensus`, pruner `trusted_coverage`.
"""

from __future__ import annotations

import numpy as np

SURE = 0.5  # of a label being wrong: the border between leaving an item and taking it out


def votes(indices: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: int) -> np.ndarray:
    """float64 [m, C]: share of the neighbours' labels, half a vote added to each class; copies have no vote.

    indices: int [m, k], positions of neighbours, -1 where there are fewer. groups: equal numbers = equal content.

    >>> votes(np.array([[1, 2], [0, 2], [-1, -1]]), np.array([0, 0, 1]), np.array([7, 7, 8]), 2).tolist()
    [[0.25, 0.75], [0.25, 0.75], [0.5, 0.5]]
    """
    heard = (indices >= 0) & (groups[indices] != groups[:, None])
    counted = np.full((len(labels), classes), 0.5)
    np.add.at(counted, (np.arange(len(labels))[:, None], labels[indices]), heard)
    return counted / counted.sum(axis=1, keepdims=True)


def product_of_experts(*opinions: np.ndarray) -> np.ndarray:
    """float64 [m, C]: opinions multiplied class by class, as if independent; none of them may rule a class out."""
    log = sum(np.log(opinion + 1e-6) for opinion in opinions)
    made = np.exp(log - log.max(axis=1, keepdims=True))
    return made / made.sum(axis=1, keepdims=True)


def wrong(after: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [m]: probability that the given label is wrong. after: [m, C] p(true class | item, given label)."""
    return np.clip(1.0 - after[np.arange(len(labels)), labels], 0.0, 1.0)
