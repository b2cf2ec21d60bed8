"""Synthetic images of every class on their way from where they start to a condensed set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from curation.data.results import Condensed
from curation.data.view import View
from curation.training.condensing import Watch, optimise
from curation.training.mosaic import fold, unfold
from curation.training.real_images import RealImages, quota, some_rows

Start = Literal["real", "noise"]


class Synthetic:
    """M images, class by class as in `real.present`, and what was spent on them.

    images: float32 [M, c, s, s], standardised as those of `real`. labels: int64 [M]. owner: int64 tensor
    [M * parts**2], for every part the place of its class in `real.present`. target: int64 tensor, its code.
    passes: a Counter of "real_forward", "real_backward" and "synthetic", to be added to.
    """

    def __init__(
        self, view: View, per_class: int, real: RealImages, rng: np.random.Generator, start: Start, parts: int = 1
    ):
        import torch

        quotas, self.notes = quota(view, per_class)
        self.real, self.parts, self.passes = real, parts, Counter()
        self._decode, self._clamp = lambda images: images, real.clamp_
        self.labels = np.repeat(list(quotas), list(quotas.values())).astype(np.int64)
        owner = np.repeat(np.arange(len(quotas)), list(quotas.values())).repeat(parts**2)
        self.owner = torch.from_numpy(owner).to(real.device)
        self.target = torch.from_numpy(self.labels.repeat(parts**2)).to(real.device)
        self._share = torch.from_numpy(1.0 / np.bincount(owner)).float().to(real.device)
        if start == "noise":
            self.rows = np.full(len(self.labels), -1)
            shape = (len(self.labels), real.channels, real.side, real.side)
            noise = torch.from_numpy(rng.standard_normal(shape, np.float32)).to(real.device)
            self.images = noise.clamp(real.low, real.high)
        else:
            rows = self._start(quotas, rng)
            self.rows = rows if parts == 1 else np.full(len(self.labels), -1)
            self.images = fold(real.batch(rows), parts)

    def _start(self, quotas: dict[int, int], rng: np.random.Generator) -> np.ndarray:
        """int64 [M * parts**2], random real rows of every class."""
        rows = self.real.rows_of
        return np.concatenate([some_rows(rows[c], many * self.parts**2, rng) for c, many in quotas.items()])

    def behind(self, code, decode: Callable) -> None:
        """Optimise `code`, a tensor, instead of the pixels. decode: code -> images, differentiable, within range."""
        self.images, self._decode, self._clamp = code, decode, lambda code: None

    def unfolded(self, images):
        """float32 [M * parts**2, c, s, s], what is trained on."""
        return unfold(images, self.parts)

    def class_means(self, features):
        """[K, ...], means over the synthetic items of every class; features: [M * parts**2, ...]."""
        import torch

        total = torch.zeros((len(self._share), *features.shape[1:]), dtype=features.dtype, device=features.device)
        total = total.index_add(0, self.owner, features)
        return total * self._share.view(-1, *[1] * (features.ndim - 1))

    def optimise(
        self,
        loss: Callable[[int, object], object],
        *,
        iterations: int,
        lr: float,
        watch: Watch,
        progress: Callable | None,
        settled: Callable[[int], bool] = lambda done: True,
        beside: Mapping[str, tuple[object, float]] | None = None,
    ) -> Condensed:
        """The finished set. loss: (iteration, images [M, c, s, s], **beside) -> a scalar; see `condensing.optimise`.

        beside: name -> (tensor, its rate), what is learnt with the images.
        """
        beside = beside or {}
        history = optimise(
            {"images": self.images} | {name: tensor for name, (tensor, _) in beside.items()},
            {"images": lr} | {name: rate for name, (_, rate) in beside.items()},
            lambda t, tensors: loss(t, self._decode(tensors["images"]), **{name: tensors[name] for name in beside}),
            iterations=iterations,
            watch=watch,
            progress=progress,
            values=lambda tensors: self.real.to_pixels(self._decode(tensors["images"])),
            clamp=lambda tensors: self._clamp(tensors["images"]),
            settled=settled,
        )
        return self.result(history, watch)

    def result(self, history: Mapping[str, np.ndarray], watch: Watch) -> Condensed:
        return Condensed(
            values=self.real.to_pixels(self._decode(self.images)),
            labels=self.labels,
            parts=self.parts,
            rows=self.rows,
            grey=self.real.grey,
            passes=dict(self.passes),
            history=history,
            notes=(*self.notes, *watch.notes),
        )


def seed_of(*numbers: int) -> int:
    """One seed out of several numbers.

    >>> seed_of(0, 1) == seed_of(0, 1), seed_of(0, 1) == seed_of(1, 0)
    (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
