"""Folds for out-of-fold prediction: every class spread evenly, and copies of one item never torn apart."""

from __future__ import annotations

import numpy as np

from curation.errors import InputError


def assign(labels: np.ndarray, groups: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [m], the fold of every row, 0..k-1 with k = min(folds, number of groups).

    labels: int [m]. groups: int [m]; rows of one group land in one fold, or a copy in another fold would give a row's
    label away. Group by group in random order, large ones first, into the fold that has the fewest rows of the
    group's class (of its first row, where copies disagree), then the fewest rows at all: within a class and overall,
    folds differ by at most one row as long as every group is a single row.

    >>> fold = assign(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 4]), 2, np.random.default_rng(0))
    >>> bool(fold[0] == fold[1] != fold[2]), sorted(np.bincount(fold).tolist())
    (True, [3, 3])
    """
    _, first, size = np.unique(groups, return_index=True, return_counts=True)
    k = min(folds, len(first))
    if k < 2:
        raise InputError(
            f"out-of-fold prediction needs at least two different items; there {'is one' if k else 'are none'}"
        )
    order = rng.permutation(len(first))
    order = order[np.lexsort((labels[first[order]], -size[order]))]  # stable: random within size and class
    in_class = {code: [0] * k for code in np.unique(labels).tolist()}
    in_all = [0] * k
    chosen = np.empty(len(first), dtype=np.int64)
    for group, code, rows in zip(order.tolist(), labels[first[order]].tolist(), size[order].tolist(), strict=True):
        of_class = in_class[code]
        fold = min(range(k), key=lambda f: (of_class[f], in_all[f]))
        chosen[group] = fold
        of_class[fold] += rows
        in_all[fold] += rows
    return chosen[np.searchsorted(np.unique(groups), groups)]
