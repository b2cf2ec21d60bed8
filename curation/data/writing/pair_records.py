"""Records of image-text pairs back into the files they came from: the same records, fewer of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_records(path: Path, form: str, records: Iterable[str], more: Mapping[int, Mapping[str, Any]]) -> None:
    """Write JSON records as an array (json), one a line (jsonl), annotations, or a table (csv, tsv, parquet).

    more: number of a record -> what JSON could not hold of it, such as the bytes of its image.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "parquet":
        rows = [json.loads(text) | dict(more.get(number, {})) for number, text in enumerate(records)]
        pq.write_table(pa.Table.from_pylist(rows), path)
        return
    with path.open("w", encoding="utf-8", newline="") as out:
        if form in ("csv", "tsv"):
            _table(out, form, records)
        elif form == "jsonl":
            out.writelines(f"{text.replace(chr(10), ' ')}\n" for text in records)
        else:
            out.write('{"annotations": [' if form == "annotations" else "[")
            for number, text in enumerate(records):
                out.write((",\n" if number else "\n") + text)
            out.write("\n]}\n" if form == "annotations" else "\n]\n")


def _table(out: Any, form: str, records: Iterable[str]) -> None:
    writer = None
    for text in records:
        record = json.loads(text)
        if writer is None:
            writer = csv.DictWriter(out, list(record), delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
            writer.writeheader()
        writer.writerow(record)
