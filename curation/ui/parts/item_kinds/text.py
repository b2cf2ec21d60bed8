"""A text: its beginning, and the text itself."""

from __future__ import annotations

from collections.abc import Sequence

from curation.data.items import Items
from curation.ui.parts.item_kinds.content import Content, Said, excerpt


def brief(items: Items, rows: Sequence[int], size: int) -> list[Content]:
    return [Content(said=(Said("", excerpt(text)),)) for text in items.texts(rows)]


def whole(items: Items, row: int, size: int) -> Content:
    return Content(said=(Said("", items.text(row)),))
