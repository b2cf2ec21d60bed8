"""Parquet: the manifest as a typed, compressed table, for pandas, polars, DuckDB, Spark and the like.

Types are kept: text, booleans, 32-bit ranks, 64-bit floats, null where there is no value. The same manifest gives the
same bytes, under the same version of pyarrow.

Apache Parquet, parquet.apache.org, 2013.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from curation.card import Card
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic

CARD = Card(
    title="Parquet table",
    cost="n time",
    blind_to="images: only what is known about them is written",
    tags=("table",),
    stochastic=False,
    ending=".parquet",
)


def write(
    manifest: pa.Table, *, path: Annotated[Location, Field(description="The file to write, such as out/kept.parquet.")]
) -> list[Path]:
    """Write the manifest [n]; returns the file. Raises InputError where it cannot be written.

    >>> import tempfile
    >>> table = pa.table({"id": ["a"], "kept": [True]})
    >>> pq.read_table(write(table, path=Path(tempfile.mkdtemp()) / "out.parquet")[0]).to_pylist()
    [{'id': 'a', 'kept': True}]
    """
    with atomic(path) as beside:
        pq.write_table(manifest, beside, compression="zstd")
    return [path]
