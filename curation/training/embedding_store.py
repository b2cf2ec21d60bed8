"""Embeddings on the disk while they are made: shard by shard, so that a killed run goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import RunError

# Makes shards in the place of this process: of each its rows, float [m, dim], and the batch that fitted into memory.
Elsewhere = Callable[[list[range]], Iterable[tuple[np.ndarray, int]]]


class EmbeddingStore:
    """`<name>.npy` and, until it is complete, a log: one line on the layout, then one per finished shard.

    A line is written only after the shard's bytes are synced, so what it says is true after any kill.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], dtype: str, shard: int, name: str = "embeddings"):
        self.path, self.shard = folder / f"{name}.npy", shard
        self.log = folder / ("shards.done" if name == "embeddings" else f"{name}.shards.done")
        self.layout = [*shape, dtype, shard]
        lines = self._lines()
        self.finished = lines is None and self._matches(shape, dtype)
        self.first = self.batch = 0
        if self.finished:
            return
        if lines and lines[0] == self.layout and self._matches(shape, dtype):
            self.first = len(lines) - 1
            self.batch = lines[-1] if self.first else 0  # the batch that fitted into memory last time
        else:
            self.path.unlink(missing_ok=True)
            self.log.unlink(missing_ok=True)
            self._note(self.layout)
            np.lib.format.open_memmap(self.path, "w+", dtype=dtype, shape=shape).flush()
        self._offset = self.array().offset

    def filled(self, shards: Iterable[tuple[np.ndarray, int]], progress: Callable[..., None]) -> np.ndarray:
        """The whole file, mapped, once every missing shard is written. shards: as `Elsewhere` makes them."""
        n, size = self.layout[0], self.shard
        progress(self.first * size, n, "encoding")
        for rows, batch in shards:
            self.write(rows, int(batch))
            progress(min(self.first * size, n), n, "encoding")
        self.log.unlink()
        return self.array()

    def write(self, rows: np.ndarray, batch: int) -> None:
        """The next shard, float [m, dim]: bytes first, then the line that vouches for them."""
        with np.errstate(over="ignore"):  # what does not fit is refused below
            rows = rows.astype(self.layout[2])
        if not np.isfinite(rows).all():
            raise RunError(
                f"the encoder returned values that are not finite as {self.layout[2]} "
                f"within rows {self.first * self.shard:,} to {self.first * self.shard + len(rows) - 1:,}"
            )
        # Written as a file, not through the map: a full disk is then an error and not a crash.
        with self.path.open("r+b") as file:
            file.seek(self._offset + self.first * self.shard * rows.itemsize * rows.shape[1])
            file.write(rows.tobytes())
            file.flush()
            os.fsync(file.fileno())
        self._note(batch)
        self.first += 1

    def missing(self) -> list[range]:
        """The rows of every shard that is not written yet."""
        n, size = self.layout[0], self.shard
        return [range(at, min(at + size, n)) for at in range(self.first * size, n, size)]

    def array(self) -> np.ndarray:
        return np.load(self.path, mmap_mode="r", allow_pickle=False)

    def _note(self, value: Any) -> None:
        with self.log.open("ab") as file:
            file.write(json.dumps(value).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> list[Any] | None:
        """The log's lines. A last line that was cut short by a kill says nothing and goes."""
        if not self.log.exists():
            return None
        text = self.log.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        os.truncate(self.log, len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def _matches(self, shape: tuple[int, int], dtype: str) -> bool:
        if not self.path.exists():
            return False
        try:
            found = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except ValueError:  # killed while the file was laid out
            return False
        return found.shape == shape and found.dtype == np.dtype(dtype)
