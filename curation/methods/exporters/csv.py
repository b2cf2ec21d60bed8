"""CSV: the manifest as comma-separated text, one row per item, for a spreadsheet or any program.

UTF-8, a header line, quotes only where a cell needs them, `true` and `false`, an empty cell where there is no value.
Numbers are written so that reading them gives the same number back. The same manifest gives the same bytes.

A text that a spreadsheet would run as a formula (it starts with `=`, `+`, `-`, `@`, a tab or a line end, and is no
plain number) gets an apostrophe before it, as does one that has such apostrophes already. To have it back, take one
apostrophe off the texts that start with apostrophes and one of these; `curation.data.writing.atomic.active` does.

Shafranovich, Common Format and MIME Type for CSV Files, RFC 4180, 2005 (lines end in a bare line feed here).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic, inert

CARD = Card(
    title="CSV table",
    cost="n time",
    blind_to="types: a reader has to guess what is a number; missing and empty look alike",
    tags=("table",),
    stochastic=False,
    ending=".csv",
)


def write(
    manifest: pa.Table, *, path: Annotated[Location, Field(description="The file to write, such as out/kept.csv.")]
) -> list[Path]:
    """Write the manifest [n]; returns the file. Raises InputError where it cannot be written.

    >>> import tempfile
    >>> table = pa.table({"id": ["a", "b,c"], "kept": [True, False], "rank": [1, None]})
    >>> write(table, path=Path(tempfile.mkdtemp()) / "out.csv")[0].read_text()
    'id,kept,rank\\na,true,1\\n"b,c",false,\\n'
    """
    with atomic(path) as beside, beside.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(map(inert, manifest.column_names))
        for batch in manifest.to_batches():
            writer.writerows(zip(*(map(_cell, column.to_pylist()) for column in batch.columns), strict=True))
    return [path]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return inert(value) if isinstance(value, str) else value  # None becomes an empty cell by itself
