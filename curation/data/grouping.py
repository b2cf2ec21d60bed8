"""What must stay together: exact copies, items of one group (a patient, a video), and items of one parent.

Folds, the hold-out and the checks for leaks never split a group. A person names the groups in a recipe:

    group = "folder"        the innermost folder the file lies in
    group = "prefix:_"      the file name up to the first "_"
    group = "patient"       a column of that name, where the source has columns; "column:folder" for one called "folder"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from curation.errors import SourceError

if TYPE_CHECKING:
    from curation.data.items import Items

FOLDER, PREFIX, COLUMN = "folder", "prefix:", "column:"


def column_named(group: str) -> str | None:
    """The column a `group` of a recipe names; None where it names none.

    >>> column_named("patient"), column_named("column:folder"), column_named("folder"), column_named("prefix:_")
    ('patient', 'folder', None, None)
    """
    if not group or group == FOLDER or group.startswith(PREFIX):
        return None
    return group.removeprefix(COLUMN)


def by_name(group: str, names: Sequence[str | None]) -> list[str | None]:
    """The group of every item by its posix path; None for one that has no path, or lies in no folder.

    Raises SourceError where the separator is missing or none of the names says anything.

    >>> by_name("prefix:_", ["cat/p1_1.png", "dog/p1_2.png", "dog/p2.png"])
    ['p1', 'p1', 'p2']
    >>> by_name("folder", ["cat/p1/1.png", "2.png"])
    ['p1', None]
    """
    paths = [None if name is None else PurePosixPath(name) for name in names]
    if group == FOLDER:
        found = [(path and path.parent.name) or None for path in paths]
    elif separator := group.removeprefix(PREFIX):
        found = [path and (path.stem.partition(separator)[0] or path.stem) for path in paths]
    else:
        raise SourceError('group = "prefix:": the separator is missing; write it behind the colon, as in "prefix:_"')
    if not any(found):
        raise SourceError(
            f"group = {group!r}: the items of this source have no file names to take it from; name a column"
        )
    return found


def with_groups(items: Items, group: str) -> Items:
    """Items with their groups, where the source has not filled them in from a column. Raises SourceError."""
    if not group or items.table["group"].null_count < len(items):
        return items
    if (column := column_named(group)) is not None:
        raise SourceError(
            f"group = {group!r}: this source has no column {column!r}; expected {FOLDER!r} or a separator, as in "
            f'"{PREFIX}_"'
        )
    found = by_name(group, items.column("path" if items.root else "id"))
    return replace(items, table=items.set_column("group", found), notes=(*items.notes, grouped_note(found)))


def grouped_note(groups: Sequence[str | None]) -> str:
    """What a person should know of the groups that were read. Raises SourceError where they divide nothing."""
    counts = Counter(name for name in groups if name is not None)
    if not counts:
        raise SourceError("no item has a group: what `group` names is empty in every row; choose another")
    (largest, most), together = counts.most_common(1)[0], counts.total()
    if most == len(groups):
        raise SourceError(
            f"all {len(groups):,} items are one group, {largest!r}, and a group is never divided; choose another"
        )
    alone = f"; {len(groups) - together:,} items have no group and stand alone" if together < len(groups) else ""
    return (
        f"{together:,} items are in {len(counts):,} groups, the largest is {largest!r} with {most:,}{alone}. "
        "A group is never divided between folds, train and test."
    )


def alone(numbers: np.ndarray, column: pa.ChunkedArray) -> np.ndarray:
    """The same numbers, with one of its own for every row that `column` says nothing of."""
    missing = column.is_null().to_numpy()
    numbers = numbers.copy()
    numbers[missing] = numbers.max(initial=0) + 1 + np.arange(missing.sum())
    return numbers


def connected(*columns: np.ndarray) -> np.ndarray:
    """int64 [n]: equal numbers for rows that are connected by equal values in any column, directly or through others.

    columns: int64 [n] each.

    >>> connected(np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7])).tolist()
    [0, 0, 0, 1]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(columns[0])
    ends = [np.unique(column, return_inverse=True)[1] for column in columns]
    starts = np.cumsum([n, *(int(end.max(initial=-1)) + 1 for end in ends)])
    a = np.tile(np.arange(n), len(ends))
    b = np.concatenate([end + start for end, start in zip(ends, starts[:-1], strict=True)])
    edges = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(starts[-1], starts[-1]))
    return connected_components(edges, directed=False)[1][:n].astype(np.int64)
