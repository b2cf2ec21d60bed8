"""The streams archives are read through, which believe no size and no header before it was looked at."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from curation.data.remote.location import Remote
from curation.errors import SourceError

MAX_HEADERS = 1024**2  # bytes of all headers of one tar member, which are read as a whole
MAX_DIRECTORY = 32 * 1024**2  # bytes of a zip's list of members, read as a whole: some 300,000 members
XZ_MEMORY = 256 * 1024**2  # bytes its decoder may ask for; `xz -9` needs 65 MB
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
    RecursionError,  # a chain of tar headers
)
MAGIC = {b"PK": "zip", b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA asks for memory as the file says


def kind_of(path: Path | Remote) -> str:
    """What packs a file, by its first bytes: "zip", "gz", "bz2" or "xz", else "tar". Raises SourceError, OSError."""
    with path.open("rb") as handle:
        start = handle.read(6)
    kind = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "tar")
    if kind in ("7z", "rar"):
        raise SourceError(f"{path} is a {kind} archive, which Winnow cannot read; repack it as zip or tar.gz")
    return kind


def refuse_overlaps(path: Path, members: Sequence[zipfile.ZipInfo], end: int) -> None:
    """Raises SourceError where two members share bytes, as in archives that unpack the same data many times.

    Fifield, A better zip bomb, USENIX WOOT 2019.
    """
    starts = sorted((info.header_offset, info.compress_size) for info in members)
    for (start, size), (following, _) in pairwise([*starts, (end, 0)]):
        if start + 30 + size > following:  # 30: the shortest header a member can have
            raise SourceError(f"{path} holds members that share their bytes, like archives made to fill a disk")


class Sparing(io.RawIOBase):
    """A zip whose list of members is refused before it is read into memory, should it be too long for that."""

    def __init__(self, path: Path | Remote):
        self.path, self.handle = path, path.open("rb")
        self.seek, self.tell = self.handle.seek, self.handle.tell

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self.handle.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY:
            raise SourceError(
                f"{self.path} has a list of members of {size:,} bytes, over the limit of {MAX_DIRECTORY:,}; repack it "
                "as tar, or unpack it and use the source folder"
            )
        return self.handle.read(size)


def unpacking(kind: str, packed: BinaryIO) -> BinaryIO:
    if kind == "xz":
        return Xz(packed)
    return {"gz": gzip.open, "bz2": bz2.open}.get(kind, lambda handle: handle)(packed)


class Xz(io.RawIOBase):
    """An .xz file, unpacked within a limit of memory: its header may ask for gigabytes."""

    def __init__(self, packed: BinaryIO):
        self.packed = packed
        self.decoder: lzma.LZMADecompressor | None = None

    def read(self, size: int = -1) -> bytes:
        while True:
            if self.decoder is None or self.decoder.eof:  # several streams may follow each other, zeros between them
                data = (self.decoder.unused_data if self.decoder else b"") or self.packed.read(CHUNK)
                self.decoder = None
                if not data:
                    return b""
                if not (data := data.lstrip(b"\0")):
                    continue
                self.decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            else:
                data = self.packed.read(CHUNK) if self.decoder.needs_input else b""
                if not data and self.decoder.needs_input:
                    raise EOFError("the compressed data ends before its end mark")
            if out := self.decoder.decompress(data, size):
                return out


class Counter(io.RawIOBase):
    """A stream that reports what is read or skipped, and refuses headers no honest archive has."""

    def __init__(self, stream: BinaryIO, path: Path, count: Callable[[int], None]):
        """count: told how many bytes came out."""
        self.stream, self.path, self.count, self.at = stream, path, count, 0
        self.headers, self.in_data = 0, False

    def read(self, size: int = -1) -> bytes:
        if not self.in_data:
            self.headers += size
            if size < 0 or self.headers > MAX_HEADERS:
                raise SourceError(f"{self.path} holds a header of {self.headers:,} bytes; it was refused")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        parts, left = [], size
        while left and (data := self.stream.read(left)):  # a raw stream may give less than it was asked for
            parts.append(data)
            left -= len(data)
        data = b"".join(parts)
        self.at += len(data)
        self.count(len(data))
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if offset < self.at:  # to go back, all would have to be unpacked again
            raise tarfile.ReadError("its headers lead backwards")
        while self.at < offset and self._take(min(offset - self.at, CHUNK)):
            pass
        return self.at

    def tell(self) -> int:
        return self.at

    def seekable(self) -> bool:
        return True
