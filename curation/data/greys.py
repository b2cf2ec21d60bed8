"""Greys of more than 8 bits, and what they are scaled by to be seen: the same for all images of a set.

Cameras, microscopes, x-ray and satellites write 10 to 14 bits into 16, signed numbers or floats. What white is cannot
be known from one file, so it is what the set holds: unsigned integers are scaled by its bits (0 to 4,095 for 12),
signed ones and floats from its lowest value to its highest. Values that are no finite numbers are black.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

BAND = 1 << 20  # pixels that are looked at together

Scales = Mapping[str, tuple[float, float]]  # "integer" or "float" -> (black, just above white)


class Held(NamedTuple):
    """kind: "integer" or "float". low, high: the lowest and highest finite value of an image."""

    kind: str
    low: float
    high: float


def kind_of(image: Image.Image) -> str | None:
    """What numbers a grey image of more than 8 bits holds; None for any other image.

    >>> kind_of(Image.new("I;16", (1, 1))), kind_of(Image.new("F", (1, 1))), kind_of(Image.new("L", (1, 1)))
    ('integer', 'float', None)
    """
    if image.mode.startswith("I;16") or image.mode == "I":
        return "integer"
    return "float" if image.mode == "F" else None


def held_by(image: Image.Image) -> Held | None:
    """The values of a grey image of more than 8 bits; None for any other image."""
    if (kind := kind_of(image)) is None:
        return None
    low, high = np.inf, -np.inf
    for _, values in _bands(image):
        values = values[np.isfinite(values)]
        low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
    return Held(kind, float(low), float(high)) if low <= high else Held(kind, 0.0, 0.0)


def scales_of(held: Iterable[Held]) -> dict[str, tuple[float, float]]:
    """What the images of a set are scaled by.

    >>> scales_of([Held("integer", 3, 1020), Held("integer", 0, 4080)]), scales_of([Held("float", -1.0, 2.0)])
    ({'integer': (0.0, 4096.0)}, {'float': (-1.0, 2.0)})
    """
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for kind, least, most in held:
        low[kind] = min(low.get(kind, 0.0), least)
        high[kind] = max(high.get(kind, least), most)
    return {kind: _scale(kind, low[kind], high[kind]) for kind in low}


def _scale(kind: str, low: float, high: float) -> tuple[float, float]:
    if kind == "integer" and low >= 0:
        return 0.0, 2.0 ** max(int(high).bit_length(), 8)
    return low, high if high > low else low + 1.0


def scaled(image: Image.Image, scales: Scales) -> Image.Image:
    """A grey image of more than 8 bits as one of 8."""
    black, white = scales[kind_of(image)]
    grey = np.empty((image.height, image.width), np.uint8)
    for top, values in _bands(image):
        part = np.nan_to_num((values - black) * (256.0 / (white - black)), nan=0.0, posinf=0.0, neginf=0.0)
        grey[top : top + len(part)] = np.clip(part, 0, 255).astype(np.uint8)
    return Image.fromarray(grey)


def said(scales: Scales) -> list[str]:
    """What a person should know of it."""
    notes = []
    for kind, (black, white) in sorted(scales.items()):
        whole = kind == "integer" and black == 0
        bits = f" ({int(white).bit_length() - 1} bits)" if whole else ""
        top = f"{int(white) - 1:,}" if whole else f"{white:,.6g}"
        held = "of more than 8 bits" if kind == "integer" else "made of floats"
        notes.append(f"Grey images {held} are shown and encoded from {black:,.6g} as black to {top} as white{bits}.")
    return notes


def _bands(image: Image.Image) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, float64 [rows, w]) of an image, a few rows at a time: whole, it would take eight times its size."""
    rows = max(BAND // max(image.width, 1), 1)
    for top in range(0, image.height, rows):
        part = image.crop((0, top, image.width, min(top + rows, image.height)))
        yield top, np.asarray(part).astype(np.float64)
