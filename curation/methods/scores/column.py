"""Column: a number of your own for every item, from a table.

Whatever somebody or something has said of the items already: an aesthetic score, a judge's mark, a quality, a price.
The table has the items' ids and the numbers; items it says nothing of are named, and nothing is made up for them.
`higher` says what a high number means, since every score here is high where an item is hard. Blind to what the number
does not tell.

The format: a table of ids and values, as Croissant calls a field of a record set; Akhtar, Benjelloun, Conforti et al.,
Croissant: A Metadata Format for ML-Ready Datasets, NeurIPS 2024.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.reading.tables import columns_of, place, read_rows
from curation.data.view import View
from curation.errors import InputError, SourceError

CARD = Card(
    title="A column of your own",
    cost="reads the table once",
    blind_to="what the number does not tell",
    needs=("ids",),
    tags=("brought", "label-free"),
    rows="all",
    stochastic=False,
)


def score(
    view: View,
    *,
    path: Annotated[Path, Field(description="The table: .csv, .tsv, .jsonl or .parquet.")],
    column: Annotated[str, Field(min_length=1, description="Column of the numbers.")] = "quality",
    id: Annotated[str, Field(min_length=1, description="Column of the items' ids.")] = "id",
    higher: Annotated[
        Literal["harder", "better"], Field(description="What a high number says; better is turned around.")
    ] = "harder",
) -> np.ndarray:
    """float64 [m]. Raises InputError where an item has no number.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "marks.csv"
    >>> _ = file.write_text("id,quality\\nb,2\\na,1.5\\n")
    >>> score(View.of(ids=np.array(["a", "b"], object)), path=file, higher="better")
    array([-1.5, -2. ])
    """
    found = _numbers(path, id, column)
    ids = view.ids.tolist()
    if missing := [name for name in ids if name not in found]:
        raise InputError(
            f"{path} says nothing of {len(missing):,} of {len(ids):,} items, the first is {missing[0]!r}; every item "
            "needs a row"
        )
    made = np.array([found[name] for name in ids], np.float64)
    return -made if higher == "better" else made


def _numbers(path: Path, id: str, column: str) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        there = columns_of(path)
        if missing := [name for name in (id, column) if there.count(name) != 1]:
            raise InputError(f"{path} has no column {missing[0]!r}, or two; its columns are: {', '.join(there[:20])}")
        for batch in read_rows(path, [id, column]):
            for line, name, cell in zip(batch.lines, batch[id], batch[column], strict=True):
                try:
                    value = float(cell)
                except (TypeError, ValueError):
                    value = math.nan
                if not math.isfinite(value):
                    raise InputError(f"{place(path, line)}: the column {column!r} holds {cell!r}; expected a number")
                if found.setdefault(str(name), value) != value:
                    raise InputError(f"{place(path, line)} gives the id {str(name)!r} a second number; keep one")
    except SourceError as error:
        raise InputError(str(error)) from None
    return found
