"""The images of condensed sets side by side, class by class, as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from curation.ui.parts.theme import escaped
from curation.ui.parts.thumbnails import TINY

MOST = 10  # images of a class that are shown
ROWS = 40  # classes that are shown
HEIGHT = 44  # pixels on the page, of an image, where there is room

CSS = """<style>
.wn-sets { display: grid; gap: 0.3rem 1.1rem; align-items: center; font-size: 0.85rem; }
.wn-sets > b { font-weight: 600; }
.wn-sets > span { opacity: 0.8; max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wn-sets img { display: block; height: auto; border-radius: 3px; }
.wn-sets img.wn-tiny { image-rendering: pixelated; }
.wn-sets em { font-style: normal; opacity: 0.6; }
</style>"""


def side_by_side(sets: Sequence[tuple[str, np.ndarray, np.ndarray]], classes: Sequence[str]) -> str:
    """A row per class, a column per set. sets: (heading, values [M, s, s, 3] uint8, labels [M])."""
    codes = sorted({int(code) for _, _, labels in sets for code in np.unique(labels)})[:ROWS]
    head = "".join(f"<b>{escaped(name)}</b>" for name, *_ in sets)
    cells = [f"<span></span>{head}"]
    for code in codes:
        strips = [_strip(values[labels == code][:MOST], f"{name}, {classes[code]}") for name, values, labels in sets]
        cells.append(f'<span title="{escaped(classes[code])}">{escaped(classes[code])}</span>{"".join(strips)}')
    columns = f"minmax(1.5rem, max-content) repeat({len(sets)}, minmax(0, {MOST * HEIGHT}px))"
    return f'{CSS}<div class="wn-sets" style="grid-template-columns: {columns}">{"".join(cells)}</div>'


def _strip(images: np.ndarray, alt: str) -> str:
    """Images of one class in a row, as one picture."""
    if not len(images):
        return "<em>none</em>"
    side = images.shape[1]
    row = np.full((side, len(images) * (side + 1) - 1, 3), 128, np.uint8)
    for at, image in enumerate(images):
        row[:, at * (side + 1) : at * (side + 1) + side] = image
    out = io.BytesIO()
    Image.fromarray(row).save(out, "PNG")
    kind = ' class="wn-tiny"' if side <= TINY else ""
    data = base64.b64encode(out.getvalue()).decode()
    wide = f"width: min(100%, {len(images) * HEIGHT}px)"
    return f'<img{kind} style="{wide}" src="data:image/png;base64,{data}" alt="{escaped(alt)}">'
