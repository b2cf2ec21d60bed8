"""Unpack the images of a zip or tar archive, trusting nothing it says about itself.

Members are streamed one by one; bytes are counted as they come out, not as headers claim. A member whose name would
leave the folder (`..`, an absolute path, a drive letter) refuses the whole archive, as does passing a limit. Links,
devices and files that are not images by their name are passed over. Names are kept, in Unicode form NFC; a name
that was there before, also in other letter case, gets "~2", so nothing is lost on any file system.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import re
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from curation.data.layout import is_image_name
from curation.errors import SourceError

MAX_FILES = 2_000_000
MAX_TOTAL = 50 * 10**9  # bytes, unpacked
MAX_MEMBER = 2 * 10**9
MAX_RATIO = 200  # unpacked bytes per packed byte; photographs stay below 2, synthetic drawings below 50
RATIO_FROM = 10 * 10**6  # smaller outputs may have any ratio
MAX_HEADER = 16 * 1024**2  # of a tar header, which has to be read as a whole
CHUNK = 1024**2

# What the standard library raises on archives that are not what they say.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
)
MAGIC = {b"PK": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
OPENERS = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}


@dataclass
class Unpacked:
    """paths: image files written, posix, below the target folder. problems: path -> why it could not be unpacked.

    others: names of files passed over since they are no images. links: number of links and devices passed over.
    """

    paths: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    links: int = 0


def unpack(
    path: Path,
    target: Path,
    progress: Callable[..., None],
    *,
    max_files: int = MAX_FILES,
    max_total: int = MAX_TOTAL,
) -> Unpacked:
    """Write the images in the archive `path` below `target`. Raises SourceError; `target` is then worthless."""
    try:
        with path.open("rb") as handle:
            start = handle.read(6)
        kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "tar")
        if kind in ("7z", "rar"):
            raise SourceError(f"{path} is a {kind} archive, which Winnow cannot read; repack it as zip or tar.gz")
        job = _Job(path, target, max_files, max_total)
        (_unzip if kind == "zip" else _untar)(job, kind, progress)
    except DAMAGED as error:
        raise SourceError(f"{path} is not a zip or tar archive, or is damaged or cut short ({error})") from None
    except NotImplementedError as error:  # a way of packing zipfile does not know
        raise SourceError(f"{path} cannot be unpacked ({error}); repack it as zip with deflate") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be unpacked ({error.strerror or error})") from None
    return job.done


class _Job:
    """Where members go, and the limits that stop them."""

    def __init__(self, path: Path, target: Path, max_files: int, max_total: int):
        self.path, self.target, self.max_files, self.max_total = path, target, max_files, max_total
        self.packed = path.stat().st_size
        self.members, self.total = 0, 0
        self.done = Unpacked()
        self._taken: dict[str, int] = {}  # name, letter case folded -> number its next namesake gets
        self._folders: set[Path] = set()

    def member(self, name: str) -> str:
        """Count a member and check its name; returns it as a relative posix path."""
        self.members += 1
        if self.members > self.max_files:
            raise SourceError(
                f"{self.path} holds more than {self.max_files:,} files; raise max_files if you trust where it is from"
            )
        name = name.replace("\\", "/")
        if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
            raise SourceError(f"{self.path} holds {name!r}, which would be written outside its folder; it was refused")
        if len(name) > 1000:
            raise SourceError(f"{self.path} holds a name of {len(name):,} characters, {name[:40]!r}...; it was refused")
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return PurePosixPath(unicodedata.normalize("NFC", name)).as_posix()

    def wants(self, name: str) -> bool:
        """Whether a file is an image by its name; others are noted, hidden ones are not."""
        if any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
            return False
        if not is_image_name(name):
            self.done.others.append(name)
            return False
        return True

    def count(self, size: int) -> None:
        """Bytes that came out of the archive."""
        self.total += size
        if self.total > self.max_total:
            raise SourceError(
                f"{self.path} unpacks to more than {self.max_total / 1e9:,.4g} GB; "
                "raise max_gigabytes if you trust where it is from"
            )
        if self.total > RATIO_FROM and self.total > MAX_RATIO * self.packed:
            raise SourceError(
                f"{self.path} unpacks to more than {MAX_RATIO} times its size, as archives made to fill a disk do; "
                "if you trust it, unpack it yourself and use the source folder"
            )

    def place(self, name: str) -> str:
        """Where an image will lie below the target; its folder is there when this returns."""
        name = self._free(name)
        folder = (self.target / name).parent
        if folder not in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        self.done.paths.append(name)
        return name

    def copy(self, source: BinaryIO, name: str, counted: bool = False) -> None:
        """Stream one image to its place. counted: its bytes are counted where they are read."""
        size = 0
        with (self.target / name).open("wb", buffering=0) as out:
            while data := source.read(CHUNK):
                size += len(data)
                if size > MAX_MEMBER:
                    raise SourceError(f"{self.path} holds {name!r}, over the limit of {MAX_MEMBER / 1e9:g} GB a file")
                if not counted:
                    self.count(len(data))
                out.write(data)

    def _free(self, name: str) -> str:
        """The name, shortened where a file system could not hold it, and told apart from every earlier one."""
        name = "/".join(_shortened(part) for part in name.split("/"))
        stem, dot, suffix = name.rpartition(".")
        free = name
        while (number := self._taken.get(free.casefold())) is not None:
            self._taken[free.casefold()] = number + 1
            free = f"{stem}~{number}{dot}{suffix}"
        self._taken[free.casefold()] = 2
        return free


def _unzip(job: _Job, kind: str, progress: Callable[..., None]) -> None:
    with zipfile.ZipFile(job.path) as archive:
        members = archive.infolist()
        names = [job.member(info.filename) for info in members]  # every name is checked before a file is written
        for done, (info, name) in enumerate(zip(members, names, strict=True), start=1):
            mode = info.external_attr >> 16
            if info.is_dir():
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                job.done.links += 1
            elif job.wants(name):
                if info.flag_bits & 0x1:
                    raise SourceError(f"{job.path} is protected by a password; unpack it and use the source folder")
                placed = job.place(name)
                try:
                    with archive.open(info) as source:
                        job.copy(source, placed)
                except DAMAGED as error:  # one member of a zip can be damaged alone
                    job.done.problems[placed] = f"damaged in the archive ({error})"
            if done % 200 == 0 or done == len(members):
                progress(done, len(members), "unpacking")


def _untar(job: _Job, kind: str, progress: Callable[..., None]) -> None:
    with job.path.open("rb") as packed, OPENERS.get(kind, _plain)(packed) as stream:
        # Every byte tarfile reads or skips passes through the counter, so its limits hold for headers and junk too.
        archive = tarfile.open(fileobj=_Counter(stream, job), mode="r:")  # noqa: SIM115 - closed with its streams
        while (info := archive.next()) is not None:
            archive.members.clear()  # it would remember a million members
            name = job.member(info.name)
            if info.isdir():
                continue
            if not info.isfile():
                job.done.links += 1
            elif job.wants(name):
                job.copy(archive.extractfile(info), job.place(name), counted=not info.issparse())
            if job.members % 200 == 0:
                progress(packed.tell(), job.packed, "unpacking")


class _Counter(io.RawIOBase):
    """A stream that reports what is read or skipped, and refuses headers no honest archive has."""

    def __init__(self, stream: BinaryIO, job: _Job):
        self.stream, self.job, self.at = stream, job, 0

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > MAX_HEADER:
            raise SourceError(f"{self.job.path} holds a header of {size:,} bytes; it was refused")
        data = self.stream.read(size)
        self.at += len(data)
        self.job.count(len(data))
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset < self.at:
            self.at = self.stream.seek(offset)
        while self.at < offset and self.read(min(offset - self.at, CHUNK)):
            pass
        return self.at

    def tell(self) -> int:
        return self.at

    def seekable(self) -> bool:
        return True


def _plain(handle: BinaryIO) -> BinaryIO:
    return handle


def _shortened(part: str) -> str:
    """A name of at most 240 bytes, file systems take 255; what is cut off is replaced by a hash of the whole."""
    if len(part.encode()) <= 240:
        return part
    stem, dot, suffix = part.rpartition(".")
    mark = "~" + hashlib.blake2b(part.encode(), digest_size=4).hexdigest()
    if not dot or len(suffix) > 10:
        stem, dot, suffix = part, "", ""
    room = 240 - len((mark + dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + mark + dot + suffix
