"""Records your own PyTorch training loop, for `[evidence.dynamics] path = "run"`.

    from curation import Recorder

    record = Recorder(len(dataset), classes=10, path="run")
    for epoch in range(epochs):
        for x, y, ids in loader:                  # ids as Winnow shows them: the file's path below the folder, ...
            logits = model(x)
            record(ids, logits)                   # before the update
            ...
        record.epoch()

Every finished epoch is one file in the folder `path`, float16, written whole or not at all: a crash loses the epoch
it interrupts and nothing else, and a Recorder on the same folder goes on after the last whole one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from curation.data.writing.atomic import atomic
from curation.errors import InputError

LARGEST = float(np.finfo(np.float16).max)


class Recorder:
    """Call it with the ids and logits [b, C] of every batch, and `epoch()` after the last batch of each epoch.

    n: the most different items there are. path: a folder, made if it is not there; 2 * n * C bytes per epoch.
    Raises InputError for another number of classes, more than n items, or lengths that differ.

    >>> import tempfile
    >>> record = Recorder(2, classes=2, path=tempfile.mkdtemp())
    >>> record(["b", "a"], np.array([[1.0, 0.0], [0.0, 3.0]])); record.epoch()
    >>> np.load(record.path / "epoch-0000.npy").tolist(), np.load(record.path / "ids.npy").tolist()
    ([[1.0, 0.0], [0.0, 3.0]], ['b', 'a'])
    """

    def __init__(self, n: int, classes: int, path: Path | str):
        self.path, self._shape = Path(path).expanduser(), (n, classes)
        self.path.mkdir(parents=True, exist_ok=True)
        known = np.load(self.path / "ids.npy") if (self.path / "ids.npy").exists() else []
        self._row = {str(id_): row for row, id_ in enumerate(known)}
        self.epochs = len(list(self.path.glob("epoch-*.npy")))
        self._begin()

    def __call__(self, ids: Iterable, logits) -> None:
        """ids: b ids, of any type whose text is the id. logits: [b, C], an array or a tensor on any device."""
        logits = logits.detach().float().cpu().numpy() if hasattr(logits, "detach") else np.asarray(logits)
        ids = [str(id_.item() if hasattr(id_, "item") else id_) for id_ in ids]
        if logits.shape != (len(ids), self._shape[1]):
            raise InputError(f"logits of shape {logits.shape}: expected [{len(ids)} ids, {self._shape[1]} classes]")
        rows = [self._row.setdefault(id_, len(self._row)) for id_ in ids]
        if len(self._row) > self._shape[0]:
            raise InputError(f"more than the n = {self._shape[0]:,} items this Recorder was made for; raise n")
        self._current[rows] = np.clip(logits, -LARGEST, LARGEST)

    def epoch(self) -> None:
        """The epoch is over: write it. Items it did not show (a dropped last batch) are NaN in it."""
        with atomic(self.path / "ids.npy") as file, file.open("wb") as out:
            np.save(out, np.array(list(self._row), dtype=str))
        with atomic(self.path / f"epoch-{self.epochs:04d}.npy") as file, file.open("wb") as out:
            np.save(out, self._current)
        self.epochs += 1
        self._begin()

    def _begin(self) -> None:
        self._current = np.full(self._shape, np.nan, dtype=np.float16)
