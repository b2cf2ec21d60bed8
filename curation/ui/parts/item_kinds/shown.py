"""What items show, whatever kind they are of. One file of this folder stands for each kind.

Each has two functions: `brief(items, rows, size)`, the small look of many on tiles of `size` pixels, and
`whole(items, row, size)`, one from close by, its picture at most `size` pixels on the longer side.
"""

from __future__ import annotations

from collections.abc import Sequence

from curation.data.items import Items
from curation.ui.parts.item_kinds import chat, image, pair, text
from curation.ui.parts.item_kinds.content import Content

KINDS = {"text": text, "pair": pair, "chat": chat}  # every other kind has a picture, or nothing to show
NAMES = {"image": "images", "text": "texts", "pair": "pairs", "chat": "conversations"}


def brief(items: Items, rows: Sequence[int], size: int) -> list[Content]:
    """The small look of some items, in their order."""
    rows = [int(row) for row in rows]
    made: dict[int, Content] = {}
    of_kind: dict[str | None, list[int]] = {}
    for row in rows:
        of_kind.setdefault(items.cell("kind", row), []).append(row)
    for kind, some in of_kind.items():
        made |= zip(some, KINDS.get(kind, image).brief(items, some, size), strict=True)
    return [made[row] for row in rows]


def many(items: Items) -> str:
    """What the items are called: "texts", or "items" where they are of several kinds."""
    kinds = items.table["kind"].unique().to_pylist()
    return NAMES.get(kinds[0], "items") if len(kinds) == 1 else "items"


def whole(items: Items, row: int, size: int = 640) -> Content:
    """One item from close by."""
    return KINDS.get(items.cell("kind", row), image).whole(items, row, size)
