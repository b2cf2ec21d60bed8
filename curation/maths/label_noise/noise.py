"""The label-noise model: from what an item looks like, and how labels get mixed up, to whether its label is wrong.

Given p(true class | item) for every item and its given label, p(given | true) is estimated by expectation
maximisation, and Bayes' rule turns both into p(true class | item, given label). With one observer per item, what the
opinions confuse and what the labels confuse cannot be told apart: a prior that is too sure makes noise of clean labels.
What to do about that is in `anchors`.

Dawid & Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied Statistics 28,
1979, with one observer, the given labels, and a prior per item.
"""

from __future__ import annotations

import numpy as np

from curation.maths.arrays import blocks

_STEPS, _ENOUGH = 100, 1e-6


def confusions(prior: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [C, C], p(given | true), rows sum to 1.

    prior: [n, C] p(true class | item), formed without the item's own label. labels: int [n].
    One pseudo-item per kind of confusion, scaled to the share of wrong labels, keeps rare classes from extremes.

    >>> prior = np.array([[0.9, 0.1]] * 8 + [[0.1, 0.9]] * 8)
    >>> labels = np.array([0] * 8 + [1] * 6 + [0] * 2)
    >>> mixed = confusions(prior, labels)
    >>> bayes(prior, labels, mixed)[-1].round(1).tolist(), bool(mixed[1, 0] > mixed[0, 1])
    ([0.4, 0.6], True)
    """
    n, c = prior.shape
    mixed = _mixing(np.full((c, c), 0.1 / max(c - 1, 1)) + np.eye(c) * 0.9, np.zeros(c), 0.1)
    if c == 1:
        return np.ones((1, 1))
    for _ in range(_STEPS):
        joint = np.zeros((c, c))  # expected number of items, [true, given]
        for part in blocks(n, c):
            after = bayes(prior[part], labels[part], mixed)
            for given in np.unique(labels[part]):
                joint[:, given] += after[labels[part] == given].sum(axis=0)
        wrong = 1 - np.trace(joint) / n
        before, mixed = mixed, _mixing(joint, joint.sum(axis=1), wrong)
        if np.abs(mixed - before).max() < _ENOUGH:
            break
    return mixed


def _mixing(joint: np.ndarray, of_class: np.ndarray, wrong: float) -> np.ndarray:
    """p(given | true) from expected counts: the rate per class and the pattern of its confusions, each smoothed by C
    pseudo-items that have the overall rate and spread evenly."""
    c = len(joint)
    off = joint * (1 - np.eye(c))
    leaves = off.sum(axis=1)
    rate = (leaves + c * wrong) / (of_class + c) if of_class.any() else np.full(c, wrong)
    pattern = (off + c / max(c - 1, 1) * (1 - np.eye(c))) / (leaves + c)[:, None]
    return rate[:, None] * pattern + np.diag(1 - rate)


def bayes(prior: np.ndarray, labels: np.ndarray, mixed: np.ndarray) -> np.ndarray:
    """float64 [n, C], p(true class | item, given label); an item whose prior is 0 everywhere is of any class."""
    after = prior * mixed[:, labels].T
    total = after.sum(axis=1, keepdims=True)
    return np.divide(after, total, out=np.full_like(after, 1 / after.shape[1]), where=total > 0)
