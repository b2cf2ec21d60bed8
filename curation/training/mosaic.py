"""Mosaics: an image whose quarters are images of half the side, enlarged again before anybody learns from them.

Kim et al., Dataset Condensation via Efficient Synthetic-Data Parameterization, ICML 2022 (multi-formation).
"""

from __future__ import annotations

import numpy as np

LEGIBLE = 16  # pixels a side; below, a halved image shows nothing (8 x 8 digits lose 6 points, CIFAR-10 gains 6)


def legible(side: int) -> bool:
    """Whether a quarter of an image still shows something.

    >>> legible(32), legible(28), legible(33)
    (True, False, False)
    """
    return side % 2 == 0 and side // 2 >= LEGIBLE


def unfold(images, parts: int):
    """float [M, c, s, s] -> [M * parts**2, c, s, s], the parts of every image row by row, enlarged. Differentiable."""
    import torch

    if parts == 1:
        return images
    m, c, side, _ = images.shape
    small = side // parts
    tiles = images.view(m, c, parts, small, parts, small).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, small, small)
    return torch.nn.functional.interpolate(tiles, size=(side, side), mode="bilinear", align_corners=False)


def fold(images, parts: int):
    """The other way: float [M * parts**2, c, s, s], made smaller -> [M, c, s, s]."""
    import torch

    if parts == 1:
        return images
    b, c, side, _ = images.shape
    small = torch.nn.functional.interpolate(images, size=(side // parts,) * 2, mode="area")
    tiles = small.view(b // parts**2, parts, parts, c, side // parts, side // parts)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(-1, c, side, side)


def unfolded(pixels: np.ndarray, parts: int) -> np.ndarray:
    """`unfold` of pixels: float32 [M, s, s, 3] -> [M * parts**2, s, s, 3]."""
    return _on_arrays(unfold, pixels, parts)


def folded(pixels: np.ndarray, parts: int) -> np.ndarray:
    """`fold` of pixels: float32 [M * parts**2, s, s, 3] -> [M, s, s, 3]."""
    return _on_arrays(fold, pixels, parts)


def _on_arrays(change, pixels: np.ndarray, parts: int) -> np.ndarray:
    if parts == 1:
        return pixels
    import torch

    made = change(torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2), parts)
    return made.permute(0, 2, 3, 1).contiguous().numpy()
