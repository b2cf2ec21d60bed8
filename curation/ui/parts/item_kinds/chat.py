"""A conversation: its first question and its last answer, and all its turns."""

from __future__ import annotations

from collections.abc import Sequence

from curation.data.chat.rows import conversations, turns_of
from curation.data.items import Items
from curation.ui.parts.item_kinds.content import EXCERPT, Content, Said, excerpt


def brief(items: Items, rows: Sequence[int], size: int) -> list[Content]:
    found = []
    for chat in conversations(items, rows):
        asked = [turn for turn in chat.turns if turn.role == "user"][:1]
        answered = [turn for turn in chat.turns if turn.role != "user"][-1:]
        shown = [*asked, *answered] or list(chat.turns[:1])
        found.append(Content(said=tuple(Said(turn.role, excerpt(turn.text, EXCERPT // 2)) for turn in shown)))
    return found


def whole(items: Items, row: int, size: int) -> Content:
    return Content(said=tuple(Said(role, text) for role, text in turns_of(items, row)))
