"""Examine image files: size, upright width and height, content hash, and whether the whole of it can be decoded.

Files are untrusted and many: they are decoded in processes of their own (see `decoders`), problems become
words and never stop the rest, and large sets are shared out to several decoders.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curation.data.greys import Held, scales_of
from curation.data.images import measure, suffix_of
from curation.data.parts import Spread, here
from curation.data.reading.decoders import cores, guarded
from curation.data.safe_open import open_place
from curation.errors import SourceError

if TYPE_CHECKING:
    from curation.data.remote.location import Remote
    from curation.data.remote.ranges import Place

MAX_BYTES = 512 * 1024**2  # of one image file; larger ones are listed as problems, not read
IN_MEMORY = 16 * 1024**2  # bytes; larger files are read in pieces, twice
CHUNK = 256  # files handed to a decoder at a time
FETCHED = 64  # objects that are fetched and handed to a decoder at a time
PART = 4096  # files that make a part
SEVERAL_FROM = 2000  # fewer files are left to one decoder: starting more would cost more
TASK = "curation.data.reading.image_checks:examine_file"


class Facts(NamedTuple):
    """What is known of one file. status: "ok", or why it cannot be used, in words."""

    width: int | None = None
    height: int | None = None
    size: int | None = None
    hash: str | None = None
    status: str = "ok"  # items.OK; not imported, so that workers start without pyarrow
    held: Held | None = None  # the values of a grey image of more than 8 bits


def examine(
    root: Path | Remote,
    paths: Sequence[Place | None],
    progress: Callable[..., None],
    workers: int | None = None,
    spread: Spread = here,
) -> list[Facts]:
    """Facts of every image below `root`, in their order; of None, that there is no image.

    A file that kills its decoder gets that as its status, and so does an object that is another one when all are read.
    spread: has files examined in parts, by a decoder each; objects of a URL are always fetched and examined here.
    Raises RunError when no decoder can be started.
    """
    if not isinstance(root, Path):
        return _examined_elsewhere(root, paths, progress)
    if spread is not here:
        return _examined_by_parts(root, paths, progress, spread)
    chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
    workers = min(workers or (cores() if len(paths) >= SEVERAL_FROM else 1), max(len(chunks), 1))
    found: list[Facts] = []
    top = str(root.absolute())  # a decoder may have been started in another folder than the current one
    with ThreadPoolExecutor(workers) as threads:  # they only wait for the decoders' answers
        try:
            for answers in threads.map(lambda chunk: guarded(TASK, top, chunk), chunks):
                found.extend(map(_facts, answers))
                progress(len(found), len(paths), "examining images")
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _examined_by_parts(
    root: Path, paths: Sequence[Place | None], progress: Callable[..., None], spread: Spread
) -> list[Facts]:
    found: list[Facts] = []
    parts = ((list(paths[at : at + PART]),) for at in range(0, len(paths), PART))
    for said in spread(examined, parts, root=str(root.absolute())):
        found.extend(map(_facts, said))
        progress(len(found), len(paths), "examining images")
    return found


def examined(paths: Sequence[Place | None], *, root: str) -> list[list[Any] | str]:
    """What a decoder says of each of these files."""
    return guarded(TASK, root, paths)


def _examined_elsewhere(root: Remote, paths: Sequence[Place | None], progress: Callable[..., None]) -> list[Facts]:
    """Facts of objects: some are fetched and examined while the next are on their way."""
    from curation.data.remote.listings import Listed
    from curation.data.remote.ranges import staged

    def facts_of(chunk: Sequence[Place | None]) -> list[Facts]:
        with staged(root, [place for place in chunk if place is not None], MAX_BYTES) as (folder, names):
            answers = iter(guarded(TASK, str(folder), [name for name in names if isinstance(name, str)]))
            said = iter(_facts(next(answers) if isinstance(name, str) else name.strerror) for name in names)
            return [examine_file(root, None) if place is None else next(said) for place in chunk]

    found: list[Facts] = []
    objects = [place if isinstance(place, str) else place and place[0] for place in paths]
    before = Listed(str(root), [name for name in objects if name is not None])
    chunks = [paths[at : at + FETCHED] for at in range(0, len(paths), FETCHED)]
    with ThreadPoolExecutor(max(cores(), 2)) as threads:
        try:
            for facts in threads.map(facts_of, chunks):
                found.extend(facts)
                progress(len(found), len(paths), "fetching and examining images")
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    others = before.changed()
    for at, name in enumerate(objects):
        if name in others and found[at].status == "ok":
            found[at] = Facts(status="it changed while it was read; run the source again")
    return found


def examine_data(images: Sequence[bytes]) -> list[Facts]:
    """Facts of encoded images in memory, some at a time; they are handed to a decoder in a folder beside."""
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        names = [str(number) for number in range(len(images))]
        for name, data in zip(names, images, strict=True):
            (Path(folder) / name).write_bytes(data)
        return list(map(_facts, guarded(TASK, folder, names)))


def _facts(said: list[Any] | str) -> Facts:
    """What a decoder answered, or why it did not."""
    return Facts(status=said) if isinstance(said, str) else Facts(*said)


def examine_rows(array: np.ndarray, images: bool) -> list[Facts]:
    """Facts of the rows of an array: uint8 [n, h, w] or [n, h, w, 3] when `images`, else features [n, d]."""
    width, height = (array.shape[2], array.shape[1]) if images else (None, None)
    size = array[:1].nbytes
    return [Facts(width, height, size, content_hash(np.ascontiguousarray(row))) for row in array]


def as_columns(facts: Sequence[Facts]) -> dict[str, Any]:
    """Facts as what `make_items` takes of them: columns, and what the greys of the whole set are scaled by."""
    return {
        "greys": scales_of(Held(*fact.held) for fact in facts if fact.held),
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


def examine_file(root: Path, path: Place | None) -> Facts:
    """Facts of one image, `root / path`, decoded in this process. What lies outside `root` is not read."""
    if path is None:
        return Facts(status="no image in this row")
    try:
        if not isinstance(path, str) and path[2] > MAX_BYTES:
            return Facts(size=path[2], status=f"{path[2]:,} bytes, over the limit of {MAX_BYTES:,}")
        with open_place(root, path) as handle:
            size = handle.seek(0, 2)
            handle.seek(0)
            if size > MAX_BYTES:
                return Facts(size=size, status=f"{size:,} bytes, over the limit of {MAX_BYTES:,}")
            if size <= IN_MEMORY:
                return examine_bytes(handle.read(IN_MEMORY + 1))
            content = hashlib.file_digest(handle, _digest).hexdigest()
            handle.seek(0)
            try:
                found = measure(handle)
                return Facts(found.width, found.height, size, content, held=found.held)
            except SourceError as problem:
                return Facts(size=size, hash=content, status=str(problem))
    except SourceError as problem:
        return Facts(status=str(problem))
    except OSError as error:
        return Facts(status=f"the file cannot be read ({(error.strerror or str(error)).lower()})")


def examine_bytes(data: bytes) -> Facts:
    """Facts of an encoded image in memory."""
    if not data:
        return Facts(size=0, status="the file is empty (0 bytes)")
    try:
        found = measure(data)
    except SourceError as problem:
        return Facts(size=len(data), hash=content_hash(data), status=str(problem))
    return Facts(found.width, found.height, len(data), content_hash(data), held=found.held)


def image_name(number: int, data: bytes) -> str:
    """What an encoded image that came without a file is called.

    >>> image_name(1234, b"GIF89a")
    '0001/0001234.gif'
    """
    return f"{number // 1000:04d}/{number:07d}{suffix_of(data)}"


def store_image(folder: Path, number: int, data: bytes) -> str:
    """Write an encoded image that came without a file; returns its posix path below `folder`."""
    name = image_name(number, data)
    if number % 1000 == 0 or not (folder / name).parent.exists():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return name


def _digest():
    return hashlib.blake2b(digest_size=16)
