"""Nearest neighbours by cosine, exactly: every pair is compared, one block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.data.view import Neighbours
from curation.errors import InputError

_BLOCK = 1 << 24  # similarities held at once: 64 MiB of float32


def unit(x: np.ndarray) -> np.ndarray:
    """x [n, d] with every row scaled to length 1, float32; zero rows stay zero.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    # Squares are summed in float64, so that neither large nor tiny values overflow.
    length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))[:, None]
    return np.divide(x, length, out=np.zeros(x.shape, np.float32), where=length > 0, casting="unsafe")


def nearest(
    x: np.ndarray,
    k: int,
    *,
    rows: np.ndarray | None = None,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> Neighbours:
    """The k nearest of x [n, d] to each of `rows` (default: all of them), exact up to float32 rounding.

    A row is left out of its own list by its number, not by its distance, so that exact copies find each other.
    A zero row is at distance 1 from everything. Time n * len(rows) * d on `device`, memory n * d plus one block.
    """
    import torch

    n = len(x)
    rows = np.arange(n) if rows is None else np.asarray(rows)
    width, step = min(k, n - 1), max(1, _BLOCK // max(n, 1))
    indices, similarity = np.empty((len(rows), width), np.int64), np.empty((len(rows), width), np.float32)
    with torch.inference_mode():
        everything = torch.from_numpy(unit(x)).to(device)
        buffer = torch.empty(
            min(step, len(rows)), n, device=device
        )  # a fresh block each time costs more than the product
        for start in range(0, len(rows), step):
            own = torch.from_numpy(rows[start : start + step]).to(device)
            block = torch.mm(everything[own], everything.T, out=buffer[: len(own)])
            block[torch.arange(len(own), device=device), own] = -torch.inf
            top = block.topk(width)
            indices[start : start + step] = top.indices.cpu().numpy()
            similarity[start : start + step] = top.values.cpu().numpy()
            progress(min(start + step, len(rows)), len(rows))
    return sorted_and_padded(indices, 1 - similarity, k)


def sorted_and_padded(indices: np.ndarray, distances: np.ndarray, k: int) -> Neighbours:
    """Neighbours of width k: nearest first, equal distances by lower index; index -1 (none) goes last, at inf."""
    distances = np.where(indices < 0, np.inf, np.maximum(distances, 0)).astype(np.float32)
    order = np.argsort(indices, axis=1, kind="stable")
    order = np.take_along_axis(order, np.argsort(np.take_along_axis(distances, order, 1), axis=1, kind="stable"), 1)
    pad = ((0, 0), (0, max(k - indices.shape[1], 0)))
    return Neighbours(
        np.pad(np.take_along_axis(indices, order, 1)[:, :k].astype(np.int32), pad, constant_values=-1),
        np.pad(np.take_along_axis(distances, order, 1)[:, :k], pad, constant_values=np.inf),
    )


def first(graph: Neighbours, k: int, parameter: str = "k") -> tuple[np.ndarray, np.ndarray]:
    """indices [m, k] and distances [m, k] of the k nearest.

    Raises InputError when the graph was gathered with fewer: shortening k silently would answer another question.
    """
    held = graph.indices.shape[1]
    if k > held:
        raise InputError(
            f"{parameter} = {k} asks for more neighbours than the {held} that were gathered: "
            f"lower it, or raise k of the neighbours evidence"
        )
    return graph.indices[:, :k], graph.distances[:, :k]
