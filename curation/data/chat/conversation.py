"""A conversation as every method sees it, whatever dialect it was written in.

The record it was read from is kept letter for letter (`Items.records`): keys that Winnow does not know are in there,
and an export writes it back. See `dialects` for what is understood.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from curation.data.reading.text_checks import normalised

SYSTEM, USER, ASSISTANT, CALL, TOOL, TEXT = "system", "user", "assistant", "call", "tool", "text"
ANSWERS = (ASSISTANT, CALL, TEXT)  # what a model is trained to say; "text" is a document without a prompt


class Turn(NamedTuple):
    """One message. role: one of the constants above, or in lower case what the record says, where it is none of them.

    calls: the arguments of tool calls, JSON as the model wrote it.
    """

    role: str
    text: str
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """turns: in order, the system prompt first where there is one. images: how many the record names beside the text,
    0 where it names none. rejected: the answer that was not preferred, None where the record has no such pair."""

    turns: tuple[Turn, ...]
    images: int = 0
    rejected: str | None = None

    @property
    def system(self) -> str:
        return "\n\n".join(turn.text for turn in self.turns if turn.role == SYSTEM)

    @property
    def prompt(self) -> str:
        """Everything before the last answer, but for the system prompt; "" for a text without a prompt."""
        return "\n\n".join(turn.text for turn in self.turns[: self._last] if turn.role != SYSTEM)

    @property
    def response(self) -> str:
        """The last answer; "" where there is none."""
        return self.turns[self._last].text if self._last < len(self.turns) else ""

    @property
    def answers(self) -> list[str]:
        """All answers, in order."""
        return [turn.text for turn in self.turns if turn.role in ANSWERS]

    @property
    def text(self) -> str:
        """What is shown in a line, embedded and compared: the turns, without the system prompt.

        A system prompt is often one for all, and would make every conversation look like every other.
        """
        return "\n\n".join(turn.text for turn in self.turns if turn.role != SYSTEM)

    @property
    def exchange(self) -> str:
        """The last answer and what was said since the one before it, but for the system prompt."""
        before = [i for i in range(self._last) if self.turns[i].role in ANSWERS]
        since = self.turns[before[-1] + 1 if before else 0 : self._last + 1]
        return "\n\n".join(turn.text for turn in since if turn.role != SYSTEM)

    def part(self, turns: int) -> Conversation:
        """The conversation up to a number of turns."""
        return Conversation(self.turns[:turns], self.images, self.rejected if turns >= len(self.turns) else None)

    @cached_property
    def _last(self) -> int:
        """Position of the last answer; the number of turns where there is none."""
        return next((i for i in range(len(self.turns) - 1, -1, -1) if self.turns[i].role in ANSWERS), len(self.turns))


def content_hash(chat: Conversation) -> str:
    """Equal for conversations that say the same in the same roles, but for case, blanks and forms of letters.

    Two records that differ in their other keys alone, such as an id, are exact copies.
    """
    said = "\x1e".join(f"{turn.role}\x1f{normalised(turn.text)}" for turn in chat.turns)
    whole = f"{said}\x1d{chat.images}\x1d{normalised(chat.rejected or '')}"
    return hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=16).hexdigest()
