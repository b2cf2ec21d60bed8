"""ZCore: random two-dimensional views of the embeddings say who covers empty ground and who stands in a crowd.

Again and again two dimensions are drawn, and in them a point between the smallest and the largest value, most often
near the median. The item nearest the point has covered something and gains 1; the items nearest to that item are
redundant with it and together lose 1, the nearest nearly all of it (shares fall with the fourth power of the
distance). Ground is probed out of proportion to where the data are, so items in sparse regions win more often. Needs
no labels and no training. Blind to labels and difficulty, and to anything that only many dimensions together show.

Points are drawn until the answer has settled, and no more than `rounds`, which is the published 1,000,000: two halves
of the rounds count apart, and their agreement says how sure the order is. Few rounds are no more than noise: each
shows two of d dimensions. On the 1,797 digits that takes 20,000 to 30,000 rounds, after which two seeds share .82 of
their picks at 10 % (chance .10). 10,000 images in 1,280 numbers do not settle in 1,000,000 rounds: .42, in a minute.
Time rounds * n, memory n * d.

Differs: an item is kept out of its own neighbourhood by its number; the published code drops whichever comes first in
the sorted order. Where several items coincide with the one that gained, the loss is split among them, the limit of the
formula; the published code charges one of them.

Griffin, Marks & Corso, Zero-Shot Coreset Selection: Efficient Pruning for Unlabeled Data, WACV 2026 (arXiv
2411.15349).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Zero-shot coreset selection (ZCore)",
    cost="rounds * n time, up to 1,000,000 rounds (2 minutes for 50,000 items), n * d memory",
    blind_to="labels, difficulty, and what only many dimensions show",
    suits="embeddings without labels",
    grid=58.21,
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2411.15349",
    tags=("geometry", "label-free", "coverage"),
    nested=True,
    version=2,
)

_PART = 500  # rounds whose points are drawn together
_LOOK = 20  # parts between two looks at the agreement
_SETTLED = 0.98  # reliability of the sum of both halves, of 1
_EVERY = 16  # one row in so many is looked at to guess how far the neighbours reach


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    rounds: Annotated[
        int, Field(ge=1, le=100_000_000, description="Most points probed; fewer where the order has settled before.")
    ] = 1_000_000,
    neighbours: Annotated[
        int, Field(ge=1, le=100_000, description="Items that share the loss; published: 1,000.")
    ] = 1000,
    power: Annotated[float, Field(ge=0, le=16, description="How fast the loss falls with distance.")] = 4.0,
    head_start: Annotated[
        bool, Field(description="Begin with a random number from 0 to 1 per item, as published; else from 0.")
    ] = True,
) -> np.ndarray:
    """Positions int64 [budget], the highest score first; equal scores in an order drawn by the seed.

    Nine copies and one other item: of the copies one is worth keeping.

    >>> crowd_and_one = np.array([[0.0, 0.0]] * 9 + [[1.0, 1.0]])
    >>> select(View.of(embeddings=crowd_and_one), 2, rng=np.random.default_rng(0)).tolist()
    [0, 9]
    """
    x = view.embeddings
    columns = np.ascontiguousarray(x.T, dtype=np.float32)
    spread = columns.min(axis=1), np.median(columns, axis=1), columns.max(axis=1)
    start = rng.random(len(x)) if head_start else np.zeros(len(x))
    tie, halves = rng.permutation(len(x)), np.zeros((2, len(x)))
    for part, done in enumerate(range(0, rounds, _PART)):
        _probe(halves[part % 2], columns, spread, min(_PART, rounds - done), min(neighbours, len(x) - 1), power, rng)
        progress(min(done + _PART, rounds), rounds)
        if part % _LOOK == _LOOK - 1 and _reliability(*halves) >= _SETTLED:
            break
    return np.lexsort((tie, -(start + halves.sum(axis=0))))[:budget]


def _reliability(a: np.ndarray, b: np.ndarray) -> float:
    """How much of the spread of a + b is no chance, by the correlation of the two (Spearman & Brown); 1 where none has
    any."""
    if not (a.std() and b.std()):
        return 1.0
    r = np.corrcoef(a, b)[0, 1]
    return float(2 * r / (1 + r))


def _probe(
    total: np.ndarray,
    columns: np.ndarray,
    spread: tuple[np.ndarray, ...],
    rounds: int,
    k: int,
    power: float,
    rng: np.random.Generator,
) -> None:
    """Adds to `total` [n] what items gain and lose in some rounds. columns: float32 [d, n]."""
    d, n = columns.shape
    first = rng.integers(d, size=rounds)
    second = (first + rng.integers(1, d, size=rounds)) % d if d > 1 else first
    points = [_triangular(rng.random(rounds), *(value[dims] for value in spread)) for dims in (first, second)]
    distance, other = np.empty(n, np.float32), np.empty(n, np.float32)
    for a, b, p, q in zip(first, second, *points, strict=True):
        winner = int(_manhattan(columns[a], columns[b], p, q, distance, other).argmin())
        total[winner] += 1
        if k:
            _manhattan(columns[a], columns[b], columns[a, winner], columns[b, winner], distance, other)
            distance[winner] = np.inf
            near = _nearest(distance, k)
            total[near] -= _shares(distance[near].astype(np.float64), power)


def _triangular(u: np.ndarray, low: np.ndarray, peak: np.ndarray, high: np.ndarray) -> np.ndarray:
    """float32: points of the triangular density on low..high, from u uniform in 0..1; low where the range is empty."""
    low, peak, high = (value.astype(np.float64) for value in (low, peak, high))
    left, width = peak - low, high - low
    rising = u * width < left
    up = low + np.sqrt(u * width * left)
    down = high - np.sqrt((1 - u) * width * (high - peak))
    return np.where(rising, up, down).astype(np.float32)


def _manhattan(
    x: np.ndarray, y: np.ndarray, p: np.float32, q: np.float32, into: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """|x - p| + |y - q|, written over `into`; `other` is scratch."""
    np.abs(np.subtract(x, p, out=into), out=into)
    np.abs(np.subtract(y, q, out=other), out=other)
    return np.add(into, other, out=into)


def _nearest(distance: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k smallest. A thinned copy tells how far they reach, so that few rows need sorting."""
    if len(distance) > 8 * k:
        thin = distance[::_EVERY]
        guess = min(int(1.3 * k / _EVERY) + 8, len(thin) - 1)
        within = np.flatnonzero(distance <= np.partition(thin, guess)[guess])
        if len(within) >= k:
            return within[np.argpartition(distance[within], k - 1)[:k]]
    return np.argpartition(distance, k - 1)[:k]


def _shares(distance: np.ndarray, power: float) -> np.ndarray:
    """Parts of 1 in proportion to distance ** -power; where some are 0, these alone share it."""
    least = distance.min()
    share = np.where(distance == 0, 1.0, 0.0) if least == 0 else (least / distance) ** power
    return share / share.sum()
