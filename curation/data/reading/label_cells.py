"""Labels of a table, which may be several for one item: a list, a text with separators, or a column for every class.

Winnow's methods work with one label per item. Where every item turns out to have one, it is read as such; otherwise
the labels are kept as they are, in the column `labels`, and the items count as unlabelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curation.data.reading.cells import as_class
from curation.errors import SourceError

YES = {"1", "1.0", "true", "yes", "x"}
NO = {"", "0", "0.0", "false", "no"}


@dataclass(frozen=True)
class Labels:
    """single: one label or None for every item. several: all labels of every item, None where each has one at most.

    notes: sentences for a person.
    """

    single: list[str | None]
    several: list[list[str] | None] | None = None
    notes: tuple[str, ...] = ()


def labels_of(found: Sequence[list[str] | None]) -> Labels:
    """Labels from all that each item has; None = nobody looked.

    >>> labels_of([["a"], None]).single, labels_of([["a", "b"], []]).several
    (['a', None], [['a', 'b'], []])
    """
    most = max((len(labels) for labels in found if labels), default=0)
    if most > 1:
        many = sum(len(labels) > 1 for labels in found if labels)
        said = (
            f"{many:,} of {len(found):,} items have several labels, so no item was given one: the data can be seen, "
            "searched, mapped and cleared of duplicates, but methods that need one label per item cannot use it."
        )
        return Labels([None] * len(found), list(found), (said,))
    return Labels([labels[0] if labels else None for labels in found])


def in_cell(cell: Any, names: Sequence[str] | None, separator: str) -> list[str] | None:
    """All labels of one cell, each once; None where the cell is empty. Raises SourceError.

    >>> in_cell(["b", "a", "b"], None, ""), in_cell("a; b", None, ";"), in_cell("", None, ";"), in_cell([], None, "")
    (['b', 'a'], ['a', 'b'], None, [])
    """
    if separator and isinstance(cell, str):
        cell = cell.split(separator) if cell.strip() else None
    if not isinstance(cell, list):
        label = as_class(cell, names)
        return None if label is None else [label]
    labels = (as_class(part, names) for part in cell)
    return list(dict.fromkeys(label for label in labels if label is not None))


def is_on(cell: Any) -> bool:
    """Whether a cell of a column that stands for a class says yes. Raises SourceError.

    >>> is_on("1"), is_on(False), is_on(None)
    (True, False, False)
    """
    said = "" if cell is None else str(cell).strip().lower()
    if said not in YES | NO:
        raise SourceError(f"{str(cell)[:30]!r} where a column for one class must say 1 or 0")
    return said in YES
