"""The overview of a dataset: what was read, as numbers, bars and words. Pure functions; the page draws them."""

from __future__ import annotations

import gzip
import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from PIL import Image

from curation.data.items import SPLITS, TEST, TRAIN, VAL, Items
from curation.ui.parts.theme import escaped

LOOKED_AT = 1_000  # texts whose length is measured


@dataclass(frozen=True)
class Facts:
    """Counts are of usable items. counts: int [C, 3], items per class in train, val and test.

    sides: (smallest, median, largest) of width and of height in pixels, None without images. letters: (median, what
    nine in ten do not exceed) of the characters of a text, None without texts. problems: item rows that cannot be
    used. bytes: of all items.
    """

    items: int
    usable: int
    splits: dict[str, int]
    counts: np.ndarray
    bytes: int
    sides: tuple[tuple[int, int, int], tuple[int, int, int]] | None
    problems: np.ndarray
    letters: tuple[int, int] | None = None

    @property
    def side(self) -> int:
        """The median image's longer side, 0 without images."""
        return max(self.sides[0][1], self.sides[1][1]) if self.sides else 0


def facts(items: Items, labels: np.ndarray, classes: Sequence[str]) -> Facts:
    """labels: int64 [n], current codes into `classes`, -1 for none."""
    ok, counts = items.ok, np.zeros((len(classes), 3), np.int64)
    for column, name in enumerate((TRAIN, VAL, TEST)):
        codes = labels[items.rows(name)]
        counts[:, column] = np.bincount(codes[codes >= 0], minlength=len(classes))
    return Facts(
        items=len(items),
        usable=int(ok.sum()),
        splits={name: count for name in SPLITS if (count := len(items.rows(name)))},
        counts=counts,
        bytes=pc.sum(items.table["bytes"]).as_py() or 0,
        sides=_sides(items, ok) if items.has_images else None,
        problems=np.flatnonzero(~ok),
        letters=_letters(items, ok) if items.has_texts else None,
    )


def _sides(items: Items, ok: np.ndarray):
    found = []
    for name in ("width", "height"):
        values = items.column(name).astype(float)[ok]
        values = values[np.isfinite(values)]
        if not len(values):
            return None
        found.append((int(values.min()), int(np.median(values)), int(values.max())))
    return tuple(found)


def _letters(items: Items, ok: np.ndarray) -> tuple[int, int] | None:
    """Of `LOOKED_AT` texts, spread evenly."""
    rows = np.flatnonzero(ok)
    rows = rows[:: -(-len(rows) // LOOKED_AT) or 1]
    if not len(rows):
        return None
    lengths = [len(text) for text in items.texts(rows)]
    return int(np.median(lengths)), int(np.quantile(lengths, 0.9))


def hardest_class(labels: np.ndarray, classes: Sequence[str], difficulty: np.ndarray) -> str | None:
    """The class whose items are hardest on average, in words; None when nothing is scored. labels: int64 [n]."""
    seen = np.isfinite(difficulty) & (labels >= 0)
    if not seen.any():
        return None
    total = np.bincount(labels[seen], weights=difficulty[seen], minlength=len(classes))
    count = np.bincount(labels[seen], minlength=len(classes))
    return classes[int(np.where(count, total / np.maximum(count, 1), -np.inf).argmax())]


# -- words -----------------------------------------------------------------------------------------------------


def size_words(sides) -> tuple[str, str]:
    """Image sizes as a short value and a full explanation.

    >>> size_words(((8, 8, 8), (8, 8, 8)))
    ('8 × 8', 'every image is 8 × 8 pixels')
    >>> size_words(((20, 32, 640), (20, 24, 480)))[0]
    '32 × 24'
    """
    (w0, w, w1), (h0, h, h1) = sides
    if w0 == w1 and h0 == h1:
        return f"{w} × {h}", f"every image is {w} × {h} pixels"
    return f"{w} × {h}", f"median; widths {w0:,} to {w1:,}, heights {h0:,} to {h1:,} pixels"


# -- drawn -----------------------------------------------------------------------------------------------------


def class_bars(names: Sequence[str], counts: np.ndarray) -> str:
    """Items per class as HTML: a bar for train, and beside it what verification measures on (val and test).

    counts: int [C, 3] as in `Facts`. Names are escaped.
    """
    train, held = counts[:, 0], counts[:, 1:].sum(axis=1)
    widest = max(int((train + held).max(initial=0)), 1)
    rows = []
    for name, a, b in zip(names, train.tolist(), held.tolist(), strict=True):
        bars = f'<i style="width:{96 * a / widest:.2f}%"></i><b style="width:{96 * b / widest:.2f}%"></b>'
        number = f"{a:,} + {b:,}" if b else f"{a:,}"
        label = escaped(name)
        rows.append(
            f'<div><span title="{label}">{label}</span><span class="wn-bar">{bars}</span><em>{number}</em></div>'
        )
    key = "<i></i>train" + ("<b></b>test" if held.any() else "")
    return f'<style>{_BARS}</style><div class="wn-bars-key">{key}</div><div class="wn-bars">{"".join(rows)}</div>'


_ACCENT = "light-dark(#2F74B8, #5A9FE0)"  # as `chart_style.accent`
_BARS = f"""
.wn-bars {{ display: grid; grid-template-columns: fit-content(35%) 1fr max-content; gap: 0 0.6rem;
  align-items: center; line-height: 1.75; font-size: 0.85rem; font-variant-numeric: tabular-nums; }}
.wn-bars > div {{ display: contents; }}
.wn-bars span:first-child {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; text-align: right; }}
.wn-bars em {{ font-style: normal; opacity: 0.68; font-size: 0.8rem; }}
.wn-bar {{ display: flex; height: 11px; gap: 1px; }}
.wn-bar i, .wn-bars-key i {{ background: {_ACCENT}; border-radius: 2px; }}
.wn-bar b, .wn-bars-key b {{ background: color-mix(in srgb, {_ACCENT} 38%, transparent); border-radius: 2px; }}
.wn-bars-key {{ display: flex; align-items: center; gap: 0.35rem; margin-bottom: 0.3rem; font-size: 0.8rem; }}
.wn-bars-key i, .wn-bars-key b {{ display: inline-block; width: 10px; height: 10px; }}
.wn-bars-key b {{ margin-left: 0.6rem; }}
"""


def problems_table(items: Items, rows: np.ndarray) -> dict[str, list]:
    """Items that cannot be used, each with its reason."""
    return {word: [items.cell(name, row) for row in rows] for word, name in {"item": "id", "reason": "status"}.items()}


def sample_picture(columns: int = 15, rows: int = 5) -> bytes | None:
    """The first digits of the sample as one PNG in blue ink; scikit-learn's file is read, not the package."""
    spec = importlib.util.find_spec("sklearn")
    path = Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz") if spec else None
    if path is None or not path.exists():
        return None
    with gzip.open(path, "rt") as lines:
        digits = np.array([next(lines).split(",")[:64] for _ in range(columns * rows)], float).reshape(-1, 8, 8)
    ink = np.zeros((rows * 10, columns * 10), np.uint8)
    for at, digit in enumerate(digits):
        y, x = divmod(at, columns)
        ink[y * 10 + 1 : y * 10 + 9, x * 10 + 1 : x * 10 + 9] = np.round(digit * 255 / 16)
    sheet = Image.new("RGBA", ink.shape[::-1], "#3477BC")
    sheet.putalpha(Image.fromarray(ink))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
