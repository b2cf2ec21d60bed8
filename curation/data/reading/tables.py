"""Read named columns of a csv, tsv, jsonl, txt or parquet file, a batch of rows at a time, trusting none of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.data.reading import csv_text, parquet, text_lines
from curation.data.reading.cells import MAX_COLUMNS, MAX_ROWS
from curation.data.reading.csv_text import NAMES, SEPARATORS
from curation.data.reading.text_encoding import MAX_LINE, encoding_of
from curation.data.writing.atomic import active
from curation.data.writing.manifest import COLUMNS
from curation.errors import SourceError

KINDS = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "lines", ".parquet": "parquet",
    ".pq": "parquet",
}  # fmt: skip
BATCH = 500  # rows of text files
LETTERS = 8 * 10**6  # characters of a batch, about
MAX_CELL = 32_768  # characters of one text
MAX_TEXT = 128 * 10**6  # characters of all texts together, which are held in memory


class Batch(dict[str, list[Any]]):
    """column -> cells. lines: for each row the line it starts on; in parquet, which has none, the number of the row.

    table: the file they are from.
    """

    lines: Sequence[int]
    table: Path


def columns_of(path: Path, told: Sequence[str] = ()) -> list[str]:
    """The names of the columns. told: those of a csv or tsv without a line of names. Raises SourceError."""
    with _reading(path):
        return _columns(path, _kind(path), stamp_of(path), tuple(told))


def read_rows(
    path: Path,
    names: Sequence[str],
    *,
    told: Sequence[str] = (),
    long: Collection[str] = (),
    lists: Collection[str] = (),
) -> Iterator[Batch]:
    """Batches of the columns `names`, which must be there. Cells of text files are text, "" where empty.

    told: as in `columns_of`. long: columns whose texts may be as long as a line, since the caller keeps none of them.
    lists: columns whose cells may be lists. A csv that Winnow exported gives its texts back letter for letter.
    Raises SourceError, also halfway.
    """
    rows, letters = 0, 0
    with _reading(path):
        for batch in _batches(path, _kind(path), names, tuple(told), lists):
            batch.table = path
            for name, cells in batch.items():
                if name in long:
                    continue
                lengths = [len(cell) if isinstance(cell, str) else 0 for cell in cells]
                letters += sum(lengths)
                if max(lengths, default=0) > MAX_CELL:
                    where = place(path, batch.lines[lengths.index(max(lengths))])
                    raise SourceError(
                        f"{where}: the column {name!r} holds a text of {max(lengths):,} characters, over the limit of "
                        f"{MAX_CELL:,}; name another column"
                    )
            rows += len(batch.lines)
            if rows > MAX_ROWS or letters > MAX_TEXT:
                raise SourceError(
                    f"{path} has over {MAX_ROWS:,} rows or over {MAX_TEXT:,} characters in the columns that are read, "
                    "the limits; split it"
                )
            yield batch


def place(path: Path, number: int) -> str:
    """Where a row stands, in words.

    >>> place(Path("a.csv"), 7), place(Path("a.parquet"), 7)
    ('line 7 of a.csv', 'row 7 of a.parquet')
    """
    return f"{'row' if _kind(path) == 'parquet' else 'line'} {number:,} of {path}"


def is_manifest(columns: Sequence[str]) -> bool:
    """Whether a table with these columns is one that Winnow exported."""
    return tuple(columns[: len(COLUMNS)]) == COLUMNS


def has_quotes(path: Path) -> bool:
    """Whether a cell may hold lines that follow it, where a quote was not closed."""
    return _kind(path) in SEPARATORS


def holds_text(path: Path, column: str) -> bool:
    """Whether the cells of a column are texts, and not images. Raises SourceError."""
    if column not in columns_of(path):
        return False
    if _kind(path) != "parquet":
        return True
    with _reading(path):
        kind = parquet.schema_of(path).field(column).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def holds_images(path: Path, column: str) -> bool:
    """Whether the cells of a column are images themselves, which are large. Raises SourceError."""
    if _kind(path) != "parquet":
        return False
    with _reading(path):
        kind = parquet.schema_of(path).field(column).type
    return pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def can_be_read_one_by_one(path: Path, column: str) -> bool:
    """Whether its images can be read where they lie; see `data.parquet_cells`. Raises SourceError."""
    if _kind(path) != "parquet" or column not in columns_of(path):
        return False
    with _reading(path):
        return parquet.can_be_read_one_by_one(path, column)


def stamp_of(path: Path) -> tuple[int, ...]:
    """What changes when a file is written: its number, size and time. Raises OSError."""
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


def notes_on(path: Path) -> list[str]:
    """What a person should know of how the file was read."""
    kind, notes = _kind(path), []
    if kind == "parquet":
        return []
    if not (encoding := encoding_of(path)).startswith("utf-8"):
        notes.append(
            f"{path.name} is no UTF-8 and was read as {encoding.upper()}; if letters look wrong, save it as UTF-8."
        )
    if kind in SEPARATORS and (used := csv_text.header_of(path, kind).separator) != SEPARATORS[kind][0]:
        notes.append(f"The cells of {path.name} are separated by {NAMES.get(used, repr(used))}.")
    return notes


def class_names(path: Path, column: str) -> list[str] | None:
    """The names behind integer labels, where a parquet file written by Hugging Face `datasets` carries them."""
    if _kind(path) != "parquet":
        return None
    with _reading(path):
        about = json.loads((parquet.schema_of(path).metadata or {}).get(b"huggingface", b"{}"))
    for key in ("info", "features", column):
        about = about.get(key) if isinstance(about, dict) else None
    names = about.get("names") if isinstance(about, dict) and about.get("_type") == "ClassLabel" else None
    return [str(name) for name in names] if isinstance(names, list) else None


def _kind(path: Path) -> str:
    if path.suffix.lower() not in KINDS:
        raise SourceError(f"{path} is not a table by its name; expected one of: {', '.join(KINDS)}")
    return KINDS[path.suffix.lower()]


@lru_cache(maxsize=8)
def _columns(path: Path, kind: str, stamp: tuple[int, ...], told: tuple[str, ...]) -> list[str]:
    if told and kind not in SEPARATORS:
        raise SourceError(f"columns is for a .csv or .tsv without a line of names; {path} names its own")
    if kind == "parquet":
        return parquet.schema_of(path).names
    if kind == "lines":
        return text_lines.columns_of(path)
    if kind in SEPARATORS:
        names = csv_text.header_of(path, kind, told).names
        return [active(name) for name in names] if is_manifest(names) else names
    names: dict[str, None] = {}  # writers leave empty keys out: one may come in the last row first
    for number, row in _json_rows(path):
        names.update(dict.fromkeys(row))
        if len(names) > MAX_COLUMNS:
            raise SourceError(f"line {number:,} of {path}: over {MAX_COLUMNS:,} different keys by here, the limit")
    return list(names)


def _batches(
    path: Path, kind: str, names: Sequence[str], told: Sequence[str], lists: Collection[str]
) -> Iterator[Batch]:
    if kind == "parquet":
        done = 0
        for part in parquet.batches(path, names):
            batch = Batch(part.to_pydict())
            batch.lines = range(done + 1, done + part.num_rows + 1)
            done += part.num_rows
            yield batch
        return
    if kind == "lines":
        rows = text_lines.rows_of(path, names)
    else:
        rows = _json_cells(path, names, lists) if kind == "jsonl" else _csv_cells(path, kind, names, told)
    while part := _some(rows):
        columns = zip(*(cells for _, cells in part), strict=True)
        batch = Batch(zip(names, map(list, columns), strict=True))
        batch.lines = [number for number, _ in part]
        yield batch


def _some(rows: Iterator[tuple[int, list[Any]]]) -> list[tuple[int, list[Any]]]:
    """The next rows: `BATCH`, or fewer of long texts."""
    part, letters = [], 0
    for row in islice(rows, BATCH):
        part.append(row)
        letters += sum(len(cell) for cell in row[1] if isinstance(cell, str))
        if letters > LETTERS:
            break
    return part


def _csv_cells(path: Path, kind: str, names: Sequence[str], told: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    header = csv_text.header_of(path, kind, told)
    ours, columns = is_manifest(header.names), columns_of(path, told)
    wanted = [columns.index(name) for name in names]
    for number, cells in csv_text.rows_of(path, header, exact=ours):
        yield number, [active(cells[at]) if ours else cells[at] for at in wanted]


def _json_cells(path: Path, names: Sequence[str], lists: Collection[str]) -> Iterator[tuple[int, list[Any]]]:
    for number, row in _json_rows(path):
        where = place(path, number)
        yield number, [_json_cell(row.get(name), where, name, name in lists) for name in names]


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding=encoding_of(path)) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE + 2), ""), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise SourceError(
                    f"line {number:,} of {path} is not JSON ({error.msg}); write one object per line"
                ) from None
            except (ValueError, RecursionError) as error:  # a number of a million digits; lists in lists in lists
                said = "too deep" if isinstance(error, RecursionError) else str(error).split(";")[0]
                raise SourceError(f"line {number:,} of {path} cannot be read ({said})") from None
            if not isinstance(row, dict):
                raise SourceError(f"line {number:,} of {path} is not a JSON object; expected one object per line")
            if len(row) > MAX_COLUMNS:
                raise SourceError(f"line {number:,} of {path} has {len(row):,} keys, over the limit of {MAX_COLUMNS:,}")
            yield number, row


def _json_cell(cell: Any, where: str, name: str, listed: bool) -> Any:
    """A single value, or a list of them; of an object, as Hugging Face writes images, its path."""
    if isinstance(cell, dict) and "path" in cell:
        cell = cell["path"]
    if listed and isinstance(cell, list) and not any(isinstance(part, (dict, list)) for part in cell):
        return cell
    if isinstance(cell, (dict, list)):
        raise SourceError(
            f"{where}: the column {name!r} holds a list where a single text or number should be; name another column"
        )
    return cell


class _reading:
    """Turns what pyarrow and the system say into one sentence."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, UnicodeError) or (error and "invalid UTF8" in str(error)):
            raise SourceError(f"{self.path} is not text in UTF-8; save it in that encoding") from None
        if isinstance(error, MemoryError):
            raise SourceError(f"{self.path} takes more memory to read than there is") from None
        if isinstance(error, (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, RecursionError)):
            said = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
            raise SourceError(f"{self.path} cannot be read as a table ({said.rstrip('.')})") from None
