"""Open a file that a foreign name points to, and only where it really lies under the folder it may be in.

The name is followed through every link at the moment it is opened, each time anew: a link that was put in the
file's place after the source was read leads nowhere. Below a URL there are no links; there the bytes are fetched.
"""

from __future__ import annotations

import io
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from curation.errors import SourceError

if TYPE_CHECKING:  # imported where it is needed: the processes that decode images read nothing remote
    from curation.data.remote.location import Remote
    from curation.data.remote.ranges import Place

MAX_OBJECT = 512 * 1024**2  # bytes of an object that is read as a whole


def open_place(root: Path | Remote, place: Place) -> BinaryIO:
    """What lies at a place, opened for reading. Raises SourceError with the reason in words."""
    if isinstance(place, str):
        return open_inside(root, place)
    path, at, number = place
    return open_cell(root, path, at, number) if isinstance(at, str) else open_part(root, path, at, number)


def open_inside(root: Path | Remote, path: str) -> BinaryIO:
    """A regular file `root / path`, or an object, opened for reading. Raises SourceError with the reason in words.

    >>> import tempfile
    >>> top = Path(tempfile.mkdtemp())
    >>> (top / "out").symlink_to("/etc")
    >>> open_inside(top, "out/hostname")
    Traceback (most recent call last):
    curation.errors.SourceError: a link that leads out of the folder
    """
    if not isinstance(root, Path):
        return _fetched(root, path)
    real = os.path.realpath(root)
    name = real_name(real, path)
    try:
        # A pipe is opened without waiting for its other end.
        handle = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise SourceError("the file is missing") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"the file cannot be read ({said.lower()})") from None
    try:
        about, target = os.fstat(handle), os.path.realpath(name)
        if not Path(target).is_relative_to(real):
            raise SourceError("a link that leads out of the folder")
        if not stat.S_ISREG(about.st_mode):  # reading a pipe would wait for ever
            raise SourceError("not a regular file")
        # What was opened is what lies at the place that was checked, not what a link said a moment before.
        if not os.path.samestat(about, os.stat(target, follow_symlinks=False)):  # noqa: PTH116
            raise SourceError("the file was replaced while it was opened")
        return os.fdopen(handle, "rb")
    except OSError as error:
        os.close(handle)
        raise SourceError(f"the file cannot be read ({(error.strerror or str(error)).lower()})") from None
    except SourceError:
        os.close(handle)
        raise


def open_part(root: Path | Remote, path: str, offset: int, length: int) -> BinaryIO:
    """`length` bytes of a file `root / path` from `offset` on, such as a member of a tar. Raises SourceError."""
    if not isinstance(root, Path):
        return _fetched(root, (path, offset, length))
    with open_inside(root, path) as handle:
        handle.seek(offset)
        data = handle.read(length)
    if len(data) < length:
        raise SourceError(f"{path} ends {length - len(data):,} bytes before this item does: it was cut short")
    return io.BytesIO(data)


def open_cell(root: Path | Remote, path: str, column: str, row: int) -> BinaryIO:
    """What stands in a row and column of a parquet file `root / path`. Raises SourceError."""
    if not isinstance(root, Path):
        return _fetched(root, (path, column, row))
    from pyarrow import ArrowException

    from curation.data.parquet_cells import cells

    with open_inside(root, path) as handle:
        about = os.fstat(handle.fileno())
        which = (path, str(root), about.st_ino, about.st_size, about.st_mtime_ns)
        try:
            (data,) = cells(handle, which, column, [row])
        except (ArrowException, OSError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise SourceError(f"{path} cannot be read as a table ({said})") from None
    if data is None:
        raise SourceError(f"row {row + 1:,} of {path} holds no image any more: it has changed")
    return io.BytesIO(data)


def _fetched(root: Remote, place: Place) -> BinaryIO:
    from curation.data.remote.ranges import taken

    try:
        data = taken(root, place, MAX_OBJECT)
    except OSError as error:
        raise SourceError(error.strerror) from None
    if len(data) > MAX_OBJECT:
        raise SourceError(f"over {MAX_OBJECT:,} bytes, the limit of what is fetched as a whole")
    return io.BytesIO(data)


def located(root: Path | Remote, path: str) -> Path | Remote:
    """The file or object of a shown name below a root."""
    return Path(real_name(root, path)) if isinstance(root, Path) else root / path


def real_name(root: Path | str, path: str) -> str:
    """The path of a file by its shown name; of two that are shown alike, the one that is called so."""
    name = os.path.join(root, path)  # noqa: PTH118 - os.path throughout: a Path raises on links that go in circles
    return name if "\\x" not in path or os.path.lexists(name) else os.path.join(root, hidden(path))  # noqa: PTH118


def shown(path: str) -> str:
    r"""A name as text that every table can hold: bytes that are no UTF-8 are spelt out.

    >>> shown("caf\udce9.png"), hidden(shown("caf\udce9.png")) == "caf\udce9.png"
    ('caf\\xe9.png', True)
    """
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def hidden(path: str) -> str:
    """The name that `shown` was given, as the system has it."""
    return re.sub(
        r"\\x([89a-f][0-9a-f])", lambda found: bytes.fromhex(found[1]).decode("ascii", "surrogateescape"), path
    )
