"""Differentiable Siamese augmentation (DSA): one random change, the same for real and synthetic images.

    one of: colour (brightness, saturation, contrast), shift, cutout, flip, zoom, rotation

A `Change` is drawn from a generator of one's own and is nothing but numbers; `apply` is differentiable in the images.
With one row of numbers every image of a batch is changed alike, as condensing needs it; a student that trains on the
set draws a row for every image. What moves out of the picture is filled with 0, the mean of standardised images.

Zhao & Bilen, Dataset Condensation with Differentiable Siamese Augmentation, ICML 2021. Differs: shift, zoom and
rotation read the old picture at other coordinates (bilinear) in one way, and grey images have no saturation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Augment = Literal["auto", "none", "dsa", "dsa_flip"]

REACH, HOLE, ZOOM, TURN = 0.125, 0.5, 1.2, math.radians(15)  # the paper's settings: shares of the side, factor, angle
KINDS = ("colour", "shift", "cutout", "zoom", "turn")


@dataclass(frozen=True)
class Change:
    """kind: one of KINDS, "flip" or "none". numbers: float [1 or b, 3] in 0..1, whatever the kind makes of them."""

    kind: str
    numbers: np.ndarray


def kinds(augment: Augment, grey: bool) -> tuple[str, ...]:
    """What is drawn from. "auto" leaves out the flip for grey images, which tend to be digits, letters or scans.

    >>> kinds("auto", grey=True) == KINDS, kinds("dsa_flip", grey=True)[-1]
    (True, 'flip')
    """
    if augment == "none":
        return ("none",)
    return (*KINDS, "flip") if augment == "dsa_flip" or (augment == "auto" and not grey) else KINDS


def draw(among: tuple[str, ...], rng: np.random.Generator, many: int = 1) -> Change:
    return Change(among[int(rng.integers(len(among)))], rng.random((many, 3)))


def apply(change: Change, images):
    """images: standardised float [b, c, s, s]; the same shape comes back."""
    import torch

    if change.kind == "none":
        return images
    u = torch.as_tensor(change.numbers, dtype=images.dtype, device=images.device)
    if change.kind == "colour":
        return _colour(images, u[..., None, None, None])
    if change.kind == "flip":
        return torch.where(u[:, 0, None, None, None] < 0.5, images.flip(3), images)
    if change.kind == "cutout":
        return images * _outside(u, images.shape[-1])
    still, none = torch.ones_like(u[:, 0]), torch.zeros_like(u[:, 0])
    if change.kind == "shift":
        there = 2 * (2 * u - 1) * REACH
        rows = [still, none, there[:, 0], none, still, there[:, 1]]
    elif change.kind == "zoom":
        factor = ZOOM ** (2 * u - 1)
        rows = [factor[:, 0], none, none, none, factor[:, 1], none]
    else:
        angle = (2 * u[:, 0] - 1) * TURN
        rows = [angle.cos(), -angle.sin(), none, angle.sin(), angle.cos(), none]
    theta = torch.stack(rows, dim=1).view(-1, 2, 3).expand(len(images), 2, 3)
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def for_students(augment: Augment, grey: bool):
    """(pixels [b, s, s, 3] in 0..255, torch generator) -> the same, every image changed in its own way; None: nothing.

    What `curation.training.loop.fit` takes as `augment`.
    """
    import torch

    among = kinds(augment, grey)
    if among == ("none",):
        return None

    def changed(pixels, generator):
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        change = draw(among, np.random.default_rng(seed), len(pixels))
        images = (pixels.permute(0, 3, 1, 2).float() - 127.5) / 64.0
        return apply(change, images).permute(0, 2, 3, 1) * 64.0 + 127.5

    return changed


def _colour(images, u):
    """u: [1 or b, 3, 1, 1, 1], one number for each of brightness, saturation and contrast."""
    brightness, saturation, contrast = u[:, 0] - 0.5, 2 * u[:, 1], u[:, 2] + 0.5
    images = images + brightness
    if images.shape[1] > 1:
        grey = images.mean(dim=1, keepdim=True)
        images = (images - grey) * saturation + grey
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * contrast + mean


def _outside(u, side: int):
    """float [1 or b, 1, s, s]: 0 in a square of half the side, wherever its middle fell, else 1."""
    import torch

    at = torch.arange(side, device=u.device)
    inside = (at - (u[:, :2] * side).floor()[..., None]).abs() <= side * HOLE / 2 - 0.5  # [b, 2, s]
    return 1.0 - (inside[:, 0, :, None] & inside[:, 1, None, :]).to(u.dtype)[:, None]
