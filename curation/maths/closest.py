"""The one row of another set that points most nearly the same way, exactly: every pair is compared, in blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.maths.neighbours import unit

_BLOCK = 1 << 24  # similarities held at once: 64 MiB of float32


def closest(
    x: np.ndarray,
    others: np.ndarray,
    *,
    apart: tuple[np.ndarray, np.ndarray] | None = None,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> tuple[np.ndarray, np.ndarray]:
    """(index int64 [m], cosine distance float32 [m]): for each row of x [m, d] the nearest of others [n, d], n >= 1.

    apart: numbers [m] and [n]; a row is never matched with one of equal number. Where nothing is left: -1, inf.
    Equal distances go to the lower index. A zero row is at distance 1 from everything. Time m * n * d on `device`.

    >>> index, distance = closest(np.array([[1.0, 0.1]]), np.array([[0.0, 1.0], [2.0, 0.0]]))
    >>> index.tolist(), distance.round(3).tolist()
    ([1], [0.004999999888241291])
    """
    import torch

    index, similarity = np.empty(len(x), np.int64), np.empty(len(x), np.float32)
    step = max(1, _BLOCK // len(others))
    with torch.inference_mode():
        base = torch.from_numpy(unit(others)).to(device)
        numbers = None if apart is None else [torch.from_numpy(np.asarray(part)).to(device) for part in apart]
        for at in range(0, len(x), step):
            block = torch.from_numpy(unit(x[at : at + step])).to(device) @ base.T
            if numbers is not None:
                block[numbers[0][at : at + step, None] == numbers[1]] = -torch.inf
            top = block.amax(dim=1)
            first = (block == top[:, None]).to(torch.uint8).argmax(dim=1)  # of equal values always the lowest
            index[at : at + step], similarity[at : at + step] = first.cpu().numpy(), top.cpu().numpy()
            progress(min(at + step, len(x)), len(x))
    found = np.isfinite(similarity)
    return np.where(found, index, -1), np.where(found, np.maximum(1 - similarity, 0), np.inf).astype(np.float32)
