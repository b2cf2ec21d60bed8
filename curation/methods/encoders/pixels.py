"""Pixels: the image itself, made small and laid out as one long vector.

The simplest encoder there is and the baseline for the others; close to useful where images are small, centred and
alike in layout (digits, symbols), and nearly useless on photographs, where the same object elsewhere in the picture
shares no number with itself. Blind to everything a shift, another background or another colour hides.

LeCun, Bottou, Bengio & Haffner, Gradient-Based Learning Applied to Document Recognition, Proceedings of the IEEE
1998, compare classifiers on exactly this input.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.training.embed import Encoder

CARD = Card(
    title="Pixels",
    cost="decoding only",
    blind_to="anything that is shifted, rotated, recoloured or set on another background",
    needs=("images",),
    paper="https://doi.org/10.1109/5.726791",
    tags=("images", "label-free", "offline", "baseline"),
    requires=("torch",),
    rows="all",
    stochastic=False,
    side=16,
    why="Images this small are best compared by their raw pixels.",
)


def encode(
    view: View,
    *,
    size: Annotated[int, Field(ge=4, le=64, description="Side in pixels every image is resized to.")] = 16,
    colour: Annotated[
        Literal["rgb", "grey"], Field(description="Colour (three values per pixel) or grey (one).")
    ] = "rgb",
) -> Encoder:
    """Encoder to [m, size * size * (3 or 1)], values in [0, 1].

    >>> import torch
    >>> encoder = encode(View.of(images=[]), size=4, colour="grey")
    >>> encoder.forward(torch.from_numpy(encoder.prepare(Image.new("RGB", (9, 9), "white"))[None])).shape
    torch.Size([1, 16])
    """
    return Encoder(
        dim=size * size * (3 if colour == "rgb" else 1),
        prepare=partial(_resized, size=size, mode="RGB" if colour == "rgb" else "L"),
        forward=lambda batch: batch.flatten(1).float() / 255,
        batch=1024,
    )


def _resized(image: Image.Image, size: int, mode: str) -> np.ndarray:
    """uint8 [size, size, 3] or [size, size]."""
    return np.array(image.convert(mode).resize((size, size), Image.Resampling.BILINEAR))
