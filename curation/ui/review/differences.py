"""What the texts of a group of near duplicates do not have in common."""

from __future__ import annotations

import re

import numpy as np

from curation.data.items import Items
from curation.maths.word_diff import word_diff
from curation.ui.parts.theme import escaped

BLANKS = re.compile(r"(\s*)(.*?)(\s*)", re.DOTALL)
COMPARED = 4_000  # characters of a text that are compared and shown


def differences(items: Items, group: np.ndarray) -> list[str]:
    """The texts of a group of items as HTML, the first as it is unless there are two: what is not in the first, or in
    the other of two, is marked."""
    texts = [text[:COMPARED] + ("…" if len(text) > COMPARED else "") for text in items.texts(group)]
    first, *others = texts
    marked = [_side(first, other, "right") for other in others]
    return [_side(first, others[0], "left") if len(others) == 1 else escaped(first), *marked]


def _side(first: str, other: str, side: str) -> str:
    """One of two texts, what only it has marked."""
    parts = []
    for word, where in word_diff(first, other):
        if where == side:
            before, inside, after = BLANKS.fullmatch(word).groups()
            parts.append(f'{before}<mark class="wn-changed">{escaped(inside)}</mark>{after}' if inside else word)
        elif where == "both":
            parts.append(escaped(word))
    return "".join(parts)
