"""Subsets somebody trained on and measured: a table of id, subset and metric, one row per member of a subset."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from curation.data.reading.cells import as_label
from curation.data.reading.tables import columns_of, place, read_rows
from curation.errors import InputError, SourceError

COLUMNS = ("id", "subset", "metric")
FEWEST = 5  # subsets: with fewer, leaving one out says nothing


def subsets_of(path: Path, ids: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, tuple[str, ...]]:
    """Positions of each subset's members, its metric float64 [s], and what to say of members that are not there.

    ids: object [m], of the rows that may be members. Raises InputError.
    """
    try:
        there = columns_of(path)
        if missing := [name for name in COLUMNS if name not in there]:
            raise InputError(f"{path} has no column {missing[0]!r}; it needs id, subset and metric")
        at = {id_: row for row, id_ in enumerate(ids.tolist())}
        members: dict[str, list[int]] = {}
        metric: dict[str, float] = {}
        lost = 0
        for batch in read_rows(path, COLUMNS):
            for line, *cells in zip(batch.lines, *(batch[name] for name in COLUMNS), strict=True):
                id_, name, value = str(cells[0]), as_label(cells[1]), _number(cells[2])
                if name is None or value is None:
                    raise InputError(f"{place(path, line)} has no name of a subset, or no number as its metric")
                if not math.isclose(metric.setdefault(name, value), value):
                    raise InputError(
                        f"{place(path, line)} gives the subset {name!r} the metric {value:g}, and a line before it "
                        f"gives {metric[name]:g}; a subset has one"
                    )
                own = members.setdefault(name, [])
                if id_ in at:
                    own.append(at[id_])
                else:
                    lost += 1
    except SourceError as error:
        raise InputError(str(error)) from None
    names = [name for name, own in members.items() if own]
    if len(names) < FEWEST:
        raise InputError(f"{path} holds {len(names)} subsets of these items; at least {FEWEST} are needed to learn")
    notes = (f"{lost:,} members of subsets are not among the items to choose from.",) if lost else ()
    return [np.unique(members[name]) for name in names], np.array([metric[name] for name in names]), notes


def _number(cell: object) -> float | None:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
