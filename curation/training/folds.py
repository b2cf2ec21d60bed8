"""Folds for out-of-fold prediction: every class spread evenly, and copies and groups never torn apart.

Rows that are no train rows get a fold as well, and teach nobody: each is judged by the student of its fold, taught on
the train rows of the others, as a train row is. What is thought of both is then equally sure, so a model of label noise
holds for both; the mean of all students would be a better judge of test rows, and a surer one, and would have seen the
train rows of their own group.

scikit-learn's StratifiedGroupKFold does the same. On groups drawn at random (20 to 200 of them, 120 draws) it left as
many rows out of place or more in 103 draws, 1.0 to 1.4 times as many on average, and took ten times as long.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from curation.errors import InputError

_BLOCK = 1 << 16  # groups told to Python at once


def assign(labels: np.ndarray, groups: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [m], the fold of every row, 0..k-1 with k = min(folds, number of groups).

    labels: int [m]. groups: int [m]; rows of one group land in one fold, or a copy in another fold would give a row's
    label away. Group by group in random order, large ones first, into the fold that has the fewest rows of the
    group's classes (weighted by how often each is in the group), then the fewest rows at all: within a class and
    overall, folds differ by at most one row as long as every group is a single row.

    >>> fold = assign(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 4]), 2, np.random.default_rng(0))
    >>> bool(fold[0] == fold[1] != fold[2]), sorted(np.bincount(fold).tolist())
    (True, [3, 3])
    """
    _, first, of_row, size = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    k = min(folds, len(first))
    if k < 2:
        raise InputError(
            f"out-of-fold prediction needs at least two different items; there {'is one' if k else 'are none'}"
        )
    order = rng.permutation(len(first))
    order = order[np.lexsort((labels[first[order]], -size[order]))]  # stable: random within size and class
    # What each group holds, as pairs of a class and its rows: nearly always one.
    classes, code = np.unique(labels, return_inverse=True)
    pair, rows = np.unique(of_row * len(classes) + code, return_counts=True)
    group, which = np.divmod(pair, len(classes))
    start = np.searchsorted(group, np.arange(len(first) + 1))
    in_class = [[0] * k for _ in classes]
    in_all = [0] * k
    chosen = np.empty(len(first), dtype=np.int64)
    for some in np.array_split(order, len(order) // _BLOCK + 1):
        counts = start[some + 1] - start[some]
        pairs = np.arange(counts.sum()) + np.repeat(start[some] - (counts.cumsum() - counts), counts)
        held = iter(zip(which[pairs].tolist(), rows[pairs].tolist(), strict=True))
        for at, count in zip(some.tolist(), counts.tolist(), strict=True):
            there = [(in_class[one], size) for one, size in islice(held, count)]
            fold = min(range(k), key=lambda f: (sum(in_one[f] * size for in_one, size in there), in_all[f]))
            chosen[at] = fold
            for in_one, size in there:
                in_one[fold] += size
                in_all[fold] += size
    return chosen[of_row]


def assign_all(
    labels: np.ndarray, groups: np.ndarray, train: np.ndarray, folds: int, rng: np.random.Generator
) -> np.ndarray:
    """int64 [m], the fold of every row: train rows (positions `train`) as `assign` gives them, whatever the others are.

    Another row goes where the train rows of its group are, else with its group into a fold drawn at random.
    """
    fold = np.empty(len(groups), np.int64)
    fold[train] = assign(labels[train], groups[train], folds, rng)
    numbers, of_row = np.unique(groups, return_inverse=True)
    # A stream of its own: how many rows are no train rows must not move what is drawn after this.
    of_group = rng.spawn(1)[0].integers(fold[train].max() + 1, size=len(numbers))
    of_group[of_row[train]] = fold[train]
    return of_group[of_row]
