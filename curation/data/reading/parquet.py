"""Read a foreign parquet file: first in a process that may not fill the memory, then here.

What a parquet file unpacks to is not to be known from its footer: a page of a megabyte can hold gigabytes, and one
long value can stand for a million rows. So each row group is decoded once on trial, under the limits of
`curation.data.reading.decoders`, before it is decoded in earnest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.data import parquet_cells
from curation.data.parquet_cells import parts_of, rows_of
from curation.data.reading.cells import MAX_COLUMNS, MAX_ROWS
from curation.data.reading.decoders import guarded
from curation.errors import SourceError

MEMORY = 160 * 1024**2  # bytes a batch may take in all its forms, beside three times what the file holds
NETWORK = MEMORY + 256 * 1024**2  # the same, where the libraries that fetch are loaded as well
TASK = "curation.data.reading.parquet:on_trial"


def schema_of(path: Path) -> pa.Schema:
    """The columns and what the file says of itself. Raises SourceError, OSError and what pyarrow does."""
    return _opened(path).schema_arrow


def can_be_read_one_by_one(path: Path, column: str) -> bool:
    """As `parquet_cells` says of it. Raises SourceError, OSError and what pyarrow does."""
    return parquet_cells.can_be_read_one_by_one(_opened(path), column)


def batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of these columns. Raises SourceError, OSError and what pyarrow does, also halfway."""
    file = _opened(path)
    groups = range(file.num_row_groups)
    work = [json.dumps([group, list(columns)]) for group in groups]
    for at in range(0, len(work), 64):
        # A page is read as a whole, and honest ones of images are large: what is there in the file may be taken too.
        there = max((_packed(file, group, columns) for group in groups[at : at + 64]), default=0)
        memory = (MEMORY if isinstance(path, Path) else NETWORK) + 3 * max(min(there, path.stat().st_size), 0)
        for answer in guarded(TASK, str(path.absolute()), work[at : at + 64], memory):
            if answer != ["ok"]:
                said = answer if isinstance(answer, str) else answer[0]
                raise SourceError(f"{path} cannot be read as a table ({said.replace('decode', 'read')})")
    for group in groups:
        yield from rows_of(file, group, columns)


def on_trial(path: Path, work: str) -> list[str]:
    """In a decoder: unpack one row group and let it go again."""
    group, columns = json.loads(work)
    try:
        for batch in rows_of(_kept_open(path), group, columns):
            batch.to_pydict()  # as it is used: a value that stands for many rows is written out for each
    except (MemoryError, pa.ArrowMemoryError):
        return ["it takes more memory to unpack than a table may"]
    except (pa.ArrowException, OSError, ValueError) as error:
        return [(str(error).splitlines() or [type(error).__name__])[0].rstrip(".")]
    return ["ok"]


def _packed(file: pq.ParquetFile, group: int, columns: Sequence[str]) -> int:
    """Bytes of these columns in the file."""
    return sum(part.total_compressed_size for part in parts_of(file, group, columns))


def _kept_open(path: Path) -> pq.ParquetFile:
    about = path.stat()
    return _of_now(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=1)
def _of_now(path: Path, *which: int) -> pq.ParquetFile:
    return _opened(path)


def _opened(path: Path) -> pq.ParquetFile:
    file = parquet_cells.opened(path if isinstance(path, Path) else path.open("rb"), str(path))
    if file.metadata.num_rows > MAX_ROWS:
        raise SourceError(f"{path} has {file.metadata.num_rows:,} rows, over the limit of {MAX_ROWS:,}; split it")
    if file.metadata.num_columns > MAX_COLUMNS:
        raise SourceError(f"{path} has {file.metadata.num_columns:,} columns, over the limit of {MAX_COLUMNS:,}")
    return file
