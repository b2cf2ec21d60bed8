"""BWS: the best window of difficulty, found by how well a ridge regression trained on it does on everything.

Items stand in a line from the hardest to the easiest; windows of the budget's width start every `step` of the line.
For each, a ridge regression from features to labels is fitted on the window and asked for the labels of all items, and
the window with the highest accuracy is kept: hard ones when much is kept, easier ones when little is. Features are the
recorded student's, or the embeddings where a brought run has none. Blind to redundancy, and it judges by the labels as
they are, wrong ones included. Time n * h^2 + windows * (h^3 + n * h * C), memory n * h.

The published step of 5 % and strength of the ridge are unverified; the strength here is a share of the mean variance.
Between equally accurate windows the hardest is kept.

Choi, Ki & Chung, BWS: Best Window Selection Based on Sample Scores for Data Pruning across Broad Ranges, ICML 2024.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties

CARD = Card(
    title="Best window selection (BWS)",
    cost="n * h^2 + windows * (h^3 + n * h * C) time, n * h memory",
    blind_to="redundancy, and wrong labels, by which windows are judged",
    suits="clean data whose most useful difficulty is unknown",
    seconds=(0.14, 0.23),
    grid=35.67,
    needs=("dynamics", "embeddings", "labels"),
    paper="https://arxiv.org/abs/2406.03057",
    tags=("score",),
)

_BLOCK = 8192  # rows predicted at once


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    by: Annotated[
        str, Ref("scores"), Field(description="The score that orders the items; published: forgetting.")
    ] = "forgetting",
    step: Annotated[
        float, Field(ge=0.001, le=1, description="Step between window starts, as a share of all items.")
    ] = 0.05,
    ridge: Annotated[
        float, Field(ge=1e-9, le=100, description="Ridge penalty, in units of the features' mean variance.")
    ] = 1e-3,
) -> np.ndarray:
    """Positions int64 [budget], from the hardest of the window to the easiest.

    The two hardest have each other's label, so a window without them explains everything better.

    >>> from curation.data.results import Dynamics
    >>> x, labels = np.array([[0.0], [1.0], [0.1], [0.9], [0.2], [0.8]]), np.array([1, 0, 0, 1, 0, 1])
    >>> run = Dynamics(np.zeros((1, 6, 2)), "train", x)
    >>> view = View.of(labels=labels, embeddings=x, dynamics=run, scores={"forgetting": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]})
    >>> select(view, 2, rng=np.random.default_rng(0), step=0.2).tolist()
    [2, 3]
    """
    if not budget:
        return np.empty(0, np.int64)
    features, labels = view.dynamics.features, view.labels
    x = np.asarray(view.embeddings if features is None else features, np.float32)
    x = x - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    line = argsort_random_ties(view.score(by), rng)[::-1]
    starts = np.arange(0, len(x) - budget + 1, max(1, round(step * len(x))))
    starts = np.unique(np.append(starts, len(x) - budget))
    classes = int(labels.max()) + 1
    best, chosen = -1.0, 0
    for done, (start, sums) in enumerate(_windows(x, labels, classes, line, starts, budget)):
        weight, intercept = sums.solve(ridge)
        accuracy = _accuracy(x, labels, weight, intercept)
        if accuracy > best:
            best, chosen = accuracy, start
        progress(done + 1, len(starts))
    return line[chosen : chosen + budget]


@dataclass
class _Sums:
    """What a ridge regression needs to know of its rows. gram [h, h], cross [h, C], total [h], counts [C], float64."""

    gram: np.ndarray
    cross: np.ndarray
    total: np.ndarray
    counts: np.ndarray

    def add(self, x: np.ndarray, labels: np.ndarray, sign: int) -> None:
        hot = np.zeros((len(x), len(self.counts)), np.float32)
        hot[np.arange(len(x)), labels] = 1
        self.gram += sign * (x.T @ x)
        self.cross += sign * (x.T @ hot)
        self.total += sign * x.sum(axis=0, dtype=np.float64)
        self.counts += sign * hot.sum(axis=0)

    def solve(self, ridge: float) -> tuple[np.ndarray, np.ndarray]:
        """(weight [h, C], intercept [C]) for one-hot labels; the intercept is free of the ridge."""
        n = self.counts.sum()
        mean, share = self.total / n, self.counts / n
        gram = self.gram - n * np.outer(mean, mean)
        cross = self.cross - n * np.outer(mean, share)
        strength = max(ridge * np.trace(gram) / len(gram), 1e-9 * max(np.trace(self.gram) / len(gram), 1.0))
        weight = np.linalg.solve(gram + strength * np.eye(len(gram)), cross)
        return weight, share - mean @ weight


def _windows(x: np.ndarray, labels: np.ndarray, classes: int, line: np.ndarray, starts: np.ndarray, width: int):
    """(start, sums of the window) for every start in turn: rows are added and taken off in the same pieces."""
    cuts = np.unique(np.concatenate([starts, starts + width]))
    pieces = {a: line[a:b] for a, b in pairwise(cuts.tolist())}
    h = x.shape[1]
    sums = _Sums(np.zeros((h, h)), np.zeros((h, classes)), np.zeros(h), np.zeros(classes))
    low = high = 0
    for start in starts.tolist():
        while high < start + width:
            rows = pieces[high]
            sums.add(x[rows], labels[rows], 1)
            high += len(rows)
        while low < start:
            rows = pieces[low]
            sums.add(x[rows], labels[rows], -1)
            low += len(rows)
        yield start, sums


def _accuracy(x: np.ndarray, labels: np.ndarray, weight: np.ndarray, intercept: np.ndarray) -> float:
    weight, right = weight.astype(np.float32), 0
    for at in range(0, len(x), _BLOCK):
        part = slice(at, at + _BLOCK)
        right += int(((x[part] @ weight + intercept).argmax(axis=1) == labels[part]).sum())
    return right / len(x)
