"""Hostile zips and tars. Every maker takes a seeded `random.Random` and a folder, and returns the path of a file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
from pathlib import Path

from tests.hostile.images import mutated, picture

OUTSIDE = "winnow-was-here.png"  # what must never appear outside

WAYS = ("../", "../../", "a/../../", "/", "//", "/tmp/", "C:\\", "c:/", "..\\..\\", "./../")
AIMED = (*(f"{way}{OUTSIDE}" for way in WAYS), "a/\0/x.png", "d/" * 200 + "8.png")
ODD = (
    *(
        "a\nb/1.png",
        "\x1b[31m/2.png",
        "con/3.png",
        "aux.png",
        "NUL.png/4.png",
        "a./5.png",
        "b /6.png",
        "",
        ".",
        "a//b.png",
    ),
    *("é/9.png", "e\u0301/9.png", "A/1.png", "a/1.png", "\u202egnp/1.png", "<img src=x>/1.png", "a/", ".hidden/1.png"),
    *("-rf/1.png", "$(touch x)/1.png", "`id`/1.png", "a;b/1.png", "=1+1/1.png", "\U0001f600/1.png", "a/1.PNG", "b.txt"),
    *("x" * 300 + "/7.png", "a/" + "y" * 250 + ".png", "__MACOSX/1.png", "a/1.png/b.png"),
)


def _names(rng: random.Random) -> tuple[str, ...]:
    return (*ODD, *AIMED) if rng.random() < 0.3 else ODD


def zipped(rng: random.Random, folder: Path) -> Path:
    names = _names(rng)
    path = folder / rng.choice(["a.zip", "a.ZIP", "a.bin"])
    with zipfile.ZipFile(path, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])) as out:
        for _ in range(rng.randint(0, 8)):
            info = zipfile.ZipInfo(rng.choice(names))
            info.external_attr = rng.choice([0, 0o100644, 0o120777, 0o060644, 0o020644, 0o040755, 0xFFFF]) << 16
            info.compress_type = out.compression
            out.writestr(info, rng.choice([picture(rng), b"", b"/etc/passwd", b"PK\x03\x04" + bytes(40)]))
        if rng.random() < 0.15:
            out.writestr("bomb/1.png", bytes(rng.choice([11, 30]) * 10**6), zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        _lie(rng, data)
    path.write_bytes(mutated(rng, bytes(data)))
    return path


def _lie(rng: random.Random, data: bytearray) -> None:
    """Overwrite one field of one header: sizes, offsets, flags, ways of packing, lengths of names."""
    heads = [(b"PK\x01\x02", (8, 10, 16, 20, 24, 28, 30, 32, 38, 42)), (b"PK\x03\x04", (6, 8, 14, 18, 22, 26, 28))]
    heads.append((b"PK\x05\x06", (4, 8, 10, 12, 16, 20)))
    mark, fields = rng.choice(heads)
    found = [at for at in range(len(data) - 46) if data[at : at + 4] == mark]
    if mark == b"PK\x05\x06":
        found = [data.rfind(mark)] if mark in data else []
    if found:
        at = rng.choice(found) + rng.choice(fields)
        value = rng.choice([0, 1, 9, 14, 99, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF])
        data[at : at + 4] = struct.pack("<I", value)


def tarred(rng: random.Random, folder: Path) -> Path:
    names = _names(rng)
    buffer = io.BytesIO()
    form = rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
    pax = {f"k{i}": "v" * 50 for i in range(300)} if rng.random() < 0.05 else {}
    with tarfile.open(fileobj=buffer, mode="w", format=form, pax_headers=pax) as out:
        for _ in range(rng.randint(0, 8)):
            try:
                _member(rng, out, rng.choice(names))
            except (ValueError, UnicodeError):  # this form of tar cannot say it
                continue
    data = buffer.getvalue()
    if rng.random() < 0.2:
        data = _chain(rng) + data
    if rng.random() < 0.15:
        data = bytearray(data)
        at = 512 * rng.randrange(max(len(data) // 512, 1)) + 124  # a size
        data[at : at + 12] = rng.choice(
            [b"\xff" * 12, b"\x80" + b"\0" * 3 + b"\x7f" * 8, b"77777777777\0", b"-0000000001\0"]
        )
        data = bytes(data)
    kind, pack = rng.choice(
        [("tar", bytes), ("tar.gz", gzip.compress), ("tar.bz2", bz2.compress), ("tar.xz", lzma.compress)]
    )
    path = folder / f"a.{kind}"
    path.write_bytes(mutated(rng, pack(data) * rng.choice([1, 1, 1, 2])))
    return path


def _member(rng: random.Random, out: tarfile.TarFile, name: str) -> None:
    info = tarfile.TarInfo(name or "x")
    info.type = rng.choice(
        [tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
    )
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = rng.choice(["/tmp", "..", "../..", "/etc/passwd", "a/1.png"])
        out.addfile(info)
        info = tarfile.TarInfo(f"{info.name}/{OUTSIDE}")  # and now through the link
    data = rng.choice([picture(rng), b"", bytes(12_000_000 if rng.random() < 0.05 else 1000)])
    info.size = len(data)
    out.addfile(info, io.BytesIO(data))


def _chain(rng: random.Random) -> bytes:
    """Headers that only announce further headers, or one that is far too long."""
    info = tarfile.TarInfo("././@LongLink")
    info.type = rng.choice([tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
    body = b"x" * 512 if info.type == tarfile.GNUTYPE_LONGNAME else b"20 a=bbbbbbbbbbbbbb\n".ljust(512, b"\0")
    info.size = rng.choice([512, 20, 10**9, 2**60])
    return (info.tobuf(tarfile.GNU_FORMAT) + body) * rng.choice([1, 3, 1500])
