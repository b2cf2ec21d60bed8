"""One way to open an image: upright, RGB, eight bits, with limits. Everything that shows or encodes pixels uses it.

Files are untrusted: the size is read from the header and refused before any pixel is decoded.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from curation.errors import SourceError

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # decoders a file may reach, whatever it is called
MAX_PIXELS = 100_000_000  # 300 MB decoded; larger files are listed as problems, not decoded

# Winnow refuses by MAX_PIXELS itself, with a sentence; Pillow's own limit would only warn.
Image.MAX_IMAGE_PIXELS = None


def open_image(source: Path | bytes) -> Image.Image:
    """Decode a whole image to upright 8-bit RGB; transparency is laid on white, 16-bit greys are scaled.

    Raises SourceError with the reason in words: not an image, truncated, too large.
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise SourceError(f"{width:,} x {height:,} pixels, over the limit of {MAX_PIXELS:,}")
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise SourceError("the file is missing") from None
    except UnidentifiedImageError:
        raise SourceError("not an image in a format that can be read") from None
    except SourceError:
        raise
    except Exception as error:  # decoders raise many types on hostile bytes; each is this file's problem only
        raise SourceError(f"damaged or truncated image ({error})") from None


def from_array(array: np.ndarray) -> Image.Image:
    """uint8 [h, w] or [h, w, 3] as an RGB image."""
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey = np.asarray(image, dtype=np.float32)
        # "I" holds 16-bit PNGs; other depths have no fixed scale, so they are stretched to their own range.
        scale = 65535.0 if image.mode != "F" and grey.max(initial=0) <= 65535 else max(float(grey.max()), 1e-9)
        return Image.fromarray((np.clip(grey / scale, 0, 1) * 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
