"""Image-text pairs as they are read: what is known of the image and of the caption, as one.

Two pairs are exact duplicates when both their images and their captions are equal; pairs that share an image and not
the caption are kept together in folds and in the hold-out. A pair without its image, or without its caption, stays an
item with the reason as its status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from curation.data.items import OK, Items
from curation.data.reading.image_checks import content_hash
from curation.data.reading.text_checks import examine_text
from curation.errors import SourceError

SAMPLE = 200  # images that are looked at for white bars
SIDE = 64  # pixels of the shorter side they are looked at in
WHITE = 250  # of 255; JPEG leaves white not quite white
SHARE = 0.1  # of the images looked at, from which on it is said


def as_pairs(images: Mapping[str, Any], texts: Sequence[str | None], ids: Sequence[str]) -> dict[str, Any]:
    """What `make_items` takes of n pairs: what it takes of their images (`image_checks.as_columns`), their captions,
    and which pairs share an image."""
    first: dict[str, str] = {}
    status, hashes, captions, parents = [], [], [], []
    for said, image, text, id_ in zip(images["status"], images["hashes"], texts, ids, strict=True):
        caption, facts = examine_text(text)
        if said == OK:
            said = facts.status.replace("the text is", "the caption is")
        parent = first.setdefault(image, id_) if image else id_
        status.append(said)
        captions.append(caption)
        hashes.append(content_hash(f"{image} {facts.hash}".encode()) if image else None)
        parents.append(None if parent == id_ else parent)
    return {**images, "status": status, "hashes": hashes, "written": captions, "parents": parents}


def bars_note(items: Items) -> list[str]:
    """A sentence where white bars stand beside the pictures, as img2dataset adds them; a sample is looked at."""
    rows = np.flatnonzero(items.ok)
    looked = rows[np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(int))]
    barred = 0
    for row in looked.tolist():
        try:
            barred += has_bars(np.asarray(items.image(row, at_least=SIDE).convert("L")))
        except SourceError:  # it was read a moment ago: what has become of it is said by whoever needs it
            continue
    if barred < SHARE * len(looked):
        return []
    return [
        f"{barred:,} of {len(looked):,} images looked at have white bars on two sides, as img2dataset adds by default. "
        "They make unlike images look alike to an encoder; write the images again with resize_mode=keep_ratio."
    ]


def has_bars(grey: np.ndarray) -> bool:
    """Whether two opposite sides of an image, uint8 [h, w], are white bars of about one width, and the others are not.

    >>> picture = np.full((30, 30), 90, np.uint8)
    >>> has_bars(picture), has_bars(np.pad(picture, ((0, 0), (6, 6)), constant_values=255))
    (False, True)
    """
    white = [_white(grey, axis) for axis in (0, 1)]
    for (start, end), (other_start, other_end), side in zip(white, white[::-1], grey.shape, strict=True):
        even = abs(start - end) <= 1 + side // 50
        if min(start, end) >= max(1, side // 30) and even and start + end < side and not other_start and not other_end:
            return True
    return False


def _white(grey: np.ndarray, axis: int) -> tuple[int, int]:
    """How many rows (axis 0) or columns (axis 1) from the start and from the end are white."""
    coloured = np.flatnonzero((grey < WHITE).any(axis=1 - axis))
    return (int(coloured[0]), grey.shape[axis] - 1 - int(coloured[-1])) if len(coloured) else (0, 0)
