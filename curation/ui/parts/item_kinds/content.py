"""What an item shows: a picture, words, or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

EXCERPT = 240  # characters of a text on a tile


class Said(NamedTuple):
    """Some words. who: whose they are, such as the role of a turn; "" where they are nobody's in particular."""

    who: str
    text: str


@dataclass(frozen=True)
class Content:
    """src: data URI of the picture, "" for none. said: the words, in order. All of it is as the data has it: whoever
    draws it escapes it."""

    src: str = ""
    said: tuple[Said, ...] = ()


def excerpt(text: str, most: int = EXCERPT) -> str:
    """The beginning of a text as one paragraph, cut between words where there are any.

    >>> excerpt("to be,  or\\nnot to be", 12), excerpt("to be"), excerpt("生存还是毁灭", 4)
    ('to be, or…', 'to be', '生存还是…')
    """
    whole = " ".join(text[: 4 * most].split())  # of 10 MB, no more than can be shown is looked at
    if len(whole) <= most:
        return whole + "…" if len(text) > 4 * most else whole
    cut = whole[:most]
    if whole[most] != " " and " " in cut[most // 2 :]:
        cut = cut[: cut.rindex(" ")]
    return f"{cut.rstrip()}…"
