"""Read named columns of a csv, tsv, jsonl or parquet file, a batch of rows at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from curation.errors import SourceError

KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet"}
BATCH = 500  # rows; images in a parquet column are held in memory this many at a time
BLOCK = 16 * 1024**2  # bytes of text read at a time; no row may be longer

Batch = dict[str, list[Any]]  # column -> cells


def columns_of(path: Path) -> list[str]:
    """The names of the columns. Raises SourceError."""
    kind = _kind(path)
    with _reading(path):
        if kind == "parquet":
            return pq.ParquetFile(path).schema_arrow.names
        if kind == "jsonl":
            return list(dict.fromkeys(key for row in islice(_json_rows(path), 100) for key in row))
        return _open_csv(path, kind).schema.names


def read_rows(path: Path, names: Sequence[str]) -> Iterator[Batch]:
    """Batches of the columns `names`, which must be there. Cells of text files are text, "" where empty.

    Raises SourceError, also halfway.
    """
    kind = _kind(path)
    with _reading(path):
        if kind == "parquet":
            for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH, columns=list(names)):
                yield batch.to_pydict()
        elif kind == "jsonl":
            rows = _json_rows(path)
            while part := list(islice(rows, BATCH)):
                yield {name: [row.get(name) for row in part] for name in names}
        else:
            for batch in _open_csv(path, kind, names):
                yield batch.to_pydict()


def class_names(path: Path, column: str) -> list[str] | None:
    """The names behind integer labels, where a parquet file written by Hugging Face `datasets` carries them."""
    if _kind(path) != "parquet":
        return None
    with _reading(path):
        about = json.loads((pq.ParquetFile(path).schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
    feature = about.get("info", {}).get("features", {}).get(column, {})
    return feature.get("names") if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" else None


def _kind(path: Path) -> str:
    if path.suffix.lower() not in KINDS:
        raise SourceError(f"{path} is not a table by its name; expected one of: {', '.join(KINDS)}")
    return KINDS[path.suffix.lower()]


def _open_csv(path: Path, kind: str, names: Sequence[str] | None = None) -> csv.CSVStreamingReader:
    convert = {}
    if names is not None:  # as text, so that a label "007" or "NA" stays what it is
        convert = {"include_columns": list(names), "column_types": dict.fromkeys(names, pa.string())}
    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=BLOCK),
        parse_options=csv.ParseOptions(delimiter="\t" if kind == "tsv" else ",", newlines_in_values=True),
        convert_options=csv.ConvertOptions(**convert),
    )


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise SourceError(f"line {number:,} of {path} is not JSON ({error.msg})") from None
            if not isinstance(row, dict):
                raise SourceError(f"line {number:,} of {path} is not a JSON object; expected one object per line")
            yield row


class _reading:
    """Turns what pyarrow and the system say into one sentence."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, UnicodeDecodeError) or (error and "invalid UTF8" in str(error)):
            raise SourceError(f"{self.path} is not text in UTF-8; save it in that encoding") from None
        if isinstance(error, (pa.ArrowException, OSError)):
            said = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
            raise SourceError(f"{self.path} cannot be read as a table ({said})") from None
