"""The conversations of items, read from the records they came from, a block at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curation.data.chat.conversation import Conversation
from curation.data.chat.dialects import read
from curation.errors import SourceError

if TYPE_CHECKING:
    from curation.data.items import Items

KIND = "chat"
_EMPTY = Conversation(())


def is_chat(items: Items) -> bool:
    """Whether the items are conversations."""
    return items.records is not None and not items.has_images


def turns_of(items: Items, row: int) -> list[tuple[str, str]]:
    """(role, text) of every turn of an item, for a page; roles are system, user, assistant, call, tool or text."""
    return [(turn.role, turn.text) for turn in conversations(items, [row])[0].turns]


def conversations(items: Items, rows: Sequence[int] | np.ndarray) -> list[Conversation]:
    """The conversations of these items; one without turns where the record cannot be read.

    Raises SourceError where the items are none.
    """
    turns = items.column("turns")
    found = []
    for row, record in zip(rows, records(items, rows), strict=True):
        chat = _EMPTY if record is None or not items.ok[row] else read(record)
        found.append(chat if np.isnan(turns[row] or np.nan) else chat.part(int(turns[row])))
    return found


def letters(items: Items, rows: Sequence[int] | np.ndarray) -> list[str | None]:
    """The records of these items as they stood in their file."""
    if items.records is None:
        raise SourceError("these items are no conversations; read them with the source chat")
    at = np.asarray(items.column("record")[np.asarray(rows, np.int64)], np.int64)
    taken = items.records
    return [taken[i] for i in at] if isinstance(taken, list) else taken.take(at)


def records(items: Items, rows: Sequence[int] | np.ndarray) -> list[dict[str, Any] | None]:
    """The same as objects; None where one cannot be read."""
    usable = items.ok[np.asarray(rows, np.int64)]
    return [
        json.loads(text) if sound and text else None for text, sound in zip(letters(items, rows), usable, strict=True)
    ]


class Conversations:
    """m conversations by position, read from the disk a block at a time."""

    BLOCK = 2048

    def __init__(self, items: Items, rows: np.ndarray):
        self.items, self.rows = items, np.asarray(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Conversation:
        return conversations(self.items, self.rows[[position]])[0]

    def __iter__(self) -> Iterator[Conversation]:
        for start in range(0, len(self), self.BLOCK):
            yield from conversations(self.items, self.rows[start : start + self.BLOCK])

    def take(self, positions: np.ndarray) -> Conversations:
        return Conversations(self.items, self.rows[positions])


class Responses:
    """What is learnt from m items, by position: the answers of a conversation, the text of any other item."""

    def __init__(self, content):
        """content: `Conversations` or `TextRows`."""
        self.content = content

    def __len__(self) -> int:
        return len(self.content)

    def __iter__(self) -> Iterator[str]:
        return ("\n\n".join(c.answers) if isinstance(c, Conversation) else c for c in self.content)

    def take(self, positions: np.ndarray) -> Responses:
        return Responses(self.content.take(positions))
