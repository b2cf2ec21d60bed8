"""One way to open an image: upright, RGB, eight bits, with limits. Everything that shows or encodes pixels uses it.

Files are untrusted: the size is read from the header and refused before any pixel is decoded.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from curation.data.greys import Held, Scales, held_by, kind_of, scaled, scales_of
from curation.errors import SourceError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # decoders a file may reach, whatever it is called
MAGIC = {
    b"\xff\xd8": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}
MAX_PIXELS = 100_000_000  # 400 MB decoded; larger files are listed as problems, not decoded

ORIENTATION = 0x0112  # EXIF tag: 1 = upright, 5 to 8 = turned by a quarter
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUARTERS = tuple(turn for tag, turn in TURNS.items() if tag >= 5)

# Winnow refuses by MAX_PIXELS itself, with a sentence; Pillow's own limit would only warn.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module="PIL")  # oddities in metadata: the pixels are what counts


def open_image(
    source: Path | bytes | BinaryIO, *, at_least: int | None = None, greys: Scales | None = None
) -> Image.Image:
    """Decode a whole image to upright 8-bit RGB; transparency is laid on white, greys of more than 8 bits are scaled.

    at_least: a JPEG may come at a half, quarter or eighth of its size, with both sides at least this long; several
    times faster, for thumbnails. greys: what to scale them by, that of the set; by default what the image itself holds.
    Raises SourceError with the reason in words: not an image, truncated, too large.
    """
    with _opened(source) as image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        image.load()
        return _to_rgb(_upright(image), greys)


class Measured(NamedTuple):
    """Of an upright image. held: the values of a grey image of more than 8 bits; None for others."""

    width: int
    height: int
    held: Held | None = None


def measure(source: Path | bytes | BinaryIO) -> Measured:
    """Size and depth of the upright image, after making sure that `open_image` will succeed on it.

    All of the data is decoded, so a truncated file is found; a large JPEG is decoded at an eighth of its size,
    which reads the same bytes in a fraction of the time. Raises SourceError as `open_image` does.
    """
    with _opened(source) as image:
        size = image.size
        reduced = max(size) > 512 and image.draft(None, (size[0] // 8, size[1] // 8)) is not None
        image.load()
        if not reduced:
            size = image.size  # a TIFF has turned itself upright while loading
        if _turn(image) in QUARTERS:
            size = size[::-1]
        _to_rgb(image.crop((0, 0, 1, 1)))
        return Measured(*size, held_by(image))


def suffix_of(data: bytes) -> str:
    """The file suffix that fits the first bytes of an encoded image, ".bin" when none of the known formats does.

    >>> suffix_of(b"GIF89a"), suffix_of(b"hello")
    ('.gif', '.bin')
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((suffix for magic, suffix in MAGIC.items() if data.startswith(magic)), ".bin")


def from_array(array: np.ndarray) -> Image.Image:
    """uint8 [h, w] or [h, w, 3] as an RGB image."""
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")


@contextlib.contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[Image.Image]:
    """An image whose header was read and is within limits; what goes wrong with it becomes a SourceError."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise SourceError(f"{width:,} x {height:,} pixels, over the limit of {MAX_PIXELS:,}")
            yield image
    except FileNotFoundError:
        raise SourceError("the file is missing") from None
    except UnidentifiedImageError:
        raise SourceError("not an image in a format that can be read") from None
    except SourceError:
        raise
    except MemoryError:
        raise SourceError("takes more memory to decode than a single image may") from None
    except Exception as error:  # decoders raise many types on hostile bytes; each is this file's problem only
        raise SourceError(f"damaged or truncated image ({error})") from None


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What makes it upright; None where it is, or where its EXIF data is too damaged to say."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # the pixels are what counts
        return None


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF orientation asks; the image itself, not a copy, where it stands upright already."""
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image, greys: Scales | None = None) -> Image.Image:
    if (held := None if greys and kind_of(image) in greys else held_by(image)) is not None:
        greys = scales_of([held])
    if kind_of(image) is not None:
        return scaled(image, greys).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
