"""Examine image files: size, upright width and height, content hash, and whether the whole of it can be decoded.

Files are untrusted and many: each is read once, problems become words and never stop the rest, and large sets are
shared out to worker processes.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curation.data.images import measure, suffix_of
from curation.data.workers import cores, pool
from curation.errors import RunError, SourceError

MAX_BYTES = 512 * 1024**2  # of one image file; larger ones are listed as problems, not read
CHUNK = 256  # files handed to a worker at a time
POOL_FROM = 2000  # fewer files are examined here: starting workers would cost more


class Facts(NamedTuple):
    """What is known of one file. status: "ok", or why it cannot be used, in words."""

    width: int | None = None
    height: int | None = None
    size: int | None = None
    hash: str | None = None
    status: str = "ok"  # items.OK; not imported, so that workers start without pyarrow


def examine(root: Path, paths: Sequence[str], progress: Callable[..., None], workers: int | None = None) -> list[Facts]:
    """Facts of `root / path` for every path, in their order. Raises RunError when a worker process dies."""
    chunks = [(str(root), paths[at : at + CHUNK]) for at in range(0, len(paths), CHUNK)]
    workers = min(workers or cores(), len(chunks)) if workers or len(paths) >= POOL_FROM else 1
    found: list[Facts] = []
    if workers <= 1:
        _gather(map(_chunk, chunks), len(paths), found, progress)
        return found
    try:
        with pool(workers) as executor:
            _gather(executor.map(_chunk, chunks), len(paths), found, progress)
    except BrokenProcessPool:
        raise RunError(
            f"a worker process died while examining images (out of memory?); it was at file {len(found):,} of "
            f"{len(paths):,} or soon after: {paths[len(found)]}"
        ) from None
    return found


def examine_rows(array: np.ndarray, images: bool) -> list[Facts]:
    """Facts of the rows of an array: uint8 [n, h, w] or [n, h, w, 3] when `images`, else features [n, d]."""
    width, height = (array.shape[2], array.shape[1]) if images else (None, None)
    size = array[:1].nbytes
    return [Facts(width, height, size, content_hash(np.ascontiguousarray(row))) for row in array]


def as_columns(facts: Sequence[Facts]) -> dict[str, list]:
    """Facts as the columns `make_items` takes."""
    return {
        "widths": [fact.width for fact in facts],
        "heights": [fact.height for fact in facts],
        "sizes": [fact.size for fact in facts],
        "hashes": [fact.hash for fact in facts],
        "status": [fact.status for fact in facts],
    }


def content_hash(data) -> str:
    """32 hex digits of the BLAKE2b of bytes or of a C-contiguous array's memory.

    >>> content_hash(b"one") == content_hash(bytearray(b"one")) != content_hash(b"two")
    True
    """
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def examine_file(path: Path) -> Facts:
    """Facts of one file."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # reading a pipe would wait for ever
            return Facts(status="not a regular file")
        if about.st_size > MAX_BYTES:
            return Facts(size=about.st_size, status=f"{about.st_size:,} bytes, over the limit of {MAX_BYTES:,}")
        data = path.read_bytes()
    except FileNotFoundError:
        return Facts(status="the file is missing")
    except OSError as error:
        return Facts(status=f"the file cannot be read ({error.strerror.lower()})")
    return examine_bytes(data)


def examine_bytes(data: bytes) -> Facts:
    """Facts of an encoded image in memory."""
    if not data:
        return Facts(size=0, status="the file is empty (0 bytes)")
    try:
        width, height = measure(data)
    except SourceError as problem:
        return Facts(size=len(data), hash=content_hash(data), status=str(problem))
    return Facts(width, height, len(data), content_hash(data))


def store_image(folder: Path, number: int, data: bytes) -> str:
    """Write an encoded image that came without a file; returns its posix path below `folder`."""
    name = f"{number // 1000:04d}/{number:07d}{suffix_of(data)}"
    if number % 1000 == 0 or not (folder / name).parent.exists():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def _chunk(work: tuple[str, Sequence[str | None]]) -> list[Facts]:
    root, paths = Path(work[0]), work[1]
    nothing = Facts(status="no image in this row")
    return [examine_file(root / path) if path is not None else nothing for path in paths]


def _gather(results: Iterator[list[Facts]], total: int, found: list[Facts], progress: Callable[..., None]) -> None:
    for facts in results:
        found.extend(facts)
        progress(len(found), total, "examining images")
