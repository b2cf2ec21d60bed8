"""What differs between two texts, word by word: to be marked where near duplicates stand side by side."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

Side = Literal["both", "left", "right"]
PARTS = re.compile(r"\s+|[^\W_]+(?:['’][^\W_]+)*|.", re.DOTALL)  # blanks, words, and every other sign
MOST = 4_000  # parts of a text that are compared


def word_diff(left: str, right: str) -> list[tuple[str, Side]]:
    """Parts of both texts in reading order: those both have, those of the left one only, those of the right one only.

    Joined without the "right" parts they are the left text, and the other way round. Long texts are compared in their
    first 4,000 words and signs.

    >>> word_diff("pay by card.", "pay by my card")
    [('pay by ', 'both'), ('my ', 'right'), ('card', 'both'), ('.', 'left')]
    """
    a, b = PARTS.findall(left), PARTS.findall(right)
    found: list[tuple[str, Side]] = []
    matcher = SequenceMatcher(None, a[:MOST], b[:MOST], autojunk=False)
    for what, a1, a2, b1, b2 in matcher.get_opcodes():
        if what == "equal":
            found.append(("".join(a[a1:a2]), "both"))
            continue
        found += [("".join(a[a1:a2]), "left")] * (a1 < a2) + [("".join(b[b1:b2]), "right")] * (b1 < b2)
    found += [("".join(a[MOST:]), "left")] * (len(a) > MOST) + [("".join(b[MOST:]), "right")] * (len(b) > MOST)
    return found
