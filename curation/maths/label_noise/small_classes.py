"""Classes too small to judge: of a few items nobody can tell a mistake from a rare sight.

A class of many different items is always judged. A smaller one is judged where the opinions give its label to at least
half of its items, so that they know what it looks like; otherwise all of it looks wrong, whoever labelled it. Of one or
two items nothing can be said at all.

The limits were set with subsets of digits, Banking77 and CIFAR-10 in sight whose classes had 3 to 10 items.
"""

from __future__ import annotations

import numpy as np

from curation.maths.label_noise.votes import class_sizes

MANY = 12  # groups of items that are independent: not copies, not of one patient
FEWEST = 3  # one and two others, who can agree
_NAMED = 5  # classes in the note


def too_small(opinion: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """int64 [number of such classes], ascending codes. opinion: [m, C]. groups: int [m].

    >>> opinion = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 3)
    >>> too_small(opinion, np.array([0, 0, 0, 0, 1, 1, 1]), np.arange(7)).tolist()
    [1]
    """
    size = class_sizes(labels, groups)
    known = opinion.argmax(axis=1) == labels
    share = np.bincount(labels, weights=known) / np.maximum(np.bincount(labels), 1)
    return np.flatnonzero((size > 0) & (size < MANY) & ((size < FEWEST) | (share < 0.5)))


def notes(small: np.ndarray, classes: tuple[str, ...]) -> tuple[str, ...]:
    """What the card and the app say of classes that were not judged; nothing where there are none.

    >>> notes(np.array([1]), ("cat", "dog"))
    ('1 class is too small to judge, so none of its labels is flagged: dog.',)
    """
    if not len(small):
        return ()
    names = ", ".join(str(classes[code]) for code in small[:_NAMED])
    more = f" and {len(small) - _NAMED:,} more" if len(small) > _NAMED else ""
    many, their = ("1 class is", "its") if len(small) == 1 else (f"{len(small):,} classes are", "their")
    return (f"{many} too small to judge, so none of {their} labels is flagged: {names}{more}.",)
