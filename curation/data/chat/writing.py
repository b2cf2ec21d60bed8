"""Conversations back into a file: as they were read, letter for letter, or in another dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.chat.dialects import cut, read, write
from curation.data.chat.rows import letters
from curation.data.items import Items
from curation.errors import InputError

AS_READ = "as read"
_BLOCK = 2048  # records held at once
_SHOWN = 3  # conversations named in a refusal


def write_records(items: Items, rows: np.ndarray, path: Path, dialect: str = AS_READ, *, array: bool = False) -> None:
    """rows: int64 item rows, ascending. array: one JSON array, else a record on every line.

    Where items are single answers, a conversation is written up to the first answer that is not among `rows`.
    Raises InputError, naming the first of them, for conversations that cannot be said in `dialect`.
    """
    refused: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write("[\n" if array else "")
        for number, text in enumerate(_texts(items, rows, dialect, refused)):
            out.write((",\n" if number else "") + text if array else _one_line(text) + "\n")
        out.write("\n]\n" if array else "")
    if refused:
        first = "; ".join(refused[:_SHOWN])
        raise InputError(
            f"{len(refused):,} conversations cannot be written as {dialect}, the first are {first}; choose messages or "
            "sharegpt, or write them as read"
        )


def _texts(items: Items, rows: np.ndarray, dialect: str, refused: list[str]) -> Iterator[str]:
    wanted = _wanted(items, rows)
    ids = items.column("id")
    for start in range(0, len(wanted), _BLOCK):
        block = wanted[start : start + _BLOCK]
        for (row, turns), text in zip(block, letters(items, [row for row, _ in block]), strict=True):
            if dialect == AS_READ:
                yield text if turns is None else _shortened(text, turns)
                continue
            record = json.loads(text)
            chat = read(record)
            try:
                made = write(chat if turns is None else chat.part(turns), dialect)
            except ValueError as why:
                refused.append(f"{ids[row]!r} ({why})")
                continue
            yield _json(({"id": record["id"]} if "id" in record else {}) | made)


def _wanted(items: Items, rows: np.ndarray) -> list[tuple[int, int | None]]:
    """(an item, how many turns of its conversation to write, None for all) for every conversation that is written."""
    turns = items.column("turns")
    if np.isnan(np.asarray(turns, float)).all():
        return [(int(row), None) for row in rows]
    of, kept = items.column("record"), np.zeros(len(items), bool)
    kept[rows] = True
    found: list[tuple[int, int | None]] = []
    usable = np.flatnonzero(items.ok)
    starts = np.flatnonzero(np.diff(of[usable], prepend=-1))  # the answers of one conversation are neighbours
    for members in np.split(usable, starts[1:]):
        first_lost = np.flatnonzero(~kept[members])
        if not len(first_lost):
            found.append((int(members[0]), None))
        elif first_lost[0]:
            last = members[first_lost[0] - 1]
            found.append((int(last), int(turns[last])))
    return found


def _shortened(text: str, turns: int) -> str:
    return _json(cut(json.loads(text), turns))


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _one_line(text: str) -> str:
    """In JSON a line ends between two parts only, never in a text."""
    return text.replace("\r", " ").replace("\n", " ")
