"""Records one student run: logits per epoch and item, or only their mean margin, in the order of the view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from curation.data.writing.growing import Growing
from curation.errors import RunError
from curation.maths.arrays import margins
from curation.training.checkpoints import Thinned

LARGEST = float(np.finfo(np.float16).max)


class RunRecord:
    """A `Record` that keeps logits as float16, and the weights after a few of the epochs.

    2 * E * m * C bytes, 30 MB for 50,000 items, 10 classes and 30 epochs: in memory, or in a file, and then one epoch
    is held at a time. Half precision is enough for ranks; what would not fit into it is clipped, never infinite.

    mode: "train" keeps the logits every item had when its batch came up, "eval" a clean pass after each epoch.
    file: a .npy file to write the epochs to.

    >>> run = RunRecord(2, 2, "train")
    >>> run.batch(np.array([1]), np.array([[0.0, 1e9]]))
    >>> run.batch(np.array([0]), np.array([[2.0, 3.0]]))
    >>> run.epoch(lambda: None)
    >>> run.logits.tolist()
    [[[2.0, 3.0], [0.0, 65504.0]]]
    """

    def __init__(self, m: int, classes: int, mode: Literal["train", "eval"], file: Path | None = None):
        self.mode = mode
        self._shape = (m, classes)
        self._epochs = [] if file is None else Growing(file, self._shape, np.float16)
        self._kept = Thinned()
        self._current = self._empty()

    def batch(self, positions: np.ndarray, logits: np.ndarray) -> None:
        if self.mode == "train":
            self._current[positions] = np.clip(logits, -LARGEST, LARGEST)

    def epoch(self, predict: Callable[[], np.ndarray], weights: Callable[[], np.ndarray] | None = None) -> None:
        if self.mode == "eval":
            self._current[:] = np.clip(predict(), -LARGEST, LARGEST)
        if unseen := int(np.isnan(self._current).any(axis=1).sum()):
            raise RunError(
                f"epoch {len(self._epochs) + 1} of the recorded run has no logits for {unseen:,} of "
                f"{len(self._current):,} items; a student must show every item once per epoch, with finite logits"
            )
        self._epochs.append(self._current)
        self._current = self._empty()
        if weights is not None:
            self._kept.add(weights())

    @property
    def checkpoints(self) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
        """Weights float32 [K, P] and the epochs int [K] they were kept after; None, None where there are none."""
        return (self._kept.weights, self._kept.epochs) if len(self._kept.epochs) else (None, None)

    @property
    def logits(self) -> np.ndarray:
        """float16 [E, m, C]; of a file memory-mapped and read-only."""
        return self._epochs.finished() if isinstance(self._epochs, Growing) else np.stack(self._epochs)

    def _empty(self) -> np.ndarray:
        return np.full(self._shape, np.nan, dtype=np.float16)


class MeanMargin:
    """A `Record` that keeps one number per item: the sum of its margins over the epochs (AUM), in 8 * m bytes.

    >>> run = MeanMargin(np.array([0, 1]))
    >>> for _ in range(2):
    ...     run.batch(np.array([1, 0]), np.array([[0.0, 3.0], [2.0, 1.0]])); run.epoch(lambda: None)
    >>> run.value.tolist()
    [1.0, 3.0]
    """

    def __init__(self, labels: np.ndarray):
        self._labels, self._sum, self._epochs = labels, np.zeros(len(labels)), 0

    def batch(self, positions: np.ndarray, logits: np.ndarray) -> None:
        self._sum[positions] += margins(logits, self._labels[positions])

    def epoch(self, predict: Callable[[], np.ndarray], weights: Callable[[], np.ndarray] | None = None) -> None:
        self._epochs += 1

    @property
    def value(self) -> np.ndarray:
        """float64 [m], mean margin; high = learnt early and surely."""
        return self._sum / max(self._epochs, 1)


class EpochAccuracy:
    """A `Record` that keeps one number per epoch: the share of the items it got right as their batches came up.

    >>> run = EpochAccuracy(np.array([0, 1]))
    >>> run.batch(np.array([1, 0]), np.array([[0.0, 3.0], [1.0, 2.0]])); run.epoch(lambda: None)
    >>> run.last(2)
    [0.5]
    """

    def __init__(self, labels: np.ndarray):
        self._labels, self._right, self._seen, self._epochs = labels, 0, 0, []

    def batch(self, positions: np.ndarray, logits: np.ndarray) -> None:
        self._right += int((logits.argmax(axis=1) == self._labels[positions]).sum())
        self._seen += len(positions)

    def epoch(self, predict: Callable[[], np.ndarray], weights: Callable[[], np.ndarray] | None = None) -> None:
        self._epochs.append(self._right / max(self._seen, 1))
        self._right = self._seen = 0

    def last(self, epochs: int) -> list[float]:
        """Of the last few epochs, the last one at the end; fewer where there were fewer."""
        return self._epochs[-epochs:]


class Several:
    """A `Record` that tells every one of several; None among them is nobody."""

    def __init__(self, *records):
        self._records = [record for record in records if record is not None]

    def batch(self, positions: np.ndarray, logits: np.ndarray) -> None:
        for record in self._records:
            record.batch(positions, logits)

    def epoch(self, predict: Callable[[], np.ndarray], weights: Callable[[], np.ndarray] | None = None) -> None:
        for record in self._records:
            record.epoch(predict, weights)

    def __bool__(self) -> bool:
        return bool(self._records)
