"""How much room a row has: the mean Euclidean distance to its nearest rows, every pair compared, in blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_BLOCK = 1 << 24  # products held at once: 64 MiB of float32


def room(
    x: np.ndarray,
    k: int,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """float64 [n]: mean distance of every row of x [n, d] to its k nearest others (all others where there are fewer).

    A copy of a row is at distance 0 of it. A single row has all the room there is, 0. Time n^2 * d on `device`, memory
    a copy of x and one block.

    >>> room(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
    [1.0, 1.0, 2.0]
    """
    import torch

    n, k = len(x), min(k, len(x) - 1)
    if k == 0:
        return np.zeros(n)
    found, step = np.empty(n), max(1, _BLOCK // n)
    with torch.inference_mode():
        centred = np.asarray(x, np.float32) - x.mean(axis=0, dtype=np.float64).astype(np.float32)
        everything = torch.from_numpy(centred).to(device)
        half = everything.square().sum(dim=1) / 2
        for start in range(0, n, step):
            own = torch.arange(start, min(start + step, n), device=device)
            lag = half - everything[own] @ everything.T  # |a - b|^2 / 2 - |a|^2 / 2
            lag[torch.arange(len(own), device=device), own] = torch.inf
            nearest = lag.topk(k, dim=1, largest=False).values + half[own][:, None]
            found[own.cpu().numpy()] = (2 * nearest.clamp(min=0)).sqrt().double().mean(dim=1).cpu().numpy()
            progress(int(own[-1]) + 1, n)
    return found
