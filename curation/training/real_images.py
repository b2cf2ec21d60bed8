"""The real images a condensed set is made from: drawn in batches of every class, standardised, never all at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.data.results import Condensed
from curation.data.view import View
from curation.errors import InputError
from curation.training.pixels import is_grey


class RealImages:
    """pixels uint8 [n, s, s, 3] and labels [n] of a view as tensors [b, c, s, s] of mean 0 and spread 1 per channel.

    c is 1 where all images are grey, else 3. present: codes of the classes that have items, ascending.
    low, high: tensors [c, 1, 1], what 0 and 255 are in these units.
    """

    def __init__(self, view: View, device: str = "cpu"):
        import torch

        self.pixels, self.labels, self.device = view.pixels, view.labels, device
        self.classes = len(view.classes)
        self.side = self.pixels.shape[1]
        self.grey = is_grey(self.pixels)
        self.channels = 1 if self.grey else 3
        self.rows_of = rows_by_class(view.labels)
        self.present = np.array(sorted(self.rows_of))
        some = self.pixels[:: max(1, len(self.pixels) // 2000)][..., : self.channels].astype(np.float64)
        mean, spread = some.mean(axis=(0, 1, 2)), np.maximum(some.std(axis=(0, 1, 2)), 1.0)
        shape = (self.channels, 1, 1)
        self.mean = torch.tensor(mean, dtype=torch.float32, device=device).view(shape)
        self.spread = torch.tensor(spread, dtype=torch.float32, device=device).view(shape)
        self.low, self.high = (0 - self.mean) / self.spread, (255 - self.mean) / self.spread

    def batch(self, rows: np.ndarray):
        """float32 [b, c, s, s]."""
        return self.standardised(self.pixels[rows])

    def standardised(self, pixels: np.ndarray):
        """float32 [b, c, s, s] of pixels [b, s, s, 3] in 0..255."""
        import torch

        part = np.ascontiguousarray(pixels[..., : self.channels])
        x = torch.from_numpy(part).to(self.device).permute(0, 3, 1, 2).float()
        return ((x - self.mean) / self.spread).contiguous()

    def draw(self, rng: np.random.Generator, per_class: int) -> np.ndarray:
        """int64 [classes present, per_class], rows of every class; none twice where the class has enough."""
        return np.stack([some_rows(self.rows_of[c], per_class, rng) for c in self.present])

    def to_pixels(self, images) -> np.ndarray:
        """float32 [b, s, s, 3] in 0..255."""
        x = (images.detach() * self.spread + self.mean).clamp(0, 255).permute(0, 2, 3, 1)
        return x.expand(*x.shape[:3], 3).contiguous().cpu().numpy()

    def clamp_(self, images) -> None:
        """Back into the range of pixels, in place."""
        images.clamp_(self.low, self.high)


def rows_by_class(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Code of every class that has items -> its rows int64, ascending."""
    return {int(c): np.flatnonzero(labels == c) for c in np.unique(labels)}


def quota(view: View, per_class: int) -> tuple[dict[int, int], tuple[str, ...]]:
    """How many items every class with items gets, and a sentence where a class has fewer than `per_class`.

    >>> quota(View.of(labels=np.array([0, 0, 1])), 2)
    ({0: 2, 1: 1}, ('1 of 2 classes has fewer than 2 items and gets what it has, the smallest 1 item ("1")',))
    """
    if per_class < 1:
        raise InputError(f"per_class = {per_class}: a condensed set has at least one item of every class")
    if len(view) == 0:
        raise InputError("there are no rows to condense; keep at least one")
    sizes = {c: len(rows) for c, rows in rows_by_class(view.labels).items()}
    short = [c for c, size in sizes.items() if size < per_class]
    notes = ()
    if short:
        least = min(short, key=sizes.get)
        have, items = ("has", "gets what it has") if len(short) == 1 else ("have", "get what they have")
        notes = (
            f"{len(short)} of {len(sizes)} classes {have} fewer than {per_class} items and {items}, the smallest "
            f'{sizes[least]} item{"s" * (sizes[least] > 1)} ("{view.classes[least]}")',
        )
    return {c: min(size, per_class) for c, size in sizes.items()}, notes


def random_rows(view: View, quotas: dict[int, int], rng: np.random.Generator) -> np.ndarray:
    """int64 [M], so many rows of every class, class by class."""
    rows = rows_by_class(view.labels)
    return np.concatenate([rng.permutation(rows[c])[:many] for c, many in quotas.items()])


def real_items(view: View, rows: np.ndarray, space: str, notes: Sequence[str] = ()) -> Condensed:
    """Real rows of the view as a condensed set, images or embeddings."""
    labels = view.labels[rows]
    if space == "embeddings":
        return Condensed(view.embeddings[rows].astype(np.float32), labels, rows=rows, notes=tuple(notes))
    values = view.pixels[rows].astype(np.float32)
    return Condensed(values, labels, rows=rows, grey=is_grey(view.pixels), notes=tuple(notes))


def some_rows(rows: np.ndarray, many: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [many], any of the rows; all of them and some again where they are too few."""
    if len(rows) >= many:
        return rng.choice(rows, many, replace=False, shuffle=False)
    return np.resize(rng.permutation(rows), many)
