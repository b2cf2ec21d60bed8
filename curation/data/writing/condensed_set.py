"""A condensed set as files: for numpy, for torch, as pictures with a manifest, and one picture of them all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from curation.data.results import Condensed
from curation.data.writing.atomic import free_name, inert, safe_name

NPZ, TORCH, LOADER, GRID, ABOUT, MANIFEST, IMAGES = (
    *("condensed.npz", "condensed.pt", "load.py", "grid.png", "about.json", "manifest.csv", "images"),
)
GAP = 2  # pixels between the images of the grid
SEEN = 56  # pixels a side of an image of the grid, at least

LOADER_TEXT = '''"""The condensed set beside this file, for training in torch: `load()` gives a TensorDataset."""

from pathlib import Path

import torch


def load(path=Path(__file__).with_name("condensed.pt")):
    """x float [n, 3, s, s] in 0..1 (or embeddings [n, d]); y int64 [n], or probabilities [n, C] to learn instead."""
    kept = torch.load(path, weights_only=True)
    x, parts = kept["values"], kept["parts"]
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).float() / 255
    if parts > 1:  # mosaics: every part is enlarged and is an item of its own
        (n, c, s, _), small = x.shape, x.shape[2] // parts
        x = x.reshape(n, c, parts, small, parts, small).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, small, small)
        x = torch.nn.functional.interpolate(x, size=(s, s), mode="bilinear", align_corners=False)
    y = kept.get("soft", kept["labels"].repeat_interleave(parts**2))
    return torch.utils.data.TensorDataset(x, y)
'''


def write_set(
    folder: Path, made: Condensed, classes: Sequence[str], about: Mapping[str, Any], ids: Sequence[str | None]
) -> None:
    """Write everything into a folder that is there.

    condensed.npz: `images` uint8 [M, s, s, 3], which Winnow reads back, and `values` float32, unrounded; of embeddings
    `features` alone. labels int64 [M], class_names [C], parts, and soft [M * parts**2, C] where it has them.
    condensed.pt: the same in 8 bits, for torch. ids: of the real item each was made from; None where there is no one.
    """
    pictures = made.space == "pixels"
    eight = np.rint(made.values).astype(np.uint8) if pictures else None
    arrays = {"images": eight, "values": made.values} if pictures else {"features": made.values}
    arrays |= {"labels": made.labels, "class_names": np.array(classes, str), "parts": np.array(made.parts)}
    arrays |= {name: value for name, value in (("soft", made.soft), ("texts", made.texts)) if value is not None}
    np.savez(folder / NPZ, **arrays)
    _write_torch(folder, made, eight, classes)
    (folder / LOADER).write_text(LOADER_TEXT, encoding="utf-8")
    (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    files = _write_pictures(folder, eight, made.labels, classes) if pictures else [""] * len(made.labels)
    if pictures:
        Image.fromarray(grid(eight, made.labels)).save(folder / GRID)
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["path", "label", "made_from"])
        for file, code, item in zip(files, made.labels.tolist(), ids, strict=True):
            table.writerow([inert(file), inert(classes[code]), inert(item or "")])


def grid(images: np.ndarray, labels: np.ndarray, columns: int = 20) -> np.ndarray:
    """uint8 [H, W, 3]: the images [M, s, s, 3] class by class, in rows of at most `columns`.

    Small images are enlarged by whole pixels.

    >>> grid(np.zeros((3, 28, 28, 3), np.uint8), np.array([0, 0, 1])).shape
    (118, 118, 3)
    """
    times = max(1, -(-SEEN // images.shape[1]))
    side, most = images.shape[1] * times + GAP, min(int(np.bincount(labels).max()), columns)
    rows = [part for code in np.unique(labels) for part in _split(np.flatnonzero(labels == code), columns)]
    sheet = np.full((len(rows) * side + GAP, most * side + GAP, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, number in enumerate(row):
            big = images[number].repeat(times, axis=0).repeat(times, axis=1)
            top, left = y * side + GAP, x * side + GAP
            sheet[top : top + side - GAP, left : left + side - GAP] = big
    return sheet


# ------------------------------------------------------------------------------------------------------------


def _split(rows: np.ndarray, columns: int) -> list[np.ndarray]:
    return [rows[at : at + columns] for at in range(0, len(rows), columns)]


def _write_torch(folder: Path, made: Condensed, eight: np.ndarray | None, classes: Sequence[str]) -> None:
    import torch

    kept: dict[str, Any] = {
        "values": torch.from_numpy(made.values if eight is None else eight),
        "labels": torch.from_numpy(made.labels),
        "parts": made.parts,
        "classes": list(classes),
    }
    if made.soft is not None:
        kept["soft"] = torch.from_numpy(np.array(made.soft, np.float32))
    out = io.BytesIO()  # into a file, the file's name would become part of its content
    torch.save(kept, out)
    (folder / TORCH).write_bytes(out.getvalue())


def _write_pictures(folder: Path, images: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    """images/<class>/<number>.png, as the folder source reads them; the paths below `folder`."""
    taken: set[str] = set()
    names = {code: free_name(safe_name(classes[code]), taken) for code in np.unique(labels).tolist()}
    numbers, paths = dict.fromkeys(names, 0), []
    for image, code in zip(images, labels.tolist(), strict=True):
        path = Path(IMAGES) / names[code] / f"{numbers[code]:04d}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / path)
        numbers[code] += 1
        paths.append(path.as_posix())
    return paths
