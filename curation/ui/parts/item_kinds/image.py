"""An image: its thumbnail, and the image itself. Items of no kind, which bring features only, get a placeholder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from curation.data.items import Items
from curation.ui.parts.item_kinds.content import Content
from curation.ui.parts.thumbnails import large, thumbnail

_decoders = ThreadPoolExecutor(4, thread_name_prefix="thumbnails")  # decoding leaves the interpreter free


def brief(items: Items, rows: Sequence[int], size: int) -> list[Content]:
    return list(_decoders.map(lambda row: Content(thumbnail(items, row, size)), rows))


def whole(items: Items, row: int, size: int) -> Content:
    return Content(large(items, row, size))
