"""Do small images show fine texture only, and no shapes? Asked before an encoder that looks for shapes is proposed.

The measure is the share of an image's variance that is left in the means of a 4 x 4 grid of blocks: what is larger
than a block. Medians over sets of 32 x 32 images: CIFAR-10 0.48, letters 0.22, spectrograms 0.11, filtered noise 0.01.
On the noise a linear classifier reads 11 points more from `patches` than from `lite0`, on spectrograms 7 less, and on
letters and photographs, grey ones and flat ones too, 26 to 32 less (`python -m benchmarks.encoder_choice`).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from curation.data.items import Items
from curation.errors import SourceError

SAMPLE = 64  # images looked at, spread evenly over the set
SMALL = 64  # pixels; encoders of texture shrink larger images until it is lost
GRID = 4
COARSE = 0.08  # between filtered noise (0.01) and spectrograms (0.11)


def fine_texture(items: Items) -> bool:
    """Whether the median of a sample of the usable images is small and without shapes; False where there are none."""
    rows = np.flatnonzero(items.ok) if items.has_images else np.empty(0, int)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(int)]
    images = [image for row in rows if (image := _image(items, int(row))) is not None]
    if not images or np.median([max(image.size) for image in images]) > SMALL:
        return False
    return bool(np.median([coarse(image) for image in images]) < COARSE)


def coarse(image: Image.Image) -> float:
    """Variance of the block means over that of the pixels, 0 to 1; 0 for an image of one grey.

    >>> coarse(Image.new("RGB", (8, 8), "white"))
    0.0
    """
    grey = image.convert("F")
    whole = float(np.asarray(grey).var())
    blocks = np.asarray(grey.resize((GRID, GRID), Image.Resampling.BOX))
    return float(blocks.var()) / whole if whole else 0.0


def _image(items: Items, row: int) -> Image.Image | None:
    """None where the file is gone, which is said elsewhere."""
    try:
        return items.image(row, at_least=2 * SMALL)  # a reduced one is still larger than SMALL
    except SourceError:
        return None
