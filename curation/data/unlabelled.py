"""The rows a source brings without a label, before anything else of it is read: what a plan asks for first."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.data.schema import UNLABELED


@lru_cache(maxsize=8)
def unlabelled_ids(folder: Path) -> frozenset[str]:
    """Ids of the rows without a label in a folder that `Items.save` wrote. Such a folder never changes."""
    with pq.ParquetFile(folder / "items.parquet", read_dictionary=["split"]) as file:
        there = pc.equal(file.read(["split"])["split"], UNLABELED)
        return frozenset(file.read(["id"])["id"].filter(there).to_pylist() if pc.any(there).as_py() else ())
