"""What methods answer and evidence holds: plain arrays with a name for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Neighbours:
    """k nearest by cosine distance, self excluded, nearest first.

    indices: int32 [m, k], positions in the view; -1 pads rows with fewer. distances: float32 [m, k], inf where padded.
    pool: the graph of the rows that are not held out, among themselves and numbered so; None where no row is.
    """

    indices: np.ndarray
    distances: np.ndarray
    pool: Neighbours | None = None


@dataclass(frozen=True)
class Dynamics:
    """One recorded student run. logits: float [E, m, C] per epoch.

    mode: "train" = logits of the training passes, before each update; "eval" = a clean pass after each epoch.
    features: float [m, h], penultimate features of the finished student; None where a brought run has none.
    weights: float32 [K, P], the student's weights after the epochs `kept` int [K], flat; None where none were kept.
    """

    logits: np.ndarray
    mode: str
    features: np.ndarray | None = None
    weights: np.ndarray | None = None
    kept: np.ndarray | None = None


def width(m: int, classes: int) -> type[np.floating]:
    """What the probabilities of m items are kept in: half the width for every few hundred million of them.

    Ranks of float16 probabilities differ from those of float64 in the fourth digit only, and 1,000,000 items of 1,000
    classes are then 2 GB.

    >>> width(50_000, 100), width(1_000_000, 100), width(1_000_000, 1000)
    (<class 'numpy.float64'>, <class 'numpy.float32'>, <class 'numpy.float16'>)
    """
    return np.float64 if m * classes <= 1 << 25 else np.float32 if m * classes <= 1 << 28 else np.float16


@dataclass(frozen=True)
class Probabilities:
    """What students think of m items. values: float [m, C] as wide as `width` says, rows sum to 1.

    mode: "out_of_fold" = no item was predicted by a student trained on it; "train" or "eval" = it was.
    in_fold: the same, the mean over the students that were trained on the item; None where that is unknown.
    """

    values: np.ndarray
    mode: str = "out_of_fold"
    in_fold: np.ndarray | None = None


@dataclass(frozen=True)
class Factors:
    """n items, each written as a few of m factors of a dictionary. indices: int16 [n, k] in 0..m-1. values: float16
    [n, k], 0 where the factor does not fire. r2: share of the embeddings' variance the factors explain."""

    indices: np.ndarray
    values: np.ndarray
    m: int
    r2: float

    def take(self, rows: np.ndarray) -> Factors:
        """The same of some of the items."""
        return Factors(self.indices[rows], self.values[rows], self.m, self.r2)


@dataclass(frozen=True)
class Flags:
    """What a flag says of m rows. score: float, higher = more suspicious. flagged: bool.

    suggested: int codes of the label that would fit better, -1 where there is none.
    duplicate_of: int positions of the item that is kept instead, itself no copy of another; -1 where there is none.
    notes: sentences for the card and the app, such as what could not be judged.
    """

    score: np.ndarray
    flagged: np.ndarray
    suggested: np.ndarray | None = None
    duplicate_of: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Rows a pruner takes, in the order taken, and optional weights of the same length. notes: sentences for the card
    and the page, such as what the choice was learned from."""

    rows: np.ndarray
    weights: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condensed:
    """A condensed set of M items.

    values: float32 [M, s, s, 3], pixels in 0..255 without rounding, or float32 [M, d], embeddings.
    labels: int64 [M], codes of classes. soft: float32 [M * parts**2, C], rows that sum to 1, to train on instead.
    parts: 2 where an image is a mosaic of 2 x 2 quarters, each to be enlarged and trained on as an item of its own, row
    by row; else 1. rows: int64 [M], the row of the view an item is, or was made from; -1 where there is no single one.
    texts: float32 [M, e], pairs only. grey: the three channels are one.
    passes: how many single items networks saw: "real_forward", "real_backward" and "synthetic" (both ways).
    history: name -> float [T], such as "loss". notes: sentences for the card and the app.
    """

    values: np.ndarray
    labels: np.ndarray
    soft: np.ndarray | None = None
    parts: int = 1
    rows: np.ndarray | None = None
    texts: np.ndarray | None = None
    grey: bool = False
    passes: Mapping[str, int] = field(default_factory=dict)
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def space(self) -> str:
        """ "pixels" or "embeddings"."""
        return "pixels" if self.values.ndim == 4 else "embeddings"

    @property
    def nbytes(self) -> int:
        """Bytes to store it in: a byte per channel of a pixel, two per number of an embedding or a soft label, and
        two per label where there is no soft one."""
        per_value = (1 / 3 if self.grey else 1) if self.space == "pixels" else 2
        texts = 0 if self.texts is None else self.texts.size
        labels = self.labels.size if self.soft is None else self.soft.size
        return round(self.values.size * per_value) + 2 * (texts + labels)


def cut_neighbours(graph: Neighbours, rows: np.ndarray) -> Neighbours:
    """The graph among `rows` only, re-numbered; entries that lead outside become -1 / inf, moved to the end."""
    if len(rows) == len(graph.indices) and np.array_equal(rows, np.arange(len(rows))):
        return graph
    position = np.full(len(graph.indices) + 1, -1, dtype=np.int32)  # last slot: where -1 points
    position[rows] = np.arange(len(rows), dtype=np.int32)
    indices, distances = position[graph.indices[rows]], graph.distances[rows].copy()
    distances[indices < 0] = np.inf
    order = np.argsort(indices < 0, axis=1, kind="stable")
    return Neighbours(np.take_along_axis(indices, order, 1), np.take_along_axis(distances, order, 1))
