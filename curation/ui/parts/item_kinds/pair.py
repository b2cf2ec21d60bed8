"""An image and the text that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

from curation.data.items import Items
from curation.ui.parts.item_kinds import image, text
from curation.ui.parts.item_kinds.content import Content


def brief(items: Items, rows: Sequence[int], size: int) -> list[Content]:
    both = zip(image.brief(items, rows, size), text.brief(items, rows, size), strict=True)
    return [Content(picture.src, words.said) for picture, words in both]


def whole(items: Items, row: int, size: int) -> Content:
    return Content(image.whole(items, row, size).src, text.whole(items, row, size).said)
