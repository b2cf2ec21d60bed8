"""What the exporters share: which rows leave, in which order, and an item as an encoded image."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from PIL import Image

from curation.data.contents import fetch
from curation.data.items import Items, natural_order
from curation.data.safe_open import real_name
from curation.errors import InputError, SourceError

AHEAD = 64  # items that are fetched together, where they lie elsewhere


def in_turn(items: Items, rows: Sequence[int]) -> Iterator[int]:
    """The rows one by one; the images of some are fetched together before they are opened."""
    for start in range(0, len(rows), AHEAD):
        some = rows[start : start + AHEAD]
        fetch(items, some)
        yield from some


def kept_rows(manifest: pa.Table, split: str | None = None) -> np.ndarray:
    """int64 rows that are kept (of one split): ranked ones first, in the order taken, then the rest in input order.

    >>> table = pa.table({"kept": [True, True, True], "rank": [None, 2, 1], "split": ["test", "train", "train"]})
    >>> kept_rows(table).tolist(), kept_rows(table, "test").tolist()
    ([2, 1, 0], [0])
    """
    kept = manifest["kept"].to_numpy(zero_copy_only=False).astype(bool)
    if split is not None:
        kept &= manifest["split"].to_numpy(zero_copy_only=False) == split
    rows = np.flatnonzero(kept)
    rank = manifest["rank"].cast(pa.float64()).to_numpy(zero_copy_only=False)[rows]  # missing ranks become NaN
    return rows[np.argsort(rank, kind="stable")]  # and NaN sorts last


def class_list(manifest: pa.Table, items: Items) -> list[str]:
    """The source's classes, then those a person added."""
    added = set(manifest["label"].unique().to_pylist()) - {None, *items.classes}
    return [*items.classes, *natural_order(added)]


def encoded(items: Items, row: int) -> bytes:
    """The image as the source stored it; a PNG where it is a row of an array."""
    if items.images is not None:
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(items.images[row])).save(out, "PNG")  # grey stays grey
        return out.getvalue()
    with stored(items, row) as handle:
        return handle.read()


@contextlib.contextmanager
def stored(items: Items, row: int) -> Iterator[BinaryIO]:
    """The file of an item, open. Raises InputError where it is gone, or was replaced by a link that leads away."""
    try:
        handle = items.open(row)
    except SourceError as problem:
        file = items.column("container")[row] or items.column("path")[row]
        raise InputError(f"{items.root / file}: {problem}; run the source again") from None
    with handle:
        yield handle


def put_image(items: Items, row: int, target: Path, how: str) -> None:
    """Write the file of an item to `target`. how: "copy", or "link" for a hard link. Raises InputError."""
    with stored(items, row) as source:
        if how == "copy":
            with target.open("wb") as out:
                shutil.copyfileobj(source, out)
            return
        if not isinstance(items.root, Path):
            raise InputError(f'the items lie at {items.root} and cannot be linked; use how = "copy"')
        if (container := items.column("container")[row]) is not None:
            raise InputError(f'the items lie in {container} and cannot be linked; use how = "copy"')
        path = Path(real_name(items.root, items.column("path")[row]))
        try:
            os.link(path.resolve(), target)
        except OSError as error:
            raise InputError(f'{path} cannot be linked ({error.strerror.lower()}); use how = "copy"') from None
        if not os.path.samestat(os.fstat(source.fileno()), target.stat()):
            raise InputError(f"{path} was replaced while it was linked; run the source again")


def need_images(items: Items, exporter: str, instead: Sequence[str]) -> None:
    if not items.has_images:
        raise InputError(f"the {exporter} export writes images and this source has none; use {' or '.join(instead)}")
