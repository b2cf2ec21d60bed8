"""Texts: what items of the kinds text, pair and chat say, in `texts.parquet` beside `items.parquet`.

The records they were read from, as JSON, lie in `records.parquet` the same way, where a file is to be written again.

One row per item, in the items' order; null where there is no text. Row groups are small, so that any text is read
without the others, and a walk over all of them holds a few groups in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FILE = "texts.parquet"
RECORDS = "records.parquet"
SCHEMA = pa.schema([("text", pa.large_string())])
GROUP = 10_000  # rows of a row group, at most
LETTERS = 8_000_000  # characters of a row group, about: it is decoded as a whole
KEPT = 6  # row groups held in memory, of all files together


class Texts:
    """The texts of a file that `TextWriter` wrote. Picklable; read when asked for, safe to share between threads."""

    def __init__(self, file: Path):
        self.file = file

    def __len__(self) -> int:
        return int(_starts(self.file, _stamp(self.file))[-1])

    def __getitem__(self, row: int) -> str | None:
        return self.take([row])[0]

    def __iter__(self) -> Iterator[str | None]:
        for group in range(len(_starts(self.file, _stamp(self.file))) - 1):
            yield from _group(self.file, _stamp(self.file), group).to_pylist()

    def take(self, rows: Sequence[int] | np.ndarray) -> list[str | None]:
        """The texts of these rows, in their order; each row group is read once. Raises IndexError."""
        rows, stamp = np.asarray(rows, np.int64), _stamp(self.file)
        starts = _starts(self.file, stamp)
        if len(rows) and (rows.min() < 0 or rows.max() >= starts[-1]):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {starts[-1]:,} texts")
        found: list[str | None] = [None] * len(rows)
        groups = np.searchsorted(starts, rows, side="right") - 1
        for group in np.unique(groups):
            at = np.flatnonzero(groups == group)
            texts = _group(self.file, stamp, int(group)).take(pa.array(rows[at] - starts[group]))
            for position, text in zip(at.tolist(), texts.to_pylist(), strict=True):
                found[position] = text
        return found


class TextWriter:
    """Writes `texts.parquet`, or `records.parquet`, row by row, in bounded memory.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with TextWriter(folder) as writer:
    ...     writer.add("one")
    ...     writer.add(None)
    >>> Texts(folder / FILE).take([1, 0])
    [None, 'one']
    """

    def __init__(self, folder: Path, file: str = FILE):
        self.texts = Texts(folder / file)
        self._file = pq.ParquetWriter(self.texts.file, SCHEMA, compression="zstd")
        self._waiting: list[str | None] = []
        self._letters = 0

    def add(self, text: str | None) -> None:
        """The next row; null where the item has no text. Half a surrogate pair becomes a question mark."""
        if text is not None and not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        self._waiting.append(text)
        self._letters += len(text or "")
        if len(self._waiting) >= GROUP or self._letters >= LETTERS:
            self._flush()

    def __enter__(self) -> TextWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._file.close()

    def close(self) -> None:
        """Write what waits."""
        with self._file:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.table({"text": pa.array(self._waiting, pa.large_string())}))
        self._waiting, self._letters = [], 0


def write_texts(folder: Path, texts: Iterable[str | None], file: str = FILE) -> Texts:
    """Write all texts to `folder` and give them back as they are read."""
    with TextWriter(folder, file) as writer:
        for text in texts:
            writer.add(text)
    return writer.texts


def _stamp(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_ino, about.st_mtime_ns


@lru_cache(maxsize=16)
def _starts(file: Path, stamp: tuple[int, int]) -> np.ndarray:
    """int64 [groups + 1]: the first row of each row group, and the number of rows."""
    about = pq.read_metadata(file)
    sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


@lru_cache(maxsize=KEPT)
def _group(file: Path, stamp: tuple[int, int], group: int) -> pa.ChunkedArray:
    with pq.ParquetFile(file) as opened:
        return opened.read_row_group(group, columns=["text"])["text"]
