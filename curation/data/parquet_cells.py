"""Single values of a parquet file, by column and row: images that are read where they lie.

A value of a packed column is no range of bytes. The row group it stands in is decoded, a batch of rows at a time, and
what was decoded is kept for the values beside it. A file was tried in a process of its own when its rows were first
read (`curation.data.reading.parquet`), in batches of the same size, so that no batch takes more memory than there is.
"""

from __future__ import annotations

import contextlib
import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from curation.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH = 200  # rows in memory together, at most
TOGETHER = 16 * 1024**2  # bytes of them, about
MAX_FOOTER = 16 * 1024**2  # bytes; it is parsed as a whole
MAX_GROUP = 128 * 1024**2  # bytes of a column in a row group: decoded in a tenth of a second, for one image
KEPT = 256 * 1024**2  # bytes of decoded row groups, of all files together
FILES = 1000  # whose row groups are remembered


def opened(source: Path | BinaryIO, name: str, *, at_once: bool = False) -> pq.ParquetFile:
    """A parquet file, once its footer was found to be of a size that may be parsed. Raises SourceError and OSError.

    source: a path of this machine, or an open file. at_once: fetch the pages of a row group together, in few large
    pieces, rather than as they are needed.
    """
    import pyarrow.parquet as pq

    with source.open("rb") if isinstance(source, Path) else contextlib.nullcontext(source) as handle:
        handle.seek(max(handle.seek(0, os.SEEK_END) - 8, 0))
        size, mark = int.from_bytes(handle.read(4), "little"), handle.read(4)
    if mark == b"PAR1" and size > MAX_FOOTER:
        raise SourceError(f"{name} has a footer of {size:,} bytes, over the limit of {MAX_FOOTER:,}")
    return pq.ParquetFile(source, buffer_size=0 if at_once else 1024**2, pre_buffer=at_once)


def rows_of(file: pq.ParquetFile, group: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of about TOGETHER bytes, going by what the footer says."""
    size = sum(part.total_uncompressed_size for part in parts_of(file, group, columns))
    rows = min(max(TOGETHER * file.metadata.row_group(group).num_rows // max(size, 1), 1), BATCH)
    return file.iter_batches(batch_size=rows, row_groups=[group], columns=list(columns), use_threads=False)


def parts_of(file: pq.ParquetFile, group: int, columns: Sequence[str]) -> list[pq.ColumnChunkMetaData]:
    """What the footer says of these columns in a row group."""
    about = file.metadata.row_group(group)
    parts = (about.column(i) for i in range(about.num_columns))
    return [part for part in parts if part.path_in_schema.split(".")[0] in columns]


def can_be_read_one_by_one(file: pq.ParquetFile, column: str) -> bool:
    """Whether a column holds bytes, alone or as the hub has them ({bytes, path}), in row groups that are not large."""
    import pyarrow as pa

    kind, leaf = file.schema_arrow.field(column).type, column
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        kind, leaf = kind.field("bytes").type, f"{column}.bytes"
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        return False
    groups = range(file.metadata.num_row_groups)
    parts = [part for group in groups for part in parts_of(file, group, [column]) if part.path_in_schema == leaf]
    return not all(map(_is_empty, parts)) and all(part.total_uncompressed_size <= MAX_GROUP for part in parts)


def cells(handle: BinaryIO, which: tuple, column: str, rows: Sequence[int]) -> list[bytes | None]:
    """The bytes in these rows of a column, None where there are none. Raises SourceError and what pyarrow does.

    handle: of the file. which: its name first, and what changes when it is written; under this it is remembered.
    """
    file, starts = None, _starts.get(which)
    if starts is None:
        file = opened(handle, which[0], at_once=True)
        counts = (file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups))
        if len(_starts) >= FILES:
            _starts.clear()
        starts = _starts[which] = list(accumulate(counts, initial=0))
    if rows and not 0 <= min(rows) <= max(rows) < starts[-1]:
        raise SourceError(f"{which[0]} has {starts[-1]:,} rows, fewer than when it was read: it has changed")
    found: dict[int, bytes | None] = {}
    for group, some in groupby(sorted(set(rows)), lambda row: bisect_right(starts, row) - 1):
        wanted = [row - starts[group] for row in some]
        with _turns[hash((which, group)) % len(_turns)]:  # threads that want the same row group decode it once
            values = _kept((which, column, group), wanted)
            if values is None:
                file = file or opened(handle, which[0], at_once=True)
                values = _decoded(file, (which, column, group), wanted)
        found |= {starts[group] + row: value for row, value in zip(wanted, values, strict=True)}
    return [found[row] for row in rows]


def forget() -> None:
    """What was decoded."""
    with _lock:
        _groups.clear()


_starts: dict[tuple, list[int]] = {}  # file -> first row of every row group, and the number of rows
_groups: OrderedDict[tuple, pa.ChunkedArray] = OrderedDict()  # (file, column, row group) -> its bytes
_lock, _turns = threading.Lock(), [threading.Lock() for _ in range(4)]


def _is_empty(part: pq.ColumnChunkMetaData) -> bool:
    """Whether the footer says that there is nothing in it, as where an image is only named."""
    said = part.statistics
    return said is not None and said.has_null_count and said.null_count == part.num_values


def _kept(key: tuple, rows: Sequence[int]) -> list[bytes | None] | None:
    with _lock:
        if (column := _groups.get(key)) is None:
            return None
        _groups.move_to_end(key)
    return [column[row].as_py() for row in rows]


def _decoded(file: pq.ParquetFile, key: tuple, rows: Sequence[int]) -> list[bytes | None]:
    """The bytes in these rows of a row group, all of which is kept for the next, unless a few bytes stand for many."""
    import pyarrow as pa

    which, column, group = key
    if column not in file.schema_arrow.names:
        raise SourceError(f"{which[0]} has no column {column!r} any more: it has changed")
    batches, found, first, size = [], [], 0, 0
    for batch in rows_of(file, group, [column]):
        values = batch.column(0)
        values = values.field("bytes") if pa.types.is_struct(values.type) else values
        found += [values[row - first].as_py() for row in rows if first <= row < first + len(values)]
        first, size = first + len(values), size + values.nbytes
        if size <= KEPT:
            batches.append(values)
        else:
            batches.clear()
    if len(found) < len(rows):
        raise SourceError(f"{which[0]} has fewer rows than its footer says")
    if batches and size <= KEPT:
        with _lock:
            _groups[key] = pa.chunked_array(batches)
            while sum(kept.nbytes for kept in _groups.values()) > KEPT:
                _groups.popitem(last=False)
    return found
