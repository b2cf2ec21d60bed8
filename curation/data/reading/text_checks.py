"""Examine texts as they are read: size, hash of what they say, and whether they can be used at all.

Two texts that differ only in case, blanks or Unicode's compatible forms have equal hashes: they are exact duplicates
for every flag, for the folds and for the hold-out.
"""

from __future__ import annotations

import unicodedata

from curation.data.reading.image_checks import Facts, content_hash

MAX_BYTES = 1_000_000  # of one text in UTF-8; a longer one is no text to embed, and nothing is cut silently


def examine_text(text: str | None) -> tuple[str | None, Facts]:
    """The text as it is stored, and its facts; None where there is nothing to store, with the reason as its status.

    >>> examine_text("  Hello  ")[1].hash == examine_text("HELLO")[1].hash
    True
    >>> examine_text(" ")[1].status, examine_text("x" * 2_000_000)[1].status
    ('the text is empty', 'too long: 2,000,000 bytes, over the limit of 1,000,000')
    """
    if text is None or not text.strip("\ufeff\0 \t\r\n"):
        return None, Facts(size=0, status="the text is empty")
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        return None, Facts(size=len(data), status=f"too long: {len(data):,} bytes, over the limit of {MAX_BYTES:,}")
    plain = normalised(text)
    if not plain:
        return None, Facts(size=len(data), status="the text is empty")
    return text, Facts(size=len(data), hash=content_hash(plain.encode("utf-8", "replace")))


def normalised(text: str) -> str:
    """What a text says, without case, blanks around and repeated, and compatible forms of the same letter.

    >>> normalised("\\ufeffﬁne \\r\\n  Day")
    'fine day'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\ufeff", "")
    return " ".join(text.casefold().split())
