"""Small and large pictures of items, as data URIs a page can hold.

Images of up to 64 x 64 pixels travel as they are. Up to 28, as digits have, in PNG, and the browser enlarges them
with hard edges; above, where photographs begin, in lossless WebP, enlarged smoothly. Larger ones are shrunk and sent
as WebP (3-5 kB at 112 pixels). What cannot be read becomes a drawn placeholder.
"""

from __future__ import annotations

import base64
import io
import threading

from cachetools import LRUCache
from PIL import Image

from curation.data.items import Items
from curation.errors import SourceError

TINY = 28  # pixels; up to here every pixel counts (static/gallery.js and map_card.js know the number too)
SMALL = 64  # pixels; up to here nothing is shrunk or lost
REMEMBERED = 40_000_000  # characters of thumbnails held in memory: about 8,000 of them


def thumbnail(items: Items, row: int, size: int = 112) -> str:
    """The item within a square of `size` pixels. Remembered by the item's content, so twins are made once."""
    content = items.cell("hash", row)
    if content is None:
        return _encoded(items, row, size)
    key = (content, size, repr(items.greys))  # the same file is seen otherwise in a set of deeper greys
    with _lock:
        uri = _made.get(key)
    if uri is None:
        uri = _encoded(items, row, size)
        with _lock:
            _made[key] = uri
    return uri


def large(items: Items, row: int, max_side: int = 640) -> str:
    """The item for a close look, its longer side at most `max_side` pixels. Not remembered."""
    return _encoded(items, row, max_side)


_made: LRUCache[tuple[str, int, str], str] = LRUCache(REMEMBERED, getsizeof=len)
_lock = threading.Lock()  # Streamlit runs every visitor in a thread


def _encoded(items: Items, row: int, size: int) -> str:
    try:
        image = items.image(row, at_least=size)
    except SourceError:
        return PLACEHOLDER
    buffer = io.BytesIO()
    if max(image.size) <= TINY:
        kind = "png"
        image.save(buffer, "PNG")
    elif max(image.size) <= SMALL:
        kind = "webp"
        image.save(buffer, "WEBP", lossless=True, method=0)
    else:
        kind = "webp"
        image.thumbnail((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        image.save(buffer, "WEBP", quality=78, method=0)
    return _uri(kind, buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


PLACEHOLDER = _uri(
    "svg+xml",
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 112 112" width="112" height="112" fill="none" '
    b'stroke="#8a96a3" stroke-width="3"><rect x="26" y="32" width="60" height="48" rx="5"/>'
    b'<path d="M26 70l17-16 14 12 12-10 17 16"/><path d="M20 92 92 20"/></svg>',
)
