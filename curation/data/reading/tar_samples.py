"""Samples of a WebDataset shard: members of a plain tar that stand together and share a key.

A member's key is its path up to the first dot of the file's name; what follows is its ending ("a/7.seg.png" is the
key "a/7" and the ending "seg.png"). Names without a dot, and names like `__this__`, are no part of a sample. Members
of one sample must be adjacent: a key that comes back later is another sample. Nothing is unpacked: a pass over the
headers notes where each member's bytes lie. Headers are foreign and read within limits.

The key rule is that of `webdataset.tariterators.base_plus_ext`, github.com/webdataset/webdataset.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

from curation.data.reading.archive_streams import DAMAGED, MAX_HEADERS, kind_of
from curation.data.remote.location import Remote, leads_up
from curation.errors import SourceError

MAX_SHARDS = 100_000  # that a list in braces may stand for
MAX_TEXT = 4 << 20  # bytes of a member that holds text
MAX_MEMBERS = 2_000_000  # of one shard
_KEY = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)", re.DOTALL)
_META = re.compile(r"__[^/]*__($|/)")
_BRACES = re.compile(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}")  # {000..123} or {train,val}


class Member(NamedTuple):
    """name: as it stands in the tar. ending: what follows the key, in lower case. offset, length: of its bytes.

    text: its bytes, where it was asked for and is not too long.
    """

    name: str
    ending: str
    offset: int
    length: int
    text: bytes | None = None


@dataclass
class Sample:
    """Members that share a key, in the order of the tar."""

    key: str
    members: list[Member] = field(default_factory=list)

    def member(self, *endings: str) -> Member | None:
        """The first member with one of these endings."""
        return next((member for member in self.members if member.ending in endings), None)


@dataclass
class Shard:
    """What one shard holds. cut: why its end cannot be read, "" where it can. passed: members that are in no sample."""

    samples: list[Sample] = field(default_factory=list)
    cut: str = ""
    passed: int = 0


def key_of(name: str) -> tuple[str, str] | None:
    """The key and the ending of a member, None where it belongs to no sample.

    >>> key_of("a/7.seg.png"), key_of("img.v2.jpg"), key_of("dir/.hidden.jpg"), key_of("noext"), key_of("a.b/7.jpg")
    (('a/7', 'seg.png'), ('img', 'v2.jpg'), ('dir/', 'hidden.jpg'), None, ('a.b/7', 'jpg'))
    """
    found = _KEY.fullmatch(name)
    return (found[1], found[2].lower()) if found and not _META.search(name) else None


def samples_of(path: Path | Remote, texts: Collection[str] = ()) -> Shard:
    """Look through a shard. A cut or damaged end costs what comes after it. Raises SourceError if nothing can be read.

    texts: endings of members whose bytes are wanted as well.

    Time is one seek a member, memory a few hundred bytes a member.
    """
    shard = Shard()
    try:
        if (kind := kind_of(path)) != "tar":
            raise SourceError(
                f"{path} is packed ({kind}), so nothing in it can be read without what stands before it; "
                f"unpack it to a plain .tar, or read its images with the source archive"
            )
        size = path.stat().st_size
        with path.open("rb") as handle:
            try:
                for info in _members(path, handle):
                    if (member := _add(shard, info, size)) and member.ending in texts and member.length <= MAX_TEXT:
                        handle.seek(member.offset)  # while its neighbourhood is at hand; tarfile finds its place itself
                        shard.samples[-1].members[-1] = member._replace(text=handle.read(member.length))
            except DAMAGED as error:
                shard.cut = f"the shard is damaged or cut short ({error})"
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({(error.strerror or str(error)).lower()})") from None
    if shard.cut and not shard.samples:
        raise SourceError(f"{path} is no tar archive, or is damaged from its beginning on")
    return shard


def expanded(path: Path | Remote) -> list[Path | Remote]:
    """The shards a path stands for: a .tar, the .tar files of a folder, or a list like `train-{000..123}.tar`.

    Raises SourceError where there is none, or a list is too long.
    """
    if path.is_dir():
        there = path.rglob("*.tar") if isinstance(path, Remote) else filter(Path.is_file, path.rglob("*.tar"))
        if not (found := sorted(there)):
            raise SourceError(f"there is no .tar file in {path}; shards are plain tar files")
        return found
    if _BRACES.search(str(path)):
        if any(map(leads_up, names := list(_listed(str(path))))) and isinstance(path, Remote):
            raise SourceError(f"{path}: a URL may not hold '..'")
        return [type(path)(name) for name in names]
    return [path]


def _listed(text: str) -> Iterator[str]:
    names = [text]
    while found := _BRACES.search(names[0]):
        first, last, listed = found.groups()
        count = int(last) - int(first) + 1 if first else listed.count(",") + 1
        if count < 1 or count * len(names) > MAX_SHARDS:
            raise SourceError(f"{text} stands for {max(count, 0) * len(names):,} shards; expected 1 to {MAX_SHARDS:,}")
        if first:
            parts = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        else:
            parts = listed.split(",")
        names = [_BRACES.sub(part.replace("\\", r"\\"), name, count=1) for name in names for part in parts]
    yield from names


def _members(path: Path | Remote, handle: BinaryIO) -> Iterator[tarfile.TarInfo]:
    archive = tarfile.open(fileobj=_Headers(handle, path), mode="r:")  # noqa: SIM115 - closed with its file
    for number in range(MAX_MEMBERS + 1):
        archive.fileobj.headers = 0
        if (info := archive.next()) is None:
            return
        archive.members.clear()  # it would remember a million members
        if number == MAX_MEMBERS:
            raise SourceError(f"{path} holds over {MAX_MEMBERS:,} members, the limit; split it into shards of 10,000")
        yield info


def _add(shard: Shard, info: tarfile.TarInfo, size: int) -> Member | None:
    """The member that was added, None where it is in no sample."""
    split = key_of(info.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
    if info.isdir():
        return None
    if split is None or not info.isfile() or info.issparse():
        shard.passed += 1
        return None
    key, ending = split
    if info.offset_data + info.size > size:
        shard.cut = f"the shard ends within {info.name!r}: it was cut short"
        return None
    if not shard.samples or shard.samples[-1].key != key:
        shard.samples.append(Sample(key))
    shard.samples[-1].members.append(member := Member(info.name, ending, info.offset_data, info.size))
    return member


class _Headers(io.RawIOBase):
    """A tar of which the headers are read, and no data; headers no honest archive has are refused."""

    def __init__(self, handle: BinaryIO, path: Path | Remote):
        self.handle, self.path, self.headers = handle, path, 0

    def read(self, size: int = -1) -> bytes:
        self.headers += size
        if size < 0 or self.headers > MAX_HEADERS:
            raise SourceError(f"{self.path} holds a header of {self.headers:,} bytes; it was refused")
        return self.handle.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.handle.seek(offset, whence)

    def tell(self) -> int:
        return self.handle.tell()

    def seekable(self) -> bool:
        return True
