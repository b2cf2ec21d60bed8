"""What a recipe may name: a path of this machine, or a URL of an object store or a web server.

A `Remote` behaves as a `pathlib.Path` does as far as Winnow reads and writes, so that readers need not know which of
the two they were given. Its text never holds a secret: a URL with a query or a password is refused, for recipes,
cards and manifests are kept and handed on. Credentials come from the environment; see docs/remote.md.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TextIO
from urllib.parse import unquote

from curation.data.remote import glance, listings, store
from curation.errors import InputError, SourceError

BUFFER = 256 * 1024  # bytes a file is read ahead
SECTOR = re.compile(r"([a-z][a-z0-9+.-]*):/{1,2}(?=[^/])", re.IGNORECASE)
_SECRET = re.compile(r"([a-z][a-z0-9+.-]*:/{1,2})([^/\s'\"]*@)?([^\s'\"?#]*)([?#][^\s'\"]*)?", re.IGNORECASE)


class Remote(PurePosixPath):
    """A URL, such as s3://bucket/folder, with the parts of a `Path` that reading and writing need.

    >>> folder = Remote("s3://bucket/pets/")
    >>> str(folder / "cat" / "1.jpg"), folder.name, str(folder.parent), folder.suffix
    ('s3://bucket/pets/cat/1.jpg', 'pets', 's3://bucket', '')
    >>> (folder / "cat").relative_to(folder).as_posix(), folder.is_relative_to(Remote("s3://bucket/pet"))
    ('cat', False)
    """

    def __str__(self) -> str:
        return SECTOR.sub(r"\1://", super().__str__(), count=1)

    def __fspath__(self) -> str:
        raise TypeError(f"{self} is no file of this machine")

    @property
    def scheme(self) -> str:
        return str(self).partition(":")[0]

    def absolute(self) -> Remote:
        return self

    resolve = expanduser = absolute

    def stat(self) -> store.About:
        """Size, time and mark of an object. Raises OSError."""
        return glance.remembered("about", str(self), lambda: store.about(str(self)))

    def is_file(self) -> bool:
        """Raises OSError where that cannot be told, because access was refused or nobody answers."""
        try:
            return len(self.parts) > 2 and bool(self.stat())
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        """Whether objects lie below it, where the store can tell; a web server cannot."""
        return listings.has_objects(str(self))

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def open(self, mode: str = "r", *, encoding: str | None = None, newline: str | None = None) -> BinaryIO | TextIO:
        """The object for reading, by ranges. Raises OSError."""
        handle = io.BufferedReader(_Ranges(self), BUFFER)
        return handle if "b" in mode else io.TextIOWrapper(handle, encoding, newline=newline)

    def read_range(self, offset: int, length: int) -> bytes:
        """Bytes of the object, fewer where it ends before. Raises OSError."""
        return store.read(str(self), offset, length)

    def read_bytes(self) -> bytes:
        with self.open("rb") as handle:
            return handle.read()

    def rglob(self, pattern: str) -> Iterator[Remote]:
        """The objects below it that are called so, in the order of their names. Raises OSError."""
        for path in listings.listed(str(self))["path"].to_pylist():
            if PurePosixPath(path).match(pattern):
                yield self / path

    glob = rglob

    def iterdir(self) -> Iterator[Remote]:
        """The objects directly below it. Raises OSError."""
        return (self / path for path in listings.listed(str(self))["path"].to_pylist() if "/" not in path)


def is_url(text: Any) -> bool:
    """Whether a text is meant as a URL, of whatever kind.

    >>> is_url("s3://bucket/x"), is_url("C:/pets"), is_url("/data/pets")
    (True, False, False)
    """
    return isinstance(text, str) and bool(re.match(r"\s*\S*://", text))


def location(value: Any) -> Path | Remote:
    """A path or a URL as a recipe has it. Raises ValueError with the reason in words, without what may be secret.

    >>> location("pets"), location("s3://bucket/pets")
    (PosixPath('pets'), Remote('s3://bucket/pets'))
    """
    if isinstance(value, Path | Remote):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("expected a path or a URL")
    if not is_url(value):
        return Path(value)
    refuse_secrets(value)
    url = Remote(value.strip())
    if url.scheme not in store.schemes():
        known = ", ".join(f"{scheme}://" for scheme in store.schemes())
        raise ValueError(f"expected a URL that starts with one of: {known}")
    if "::" in value or leads_up(value):
        raise ValueError("a URL may hold neither '::' nor '..'")
    return url


def leads_up(text: str) -> bool:
    """Whether part of a path is "..", also as a web server reads it.

    >>> leads_up("a/../b"), leads_up("a/%2e%2E/b"), leads_up("a..b/c")
    (True, True, False)
    """
    return ".." in unquote(text).split("/")


def refuse_secrets(value: Any) -> None:
    """Raise InputError where a URL among the values of a recipe carries a query or a password."""
    if isinstance(value, list | tuple | Mapping):
        for part in value.values() if isinstance(value, Mapping) else value:
            refuse_secrets(part)
    elif is_url(value) and redacted(value) != value:
        raise InputError(
            f"{redacted(value)}: the URL carries a query or a password, and recipes are kept and handed on; write it "
            "without, and give a signed URL in the environment as WINNOW_SIGNED_URLS"
        )


def redacted(text: str) -> str:
    """A text in which no URL carries a query, a fragment or a password.

    >>> redacted("cannot read 'https://me:pw@host/a.tar?sig=1', twice")
    "cannot read 'https://host/a.tar', twice"
    """
    return _SECRET.sub(lambda found: found[1] + found[3], text)


class _Ranges(io.RawIOBase):
    """An object as a file that reads what it is asked for and nothing else."""

    def __init__(self, url: Remote):
        self.url, self.at, self.about = url, 0, store.about(str(url))
        self.size = self.about.st_size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self.url.read_range(self.at, min(len(buffer), max(self.size - self.at, 0)))
        buffer[: len(data)] = data
        self.at += len(data)
        return len(data)

    def readall(self) -> bytes:
        return self.read(max(self.size - self.at, 0))  # in one range, where it would ask for 8 kB at a time

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def tell(self) -> int:
        return self.at


@contextlib.contextmanager
def told(path: Path | Remote) -> Iterator[None]:
    """What goes wrong with reading a path or a URL, as a SourceError of one sentence."""
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error})") from None
