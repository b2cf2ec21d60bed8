"""What the items of a View hold, by position: images and texts. Both are read when asked for, and can be pickled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from curation.data.remote.location import Remote
from curation.data.remote.ranges import ahead
from curation.data.safe_open import MAX_OBJECT

if TYPE_CHECKING:
    from curation.data.items import Items


def fetch(items: Items, rows: Iterable[int]) -> None:
    """Have the images of these rows, which are about to be opened, fetched together where they lie elsewhere."""
    if isinstance(items.root, Remote):
        ahead(items.root, [place for row in rows if items.ok[row] and (place := items.place(row))], MAX_OBJECT)


class Images:
    """m images by position; decoded on access. Worker processes can share the work."""

    def __init__(self, items, rows: np.ndarray):
        self.items, self.rows = items, np.asarray(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int):
        """An upright RGB `PIL.Image`."""
        return self.decoded(position)

    def decoded(self, position: int, at_least: int | None = None):
        """An upright RGB `PIL.Image`; `at_least` as in `curation.data.images.open_image`."""
        return self.items.image(int(self.rows[position]), at_least=at_least)

    def __iter__(self) -> Iterator:
        return (self[i] for i in range(len(self)))

    def fetch(self, positions: Sequence[int]) -> None:
        """As `fetch`, by position."""
        fetch(self.items, self.rows[positions].tolist())

    def take(self, positions: np.ndarray) -> Images:
        return Images(self.items, self.rows[positions])


class TextRows:
    """m texts by position, read from the disk a block at a time."""

    BLOCK = 4096

    def __init__(self, items, rows: np.ndarray):
        self.items, self.rows = items, np.asarray(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> str:
        return self.items.text(int(self.rows[position]))

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), self.BLOCK):
            yield from self.items.texts(self.rows[start : start + self.BLOCK])

    def take(self, positions: np.ndarray) -> TextRows:
        return TextRows(self.items, self.rows[positions])
