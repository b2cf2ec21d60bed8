"""Originals that stay on this machine, for sources that say `cache = true`: bounded, and the longest unused go first.

An object is kept in blocks of 1 MB, each in a file of its own. Its folder is named after a digest of the URL, which has
no signature, and of the object's ETag, or its size and time: the blocks of one that has changed are never read again,
and go in time. A block starts with a digest of its bytes; one that is damaged or short is fetched anew. Several
processes may read and write at once. WINNOW_CACHE names the folder, by default ~/.cache/winnow; WINNOW_CACHE_GB says
how large it may grow.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout

from curation.data.remote import store
from curation.errors import InputError

BLOCK = 1024**2  # bytes
GB = 20.0  # by default
LEFT = 0.9  # of the bound is left when blocks are removed
STEPS = 50  # parts of the bound: so often is the size looked at while it is being filled
KNOWN_FOR = 60  # seconds before a store is asked again whether an object has changed
KNOWN = 100_000  # objects that this is remembered of
DIGEST = 16  # bytes


def folder() -> Path:
    """Where originals are kept."""
    given = os.environ.get("WINNOW_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "winnow")
    return Path(given) / "originals"


def bound() -> int:
    """Bytes they may take. Raises InputError where the environment names no number."""
    given = os.environ.get("WINNOW_CACHE_GB") or str(GB)
    try:
        return int(float(given) * 10**9)
    except (ValueError, OverflowError):
        raise InputError(f"WINNOW_CACHE_GB = {given!r}: expected a number of gigabytes, such as 20") from None


def read(url: str, offset: int, length: int) -> bytes:
    """Bytes of an object as `store.read` gives them, from here where they are kept. Raises OSError."""
    about = _about(url)
    length = min(length, about.st_size - offset)
    if length <= 0 or about.mark == f"{about.st_size} 0":  # nobody says whether it has changed
        return store.read(url, offset, length)
    place = _place(url, about)
    first, last = offset // BLOCK, (offset + length - 1) // BLOCK
    blocks = {number: _kept(place, number, about.st_size) for number in range(first, last + 1)}
    if missing := [number for number, data in blocks.items() if data is None]:
        start = missing[0] * BLOCK
        data = store.read(url, start, (missing[-1] + 1) * BLOCK - start)
        fetched = {number: data[number * BLOCK - start :][:BLOCK] for number in range(missing[0], missing[-1] + 1)}
        now = _about(url, fresh=True)
        if now.mark != about.mark or len(data) != min((missing[-1] + 1) * BLOCK, about.st_size) - start:
            return store.read(url, offset, length)  # it changes under our hands: whoever reads it finds out
        for number in missing:
            _keep(place, number, fetched[number])
        blocks |= fetched
    whole = b"".join(blocks[number] for number in range(first, last + 1))
    return whole[offset - first * BLOCK :][:length]


def forget() -> None:
    """Have every object asked for anew whether it has changed; a run starts so."""
    _known.clear()


_known: dict[str, tuple[float, store.About]] = {}
_grown = {"bytes": 0}  # by this process since it looked at the size; without the key it never did
_lock = threading.Lock()


def _about(url: str, fresh: bool = False) -> store.About:
    until, about = _known.get(url, (0.0, None))
    if fresh or about is None or until <= time.monotonic():
        about = store.about(url)
        if len(_known) >= KNOWN:
            _known.clear()
        _known[url] = (time.monotonic() + KNOWN_FOR, about)
    return about


def _place(url: str, about: store.About) -> Path:
    name = hashlib.sha256(f"{url}\n{about.st_size}\n{about.mark}".encode()).hexdigest()
    return folder() / name[:2] / name[2:42]


def _kept(place: Path, number: int, size: int) -> bytes | None:
    """A block of an object of this size; None where it is not kept, or not whole."""
    file = place / str(number)
    try:
        data = file.read_bytes()
        if data[:DIGEST] == _digest(data[DIGEST:]) and len(data) - DIGEST == min(BLOCK, size - number * BLOCK):
            os.utime(file)  # what was used last goes last
            return data[DIGEST:]
        file.unlink(missing_ok=True)
    except OSError:  # it is not there, or somebody is removing it
        return None
    return None


def _keep(place: Path, number: int, data: bytes) -> None:
    # A full disk, or one that may not be written to, costs the copy and nothing else.
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = place / f".{number}.{secrets.token_hex(4)}"
        try:
            beside.write_bytes(_digest(data) + data)
            beside.replace(place / str(number))
        finally:
            beside.unlink(missing_ok=True)
        with _lock:
            _grown["bytes"] += len(data)
            full = _grown["bytes"] * STEPS > bound() or "looked" not in _grown
            if full:
                _grown.update(bytes=0, looked=1)
        if full:
            _shrink()


def _shrink() -> None:
    """Remove the blocks that were not used for longest, where there are too many; one process at a time."""
    top = folder()
    with contextlib.suppress(Timeout), FileLock(top / ".lock", timeout=0):
        files = [(about.st_mtime, about.st_size, file) for file in top.glob("*/*/*") if (about := _stat(file))]
        total = sum(size for _, size, _ in files)
        if total <= bound():
            return
        for _, size, file in sorted(files):
            if total <= LEFT * bound():
                return
            file.unlink(missing_ok=True)
            total -= size
            with contextlib.suppress(OSError):  # there are other blocks of the object
                file.parent.rmdir()


def _stat(file: Path) -> os.stat_result | None:
    with contextlib.suppress(OSError):
        return file.stat()
    return None


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST).digest()
