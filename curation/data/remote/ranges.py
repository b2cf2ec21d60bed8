"""Many ranges at once: in a bounded pool, neighbours together, and no more in memory than a few dozen megabytes.

Images are examined in processes that reach no network. `staged` fetches a chunk of them into a folder beside, where
they are files like others, and removes it again. What a page or an encoder is about to open is fetched by `ahead` and
waits in memory.
"""

from __future__ import annotations

import contextlib
import errno
import tempfile
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from curation.data.parquet_cells import cells
from curation.data.remote.location import Remote
from curation.errors import SourceError

POOL = 16  # requests at a time
PIECE = 8 * 1024**2  # bytes of one request, at most
GAP = 64 * 1024  # bytes between two ranges of one object that are rather read than asked for apart
WAITING = 256 * 1024**2  # bytes that wait to be taken, of all calls of `ahead`
SHARE = 32 * 1024**2  # bytes one call fetches; what is left is read when it is opened
ROWS = 64  # of a table that are read together

# A path below a root; or what lies in the file of such a path: its offset and length, or its column and row.
Place = str | tuple[str, int, int] | tuple[str, str, int]


def fetched(root: Remote, places: Sequence[Place], most: int) -> Iterator[bytes | OSError]:
    """What lies at each place, in their order, or why it cannot be read. most: bytes of one; of more, `most` + 1."""
    waiting: deque[tuple[list[Place], Future]] = deque()
    with ThreadPoolExecutor(POOL) as pool:
        for group in _together(places):
            waiting.append((group, pool.submit(_read, root, group)))
            if len(waiting) == POOL:
                yield from _parts(root, *waiting.popleft(), most)
        while waiting:
            yield from _parts(root, *waiting.popleft(), most)


@contextlib.contextmanager
def staged(root: Remote, places: Sequence[Place], most: int) -> Iterator[tuple[Path, list[str | OSError]]]:
    """A folder that holds what lies at each place as a file, as long as the block lasts, and the files' names.

    Of what cannot be read there is the error instead. most: as in `fetched`.
    """
    with tempfile.TemporaryDirectory(prefix="winnow-") as name:
        folder, names = Path(name), []
        for number, data in enumerate(fetched(root, places, most)):
            names.append(data if isinstance(data, OSError) else str(number))
            if isinstance(data, bytes):
                (folder / names[-1]).write_bytes(data)
        yield folder, names


def ahead(root: Remote, places: Sequence[Place], most: int) -> None:
    """Fetch what is about to be opened; `taken` hands it over. What cannot be read is said when it is opened."""
    size = 0
    for place, data in zip(places, fetched(root, places, most), strict=True):
        if isinstance(data, OSError) or len(data) > most:
            continue
        with _lock:
            _waiting[str(root), place] = data
            while sum(map(len, _waiting.values())) > WAITING:
                _waiting.popitem(last=False)
        if (size := size + len(data)) > SHARE:
            return


def taken(root: Remote, place: Place, most: int) -> bytes:
    """What lies at one place, once more from where `ahead` has put it. Raises OSError."""
    with _lock:
        data = _waiting.pop((str(root), place), None)
    found = next(fetched(root, [place], most)) if data is None else data
    if isinstance(found, OSError):
        raise found
    return found


_waiting: OrderedDict[tuple[str, Place], bytes] = OrderedDict()
_lock = threading.Lock()


def _together(places: Sequence[Place]) -> Iterator[list[Place]]:
    """Places that one request reads: neighbours in one object, and every object of its own alone."""
    group: list[Place] = []
    for place in places:
        if group and not _fits(group, place):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _fits(group: list[Place], place: Place) -> bool:
    first, last = group[0], group[-1]
    if isinstance(place, str) or isinstance(last, str) or place[0] != last[0]:
        return False
    if isinstance(place[1], str) or isinstance(last[1], str):
        return place[1] == last[1] and len(group) < ROWS
    gap = place[1] - (last[1] + last[2])
    return 0 <= gap <= GAP and place[1] + place[2] - first[1] <= PIECE


def _read(root: Remote, group: list[Place]) -> bytes | list[bytes] | OSError:
    """The bytes from the first place of a group to the end of its last; the first piece of an object; or cells."""
    first, last = group[0], group[-1]
    try:
        if not isinstance(first, str) and isinstance(first[1], str):
            return _cells(root, group)
        if isinstance(first, str):
            return (root / first).read_range(0, PIECE)
        return (root / first[0]).read_range(first[1], last[1] + last[2] - first[1])
    except OSError as error:
        return error


def _cells(root: Remote, group: list[Place]) -> list[bytes]:
    from pyarrow import ArrowException

    path, column, _ = group[0]
    with (root / path).open("rb") as handle:
        try:
            found = cells(handle, (path, str(root), handle.raw.about), column, [row for _, _, row in group])
        except (ArrowException, SourceError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise OSError(errno.EIO, f"{path} cannot be read as a table ({said})") from None
    return [b"" if data is None else data for data in found]


def _parts(root: Remote, group: list[Place], read: Future, most: int) -> Iterator[bytes | OSError]:
    data = read.result()
    if isinstance(data, list):
        yield from data
        return
    for place in group:
        if isinstance(data, OSError):
            yield data
        elif isinstance(place, str):
            yield _whole(root, place, data, most)
        else:
            part = data[(start := place[1] - group[0][1]) : start + place[2]]
            lacking = place[2] - len(part)
            cut = f"{place[0]} ends {lacking:,} bytes before this item does: it was cut short"
            yield OSError(errno.EIO, cut) if lacking else part


def _whole(root: Remote, path: str, data: bytes, most: int) -> bytes | OSError:
    """An object of which the first piece was read."""
    pieces, size = [data], len(data)
    try:
        while len(pieces[-1]) == PIECE and size <= most:
            pieces.append((root / path).read_range(size, PIECE))
            size += len(pieces[-1])
    except OSError as error:
        return error
    return b"".join(pieces)[: most + 1]
