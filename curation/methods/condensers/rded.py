"""RDED: crops of real images an expert is surest of, four of them in one image, with soft labels.

Nothing is optimised: of every image the crop that looks most like its class to the expert is kept, and of those the
ones it is surest of. Real to look at, and among the strongest on photographs. Blind to variety: what the expert is sure
of may be alike. Below 16 pixels a quarter shows nothing, and single crops are taken instead.

Sun, Shi, Yu & Lin, On the Diversity and Realism of Distilled Dataset: An Efficient Dataset Distillation Paradigm, CVPR
2024. Differs: soft labels of every part are stored, from the epoch of the expert that suits, instead of asked anew for
every augmented image.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Condensed
from curation.data.view import View
from curation.training.condensing import effort
from curation.training.experts import EPOCHS, Expert, probabilities
from curation.training.mosaic import fold, legible, unfold
from curation.training.real_images import RealImages, quota

CARD = Card(
    title="RDED (crops of real images)",
    cost="8 epochs of an expert, and C * sample * crops forward passes; one class in memory",
    blind_to="variety: what an expert is sure of may be alike",
    needs=("pixels", "labels"),
    paper="https://arxiv.org/abs/2312.03526",
    tags=("network", "soft"),
    requires=("torch",),
)


def condense(
    view: View,
    per_class: int,
    *,
    seed: int,
    device: str,
    progress=None,
    sample: Annotated[int, Field(ge=1, le=10_000, description="Real images of every class that are looked at.")] = 300,
    crops: Annotated[int, Field(ge=1, le=50, description="Crops of each, of which one is kept.")] = 5,
    smallest: Annotated[
        float, Field(gt=0, le=1, description="The smallest crop, as a share of the area; 0.08 for large photographs.")
    ] = 0.5,
    width: Annotated[int, Field(ge=4, le=1024, description="Channels of the expert's layers.")] = 32,
) -> Condensed:
    """per_class images of every class, soft labels for each part.

    >>> pixels = np.repeat([0, 200], 8)[:, None, None, None] * np.ones((1, 8, 8, 3))
    >>> view = View.of(pixels=pixels.astype(np.uint8), labels=np.repeat([0, 1], 8))
    >>> condense(view, 1, seed=0, device="cpu", width=4).soft.shape
    (2, 2)
    """
    import torch

    quotas, notes = quota(view, per_class)
    real = RealImages(view, device)
    expert = Expert(view, real, seed=seed, width=width, progress=progress)
    parts = 2 if legible(real.side) else 1
    images, rows = [], []
    for code, many in quotas.items():
        rng, wanted = np.random.default_rng([seed, code]), many * parts**2
        own = rng.permutation(real.rows_of[code])[: max(sample, wanted)]
        seen = torch.stack([_cropped(real.batch(own), smallest, rng) for _ in range(crops)])  # [crops, n, c, s, s]
        sure = probabilities(expert.last, seen.flatten(0, 1))[:, code].reshape(crops, len(own))
        best = sure.argmax(axis=0)
        order = np.resize(np.argsort(-sure.max(axis=0), kind="stable")[:wanted], wanted)
        images.append(seen[best[order], order])
        rows.append(own[order])
    folded = fold(torch.cat(images), parts)
    soft, note = expert.soft_labels(unfold(folded, parts))
    learnt = max(EPOCHS) * (len(view) - len(expert.judges))
    return Condensed(
        real.to_pixels(folded),
        np.repeat(list(quotas), list(quotas.values())).astype(np.int64),
        soft=soft,
        parts=parts,
        rows=np.concatenate(rows) if parts == 1 else None,
        grey=real.grey,
        passes={"real_forward": learnt + crops * sum(map(len, rows)), "real_backward": learnt},
        notes=(*notes, note),
    )


def _cropped(images, smallest: float, rng: np.random.Generator):
    """A random square of every image, enlarged: [n, c, s, s]."""
    import torch

    n = len(images)
    side = torch.from_numpy(rng.uniform(smallest, 1.0, n).astype(np.float32) ** 0.5)
    move = torch.from_numpy(rng.uniform(-1, 1, (n, 2)).astype(np.float32)) * (1 - side)[:, None]
    none = torch.zeros(n)
    theta = torch.stack([side, none, move[:, 0], none, side, move[:, 1]], dim=1).view(n, 2, 3).to(images.device)
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def passes(m: int, per_class: int, classes: int, *, sample: int, crops: int, width: int, **_) -> int:
    """What `condensing.effort` is of a condensation of m items."""
    return effort(seen=crops * classes * sample, trained=max(EPOCHS) * m, width=width)
