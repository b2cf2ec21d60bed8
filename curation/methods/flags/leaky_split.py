"""Leaky split: items outside the train split that are copies of items inside it, or nearly, or of the same group.

A student remembers what it trained on, so such items make it look better than it is. Exact copies have equal content.
Items of one group, such as the pictures of one patient, are flagged where a part of the group is in the train split.
Near copies lie far closer to a train item than train items usually lie to each other (at most `share` of the median
distance to the nearest other one, which adapts to the encoder) and close in themselves (at most `within`). Only train
rows are looked at to learn what is usual, so the more leaks there are, the better they still stand out. Blind to
copies the encoder sees as different (strong crops), and taken in by plain backgrounds where the encoder looks at
little else; it cannot tell which side a copy belongs to. Test, validation and unlabelled items are judged alike.

Barz & Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates, Journal of Imaging 2020 (the finding, and
near copies by distance of embeddings); the relative rule is that of cleanlab's Datalab. Kaufman, Rosset, Perlich &
Stitelman, Leakage in Data Mining, ACM TKDD 2012 (groups).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.similarity.exact import nearest_other

CARD = Card(
    title="Leaky split",
    cost="test rows * train rows * d time, n * d memory",
    blind_to="copies the encoder sees as different, such as strong crops",
    needs=("embeddings", "groups", "copies"),
    paper="https://arxiv.org/abs/1902.00423",
    tags=("duplicate", "label-free", "split"),
    requires=("torch",),
    rows="all",
    fits_on_train=True,
    stochastic=False,
)

_ROUNDING = 1e-6  # cosine distance of equal embeddings in float32
_SAMPLE = 2000  # train rows, evenly spread, whose nearest other says what is usual


def flag(
    view: View,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    within: Annotated[
        float, Field(ge=0, le=1, description="Largest cosine distance of a near copy; 0 finds exact copies only.")
    ] = 0.1,
    share: Annotated[
        float, Field(ge=0, le=1, description="Largest distance of a near copy, in medians of the usual distance.")
    ] = 0.13,
) -> Flags:
    """score float64 [m]: 0 for train rows, 1 for what leaks, else exp(-distance to the nearest / the usual one).

    duplicate_of: the train row a flagged row is a copy of; -1 where it only belongs to the same group.

    >>> x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.001], [0.7, 0.7]])
    >>> given = {"embeddings": x, "groups": np.arange(4), "copies": np.arange(4), "train": np.array([0, 1])}
    >>> view = View({name: lambda rows, v=value: v for name, value in given.items()}, np.arange(4))
    >>> flag(view).duplicate_of.tolist()
    [-1, -1, 0, -1]
    """
    train, groups, copies, x = view.train, view.groups, view.copies, view.embeddings
    outside = np.setdiff1d(np.arange(len(view)), train)
    score, duplicate_of, flagged = np.zeros(len(view)), np.full(len(view), -1), np.zeros(len(view), bool)
    if len(outside) and len(train):
        base = x[train]
        sample = train[np.unique(np.linspace(0, len(train) - 1, _SAMPLE).astype(int))]
        usual = nearest_other(x[sample], base, apart=(copies[sample], copies[train]), device=device)[1]
        usual = float(np.median(usual[np.isfinite(usual)])) if np.isfinite(usual).any() else 0.0
        index, distance = nearest_other(x[outside], base, device=device, progress=progress)
        near = distance <= min(within, max(share * usual, _ROUNDING)) if within else np.zeros(len(outside), bool)
        same = _same(copies[outside], copies[train])
        copy = near | (same >= 0)
        flagged[outside] = copy | np.isin(groups[outside], groups[train])
        alike = np.exp(-distance.astype(np.float64) / usual) if usual > 0 else (distance <= _ROUNDING).astype(float)
        score[outside] = np.where(flagged[outside], 1.0, alike)
        duplicate_of[outside] = np.where(copy, train[np.where(same >= 0, same, index)], -1)
    return Flags(score=score, flagged=flagged, duplicate_of=duplicate_of)


def _same(numbers: np.ndarray, train: np.ndarray) -> np.ndarray:
    """int [len(numbers)]: the first position in `train` with the same number, -1 where there is none."""
    known, first = np.unique(train, return_index=True)
    at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    return np.where(known[at] == numbers, first[at], -1)
