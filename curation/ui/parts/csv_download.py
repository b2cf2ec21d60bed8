"""Tables to load, as a spreadsheet may open them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from curation.data.writing.atomic import inert


def as_csv(table: pd.DataFrame | Mapping[str, Sequence]) -> str:
    """Comma-separated text in which nothing starts a formula.

    >>> as_csv({"item": ["=1+1", "a,b"], "n": [1, 2]}).splitlines()
    ['item,n', "'=1+1,1", '"a,b",2']
    """
    frame = pd.DataFrame(table).rename(columns=inert)
    return frame.map(lambda cell: inert(cell) if isinstance(cell, str) else cell).to_csv(index=False)
