"""Unpack the images, or the texts, of a zip or tar archive, trusting nothing it says about itself.

Members are streamed one by one; bytes are counted as they come out, not as headers claim. A member whose name would
leave the folder (`..`, an absolute path, a drive letter) refuses the whole archive, as does passing a limit, or
members of a zip that share bytes. Links, devices and files that are not images by their name are passed over; an
archive inside the archive is such a file. Names are kept, in Unicode form NFC; control characters become "_", names
that Windows reserves get one before them, and a name that was there before, also in other letter case, gets "~2", so
nothing is lost on any file system.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from curation.data.reading.archive_streams import (
    CHUNK,
    DAMAGED,
    PACKINGS,
    Counter,
    Sparing,
    kind_of,
    refuse_overlaps,
    unpacking,
)
from curation.data.reading.folder_layout import is_image_name
from curation.data.remote.location import Remote
from curation.data.writing.atomic import RESERVED
from curation.errors import SourceError

MAX_FILES = 2_000_000
MAX_TOTAL = 50 * 10**9  # bytes, unpacked
MAX_MEMBER = 2 * 10**9
MAX_RATIO = 200  # unpacked bytes per packed byte; photographs stay below 2, synthetic drawings below 50
RATIO_FROM = 10 * 10**6  # smaller outputs may have any ratio
MAX_DEPTH = 30  # folders in one another
MAX_NAMES = 128 * 10**6  # characters of all names that are kept
MAX_GLOBAL = 100  # entries a tar may set for all members after it
SHOWN = 10  # names of files passed over that are kept


@dataclass
class Unpacked:
    """paths: files written, posix, below the target folder. problems: path -> why it could not be unpacked.

    others: number of files passed over since they are no items by their name; shown: some of their names. links: number
    of links and devices passed over. renamed: number of names with characters or words that some file system cannot
    hold.
    """

    paths: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    others: int = 0
    shown: list[str] = field(default_factory=list)
    links: int = 0
    renamed: int = 0


def unpack(
    path: Path | Remote,
    target: Path,
    progress: Callable[..., None],
    *,
    max_files: int = MAX_FILES,
    max_total: int = MAX_TOTAL,
    wanted: Callable[[str], bool] = is_image_name,
) -> Unpacked:
    """Write the images in the archive `path` below `target`. Raises SourceError; `target` is then worthless.

    wanted: whether a file of that name is an item, where the items are no images.
    """
    with _said(path):
        kind = kind_of(path)
        job = _Job(path, target, max_files, max_total, wanted)
        (_unzip if kind == "zip" else _untar)(job, kind, progress)
    return job.done


def item_names(path: Path | Remote, most: int, wanted: Callable[[str], bool] = is_image_name) -> tuple[list[str], bool]:
    """The items in an archive by their names, out of the first `most` members of a tar; whether these are all.

    Nothing is unpacked. Raises SourceError.
    """
    names = []
    with _said(path):
        job = _Job(path, Path(), MAX_FILES, MAX_TOTAL, wanted)
        if (kind := kind_of(path)) == "zip":
            with Sparing(path) as packed, zipfile.ZipFile(packed) as archive:
                members = [(job.member(i.filename), i.is_dir()) for i in archive.infolist()]
                return [name for name, folder in members if not folder and job.wants(name)], True
        with path.open("rb") as packed, unpacking(kind, packed) as stream:
            counter = Counter(stream, path, job.count)
            archive = tarfile.open(fileobj=counter, mode="r:")  # noqa: SIM115 - closed with its streams
            while job.members < most and (info := archive.next()) is not None:
                counter.headers = 0
                archive.members.clear()
                name = job.member(info.name)
                if info.isfile() and job.wants(name):
                    names.append(name)
    return names, job.members < most


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    """What goes wrong with an archive, as one sentence."""
    try:
        yield
    except DAMAGED as error:
        raise SourceError(f"{path} is not a zip or tar archive, or is damaged or cut short ({error})") from None
    except NotImplementedError as error:  # a way of packing zipfile does not know
        raise SourceError(f"{path} cannot be unpacked ({error}); repack it as zip with deflate") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be unpacked ({error.strerror or error})") from None


class _Job:
    """Where members go, and the limits that stop them."""

    def __init__(self, path: Path, target: Path, max_files: int, max_total: int, wanted: Callable[[str], bool]):
        self.path, self.target, self.max_files, self.max_total = path, target, max_files, max_total
        self.wanted = wanted
        self.packed = path.stat().st_size
        self.members, self.total, self.named = 0, 0, 0
        self.done = Unpacked()
        self._taken: dict[str, int] = {}  # name, letter case folded -> number its next namesake gets
        self._folders: set[Path] = set()

    def member(self, name: str) -> str:
        """Count a member and check its name; returns it as a relative posix path."""
        self.members += 1
        if self.members > self.max_files:
            raise SourceError(
                f"{self.path} holds more than {self.max_files:,} files; raise max_files if you trust its source"
            )
        name = name.replace("\\", "/")
        if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
            raise SourceError(f"{self.path} holds {name!r}, which would be written outside its folder; it was refused")
        if len(name) > 1000:
            raise SourceError(f"{self.path} holds a name of {len(name):,} characters, {name[:40]!r}...; it was refused")
        if name.count("/") > MAX_DEPTH:
            raise SourceError(f"{self.path} holds {name[:40]!r}..., over {MAX_DEPTH} folders deep; it was refused")
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        return PurePosixPath(unicodedata.normalize("NFC", name)).as_posix()

    def wants(self, name: str) -> bool:
        """Whether a file is an item by its name; others are noted, hidden ones are not."""
        if any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
            return False
        if not self.wanted(name.rpartition("/")[2]):
            self.done.others += 1
            if len(self.done.shown) < SHOWN:
                self.done.shown.append(name)
            return False
        return True

    def count(self, size: int) -> None:
        """Bytes that came out of the archive."""
        self.total += size
        if self.total > self.max_total:
            raise SourceError(
                f"{self.path} unpacks to more than {self.max_total / 1e9:,.4g} GB; "
                "raise max_gigabytes if you trust its source"
            )
        if self.total > RATIO_FROM and self.total > MAX_RATIO * self.packed:
            raise SourceError(
                f"{self.path} unpacks to more than {MAX_RATIO} times its size, like archives made to fill a disk; "
                "if you trust it, unpack it yourself and use the source folder"
            )

    def place(self, name: str) -> str:
        """Where an image will lie below the target; its folder is there when this returns."""
        self.named += len(name)
        if self.named > MAX_NAMES:
            raise SourceError(f"{self.path} holds more than {MAX_NAMES:,} characters of names; split it")
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
        """The name as every file system can hold it, told apart from every earlier one."""
        portable = "/".join(_shortened(_portable(part)) for part in name.split("/"))
        self.done.renamed += portable != name
        name = portable
        stem, dot, suffix = name.rpartition(".")
        free = name
        while (number := self._taken.get(free.casefold())) is not None:
            self._taken[free.casefold()] = number + 1
            free = f"{stem}~{number}{dot}{suffix}"
        self._taken[free.casefold()] = 2
        return free


def _unzip(job: _Job, kind: str, progress: Callable[..., None]) -> None:
    with Sparing(job.path) as packed, zipfile.ZipFile(packed) as archive:
        members = archive.infolist()
        names = [job.member(info.filename) for info in members]  # every name is checked before a file is written
        refuse_overlaps(job.path, members, archive.start_dir)
        for done, (info, name) in enumerate(zip(members, names, strict=True), start=1):
            mode = info.external_attr >> 16
            if info.filename.endswith("/"):
                continue
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                job.done.links += 1
            elif job.wants(name):
                if info.flag_bits & 0x1:
                    raise SourceError(f"{job.path} is protected by a password; unpack it and use the source folder")
                if info.compress_type not in PACKINGS:
                    raise NotImplementedError(f"compression type {info.compress_type}")
                placed = job.place(name)
                try:
                    with archive.open(info) as source:
                        job.copy(source, placed)
                except DAMAGED as error:  # one member of a zip can be damaged alone
                    job.done.problems[placed] = f"damaged in the archive ({error})"
            if done % 200 == 0 or done == len(members):
                progress(done, len(members), "unpacking")


def _untar(job: _Job, kind: str, progress: Callable[..., None]) -> None:
    with job.path.open("rb") as packed, unpacking(kind, packed) as stream:
        # Every byte tarfile reads or skips passes through the counter, so its limits hold for headers and junk too.
        counter = Counter(stream, job.path, job.count)
        archive = tarfile.open(fileobj=counter, mode="r:")  # noqa: SIM115 - closed with its streams
        while (info := archive.next()) is not None:
            counter.headers = 0
            archive.members.clear()  # it would remember a million members
            if len(archive.pax_headers) > MAX_GLOBAL:
                raise SourceError(f"{job.path} sets more than {MAX_GLOBAL} attributes for all members; it was refused")
            name = job.member(info.name)
            if info.isdir():
                continue
            if not info.isfile():
                job.done.links += 1
            elif job.wants(name):
                counter.in_data = True
                job.copy(archive.extractfile(info), job.place(name), counted=not info.issparse())
                counter.in_data = False
            if job.members % 200 == 0:
                progress(packed.tell(), job.packed, "unpacking")


def _portable(part: str) -> str:
    """A name without the control characters, words and endings that some file system takes for something else.

    >>> _portable("a\\nb"), _portable("con"), _portable("aux.png"), _portable("T-shirt ")
    ('a_b', '_con', '_aux.png', 'T-shirt')
    """
    part = "".join("_" if unicodedata.category(c) == "Cc" else c for c in part).rstrip(". ") or "_"
    return "_" + part if RESERVED.fullmatch(part) else part


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
