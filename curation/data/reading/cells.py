"""Cells of foreign tables, arrays and folder names, read as Winnow's labels and splits."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from curation.data.items import TRAIN
from curation.data.reading.split_names import SPLIT_NAMES
from curation.errors import SourceError

MAX_ROWS = 2_000_000  # of one table or array file
MAX_COLUMNS = 10_000
MAX_LABEL = 1_000  # characters of a label, a class name or an id


def as_label(cell: Any) -> str | None:
    """A cell as a label: trimmed text in one Unicode form; None where it is empty. Whole floats lose their ".0".

    Raises SourceError for what is no single value, and for text too long to be one.

    >>> as_label(3.0), as_label(" cat "), as_label(""), as_label(float("nan"))
    ('3', 'cat', None, None)
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, (list, tuple, dict, set)):
        raise SourceError(f"a {type(cell).__name__} is where a single text or number should be; name another column")
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    text = str(cell).encode("utf-8", "replace").decode()  # half a surrogate pair, as JSON can hold, fits no table
    if len(text) > MAX_LABEL:
        raise SourceError(
            f"{text[:40]!r}... has {len(text):,} characters, over the limit of {MAX_LABEL:,} for a label or an id; "
            "name another column"
        )
    return unicodedata.normalize("NFC", text).strip() or None


def as_class(cell: Any, names: Sequence[str] | None) -> str | None:
    """A cell as a label where integers may stand for `names`; none for those that stand for nothing, as -1 does.

    >>> as_class(1, ["cat", "dog"]), as_class(-1, ["cat", "dog"]), as_class(1, None)
    ('dog', None, '1')
    """
    if names is not None and isinstance(cell, int):
        return as_label(names[cell]) if 0 <= cell < len(names) else None
    return as_label(cell)


def as_split(cell: Any) -> str:
    """A cell as a split; an empty one means train. Raises SourceError for a name that means none of them.

    >>> as_split("Training"), as_split("valid"), as_split(None)
    ('train', 'val', 'train')
    """
    name = as_label(cell)
    if name is None:
        return TRAIN
    if name.lower() not in SPLIT_NAMES:
        raise SourceError(f"{name!r} is not a split; expected one of: {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[name.lower()]


def numbered(names: Sequence[str]) -> list[str]:
    """The same names, later ones of equal name numbered.

    >>> numbered(["a", "b", "a"])
    ['a', 'b', 'a#2']
    """
    seen: dict[str, int] = {}
    taken, unique = set(names), []
    for name in names:
        number, free = seen.get(name, 0) + 1, name
        while number > 1 and (free := f"{name}#{number}") in taken:
            number += 1
        seen[name] = number
        taken.add(free)
        unique.append(free)
    return unique
