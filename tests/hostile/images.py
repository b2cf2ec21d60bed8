"""Hostile images, and what is shared by all makers: broken bytes, and small sound pictures to break."""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from functools import lru_cache
from pathlib import Path

from PIL import Image

KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
NOT_IMAGES = (
    b"",
    b"\0" * 100,
    b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    b"<html><script>alert(1)</script>",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0" + b"\xff" * 500,
    b"8BPS\0\1" + bytes(50),
    b"#define im_width 9\n#define im_height 9\n",
)


@lru_cache(maxsize=64)
def _sound(kind: str, mode: str, frames: int, exif: bytes) -> bytes:
    image = Image.radial_gradient("L").resize((40, 30)).convert("RGB").convert(mode)
    more = {"save_all": True, "append_images": [image.rotate(90)] * (frames - 1)} if frames > 1 else {}
    if exif and kind in ("JPEG", "PNG", "WEBP"):
        more["exif"] = exif
    out = io.BytesIO()
    try:
        image.save(out, kind, **more)
    except (OSError, ValueError, SystemError, KeyError):  # this kind has no such mode, or no frames
        return _sound("PNG", "RGB", 1, b"")
    return out.getvalue()


def picture(rng: random.Random) -> bytes:
    """A small sound image of any kind."""
    exif = rng.choice(
        [b"", b"", b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", b"Exif\0\0" + b"\xff" * 40]
    )
    return _sound(
        rng.choice(KINDS), rng.choice(["RGB", "L", "RGBA", "P", "CMYK", "I;16", "1"]), rng.choice([1, 1, 3]), exif
    )


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Mostly as it is; else cut short, with bytes changed, doubled, or with something before it."""
    way = rng.random()
    if way < 0.5 or not data:
        return data
    if way < 0.65:
        return data[: rng.randrange(len(data))]
    if way < 0.9:
        broken = bytearray(data)
        for _ in range(rng.choice([1, 3, 20])):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        return bytes(broken)
    at = rng.randrange(len(data))
    return rng.choice([data + data, b"junk" * 9 + data, data[:at] + b"\xff" * 40 + data[at:]])


def promising(rng: random.Random) -> bytes:
    """A header that promises far more pixels than there are, or texts that unpack to far more than they are."""
    side = rng.choice([30_000, 65_500, 2**31 - 1])

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    if rng.random() < 0.3:
        return (
            b"GIF89a"
            + struct.pack("<HH", 65_535, 65_535)
            + b"\xf7\0\0"
            + bytes(768)
            + b",\0\0\0\0\xff\xff\xff\xff\0\2\0;"
        )
    size = (side, side) if rng.random() < 0.5 else (8, 8)
    head = chunk(
        b"IHDR", struct.pack(">IIBBBBB", *size, rng.choice([8, 16]), rng.choice([0, 2, 6]), 0, 0, rng.choice([0, 1]))
    )
    text = chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(3_000_000))) * rng.choice([0, 1, 30])
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(3_000_000)))
    body = chunk(b"IDAT", zlib.compress(bytes(rng.choice([0, 1000, 5_000_000]))))
    return b"\x89PNG\r\n\x1a\n" + head + text + profile + body + chunk(b"IEND", b"")


def image_folder(rng: random.Random, folder: Path) -> Path:
    """A few class folders of images that are broken, lie, or are no images, links and pipes among them."""
    top = folder / "set"
    for number in range(rng.randint(1, 8)):
        place = top / rng.choice(["a", "b", "train/a", "<b>x</b>", "test/b"])
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{number}.{rng.choice(['png', 'jpg', 'gif', 'tif', 'webp', 'bmp', 'JPEG', 'svg'])}"
        way = rng.random()
        if way < 0.1:
            path.symlink_to(rng.choice(["/etc/passwd", "/dev/zero", "../../..", path.name, "/proc/self/mem"]))
        elif way < 0.13:
            os.mkfifo(path)
        elif way < 0.16:
            path.mkdir()
        elif way < 0.3:
            path.write_bytes(rng.choice(NOT_IMAGES))
        elif way < 0.4:
            path.write_bytes(promising(rng))
        else:
            path.write_bytes(mutated(rng, picture(rng)))
    return top
