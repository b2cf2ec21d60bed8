"""Pixels: every image at one small size, decoded once.

What students that learn from pixels train on. The shorter side is brought to `size` and the middle is kept, so shapes
are not squeezed. Blind to what lies outside the middle square, and to detail finer than the small size shows.

Resampling by Pillow (bicubic, with the support widened when shrinking, so nothing is skipped over).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field

from curation.card import Card
from curation.data.contents import Images
from curation.data.reading.decoders import cores
from curation.data.view import View

CARD = Card(
    title="Small pixels",
    cost="n decoded images time, n * size^2 memory",
    blind_to="the edges of long images and detail finer than the small size",
    needs=("images",),
    tags=("images",),
    rows="all",
    stochastic=False,
)

BLOCK = 256


def gather(
    view: View,
    *,
    progress=None,
    size: Annotated[int, Field(ge=8, le=256, description="Side of the small square images in pixels.")] = 32,
) -> np.ndarray:
    """uint8 [m, size, size, 3].

    >>> from curation.data.items import make_items
    >>> wide = np.zeros((1, 20, 40, 3), dtype=np.uint8)
    >>> items = make_items(ids=["a"], labels=["x"], splits=["train"], images=wide)
    >>> gather(View.of(images=Images(items, np.arange(1))), size=8).shape
    (1, 8, 8, 3)
    """
    m, images = len(view), view.images
    pixels = np.empty((m, size, size, 3), dtype=np.uint8)

    def fill(start: int) -> int:
        stop = min(start + BLOCK, m)
        images.fetch(range(start, stop))
        for i in range(start, stop):
            pixels[i] = _small(images, i, size)
        return stop - start

    done = 0
    with ThreadPoolExecutor(cores()) as pool:  # Pillow lets other threads work while it decodes
        for count in pool.map(fill, range(0, m, BLOCK)):
            done += count
            if progress is not None:
                progress(done, m, f"{done:,} of {m:,} images")
    return pixels


def _small(images: Images, i: int, size: int) -> np.ndarray:
    image = images.items.image(int(images.rows[i]), at_least=2 * size)  # no need to decode 12 megapixels in full
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC))
