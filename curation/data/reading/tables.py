"""Read named columns of a csv, tsv, jsonl or parquet file, a batch of rows at a time, without trusting any of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv

from curation.data.reading import parquet
from curation.data.reading.cells import MAX_ROWS
from curation.data.reading.parquet import MAX_COLUMNS
from curation.data.reading.text_encoding import MAX_LINE, encoding_of
from curation.errors import SourceError

KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
BATCH = 500  # rows of jsonl
BLOCK = 16 * 1024**2  # bytes of csv read at a time; no row may be longer
MAX_CELL = 32_768  # characters of one text
MAX_TEXT = 128 * 10**6  # characters of all texts together, which are held in memory

Batch = dict[str, list[Any]]  # column -> cells


def columns_of(path: Path) -> list[str]:
    """The names of the columns. Raises SourceError."""
    kind = _kind(path)
    with _reading(path):
        if kind == "parquet":
            return parquet.schema_of(path).names
        if kind == "jsonl":
            return list(dict.fromkeys(key for row in islice(_json_rows(path), 100) for key in row))
        with _open_csv(path, kind) as reader:
            return reader.schema.names


def read_rows(path: Path, names: Sequence[str]) -> Iterator[Batch]:
    """Batches of the columns `names`, which must be there. Cells of text files are text, "" where empty.

    Raises SourceError, also halfway.
    """
    rows, letters = 0, 0
    with _reading(path):
        for batch in _batches(path, _kind(path), names):
            for name, cells in batch.items():
                lengths = [len(cell) for cell in cells if isinstance(cell, str)]
                letters += sum(lengths)
                if max(lengths, default=0) > MAX_CELL:
                    raise SourceError(
                        f"the column {name!r} of {path} holds a text of {max(lengths):,} characters, over the limit of "
                        f"{MAX_CELL:,}; name another column"
                    )
            rows += max(map(len, batch.values()), default=0)
            if rows > MAX_ROWS or letters > MAX_TEXT:
                raise SourceError(
                    f"{path} has over {MAX_ROWS:,} rows or over {MAX_TEXT:,} characters in the columns that are read, "
                    "the limits; split it"
                )
            yield batch


def notes_on(path: Path) -> list[str]:
    """What a person should know of how the file was read."""
    if _kind(path) == "parquet" or (encoding := encoding_of(path)).startswith("utf-8"):
        return []
    return [f"{path.name} is no UTF-8 and was read as {encoding.upper()}; if letters look wrong, save it as UTF-8."]


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


def _batches(path: Path, kind: str, names: Sequence[str]) -> Iterator[Batch]:
    if kind == "jsonl":
        rows = _json_rows(path)
        while part := [[_json_cell(row.get(name), path) for name in names] for row in islice(rows, BATCH)]:
            yield dict(zip(names, map(list, zip(*part, strict=True)), strict=True))
    elif kind == "parquet":
        yield from (batch.to_pydict() for batch in parquet.batches(path, names))
    else:
        with _open_csv(path, kind, names) as reader:  # closed, it reads no further ahead
            yield from (batch.to_pydict() for batch in reader)


def _open_csv(path: Path, kind: str, names: Sequence[str] | None = None) -> csv.CSVStreamingReader:
    encoding, mark = encoding_of(path), "\t" if kind == "tsv" else ","
    with path.open(encoding=encoding) as lines:
        if (count := lines.readline(MAX_LINE).count(mark) + 1) > MAX_COLUMNS:
            raise SourceError(f"{path} has {count:,} columns, over the limit of {MAX_COLUMNS:,}")
    convert = {}
    if names is not None:  # as text, so that a label "007" or "NA" stays what it is
        convert = {"include_columns": list(names), "column_types": dict.fromkeys(names, pa.string())}
    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=BLOCK, encoding="utf8" if encoding.startswith("utf-8") else encoding),
        parse_options=csv.ParseOptions(delimiter=mark, newlines_in_values=True),
        convert_options=csv.ConvertOptions(**convert),
    )


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding=encoding_of(path)) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE + 2), ""), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise SourceError(f"line {number:,} of {path} is not JSON ({error.msg})") from None
            except (ValueError, RecursionError) as error:  # a number of a million digits; lists in lists in lists
                said = "too deep" if isinstance(error, RecursionError) else str(error).split(";")[0]
                raise SourceError(f"line {number:,} of {path} cannot be read ({said})") from None
            if not isinstance(row, dict):
                raise SourceError(f"line {number:,} of {path} is not a JSON object; expected one object per line")
            if len(row) > MAX_COLUMNS:
                raise SourceError(f"line {number:,} of {path} has {len(row):,} keys, over the limit of {MAX_COLUMNS:,}")
            yield row


def _json_cell(cell: Any, path: Path) -> Any:
    """A single value; of an object, as Hugging Face writes images, its path."""
    if isinstance(cell, dict) and "path" in cell:
        cell = cell["path"]
    if isinstance(cell, (dict, list)):
        raise SourceError(f"{path} holds a list where a single text or number should be; name another column")
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
