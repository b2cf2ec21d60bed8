"""Where the images of a data set of Hugging Face lie in its .arrow files: their bytes stand there as they are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from curation.data.reading.image_checks import image_name
from curation.data.safe_open import shown

HEAD = 12  # bytes that tell what kind of image it is


class Places(NamedTuple):
    """root: the folder that holds the files. parts: file below it, offset and length of each row, None of no image.

    paths: what the images are called.
    """

    root: Path
    parts: list[tuple[str, int, int] | None]
    paths: list[str | None]


def image_places(sets: list[Any], column: str) -> Places | None:
    """Where every row of some `datasets.Dataset` has its image; None where that cannot be said of all of them.

    It cannot of rows that were put in another order, of packed files, and where images are named instead of stored.
    """
    files = [[os.path.realpath(file["filename"]) for file in rows.cache_files] for rows in sets]
    if not all(files) or any(rows._indices is not None for rows in sets):
        return None
    root = os.path.commonpath([os.path.dirname(file) for part in files for file in part])  # noqa: PTH120
    parts: list[tuple[str, int, int] | None] = []
    paths: list[str | None] = []
    for rows, names in zip(sets, files, strict=True):
        before = len(parts)
        for file in names:
            name = shown(os.path.relpath(file, root))
            try:
                for head, *place in _in_file(file, column):
                    paths.append(image_name(len(paths), head) if head else None)
                    parts.append((name, *place) if head else None)
            except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
                return None
        if len(parts) - before != len(rows):
            return None
    return Places(Path(root), parts, paths)


def _in_file(file: str, column: str) -> Iterator[tuple[bytes, int, int]]:
    """The first bytes in each row, their offset and their length; no bytes of no image.

    Raises ValueError where they do not stand in the file as they are.
    """
    with pa.memory_map(file) as mapped:
        whole = mapped.read_buffer()
        view = memoryview(whole)
        mapped.seek(0)
        for batch in pa.ipc.open_stream(mapped):
            cells = batch.column(batch.schema.names.index(column))
            if not pa.types.is_struct(cells.type):
                raise ValueError("no images as `datasets` has them")
            values = cells.field("bytes")
            if values.null_count != cells.null_count or not (
                pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
            ):
                raise ValueError("images that are named, or none")
            _, starts, data = values.buffers()
            width = np.int64 if pa.types.is_large_binary(values.type) else np.int32
            ends = np.frombuffer(starts, width)[values.offset : values.offset + len(values) + 1].astype(np.int64)
            first = data.address - whole.address if data is not None else 0
            if first < 0 or (len(ends) and (np.diff(ends, prepend=0).min() < 0 or first + ends[-1] > whole.size)):
                raise ValueError("the bytes lie elsewhere: they were packed")
            there = values.is_valid().to_numpy(zero_copy_only=False)
            for at, length, valid in zip((first + ends[:-1]).tolist(), np.diff(ends).tolist(), there, strict=True):
                yield bytes(view[at : at + min(length, HEAD)]) if valid else b"", at, length
