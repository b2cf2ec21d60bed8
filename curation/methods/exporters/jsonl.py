"""JSON lines: the manifest as one JSON object per line, one line per item, for scripts and streaming readers.

UTF-8, keys in the manifest's order, null where there is no value. The same manifest gives the same bytes.

Ward, JSON Lines, jsonlines.org, 2013; Bray, The JavaScript Object Notation Data Interchange Format, RFC 8259, 2017.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic

CARD = Card(
    title="JSON lines",
    cost="n time",
    blind_to="images: only what is known about them is written",
    tags=("table",),
    stochastic=False,
    ending=".jsonl",
)


def write(
    manifest: pa.Table, *, path: Annotated[Location, Field(description="The file to write, such as out/kept.jsonl.")]
) -> list[Path]:
    """Write the manifest [n]; returns the file. Raises InputError where it cannot be written.

    >>> import tempfile
    >>> table = pa.table({"id": ["a"], "kept": [True], "rank": pa.array([None], pa.int32())})
    >>> write(table, path=Path(tempfile.mkdtemp()) / "out.jsonl")[0].read_text()
    '{"id": "a", "kept": true, "rank": null}\\n'
    """
    with atomic(path) as beside, beside.open("w", encoding="utf-8", newline="") as out:
        for batch in manifest.to_batches():
            for row in batch.to_pylist():
                out.write(json.dumps({name: _value(v) for name, v in row.items()}, ensure_ascii=False) + "\n")
    return [path]


def _value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value  # JSON has no NaN
