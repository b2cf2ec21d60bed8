"""Nearest neighbours, exactly: every pair is compared, one block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.data.results import Neighbours
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


def nearest_other(
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

    >>> index, distance = nearest_other(np.array([[1.0, 0.1]]), np.array([[0.0, 1.0], [2.0, 0.0]]))
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


def mean_knn_distance(
    x: np.ndarray,
    k: int,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """float64 [n]: mean distance of every row of x [n, d] to its k nearest others (all others where there are fewer).

    A copy of a row is at distance 0 of it. A single row has all the room there is, 0. Time n^2 * d on `device`, memory
    a copy of x and one block.

    >>> mean_knn_distance(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
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


def cosines(x: np.ndarray, query: np.ndarray) -> np.ndarray:
    """float32 [n]: cosine of every row of x [n, d] with one vector [d]; 0 for zero rows. Memory one block.

    >>> cosines(np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.0])).tolist()
    [1.0, 0.0, 0.0]
    """
    found, towards = np.empty(len(x), np.float32), unit(np.asarray(query)[None])[0]
    step = max(1, _BLOCK // max(x.shape[1], 1))
    for at in range(0, len(x), step):
        part = np.asarray(x[at : at + step], np.float32)
        length = np.sqrt(np.einsum("ij,ij->i", part, part))
        found[at : at + step] = np.divide(part @ towards, length, out=np.zeros(len(part), np.float32), where=length > 0)
    return found


def most_similar(x: np.ndarray, query: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(positions, cosines) of the k rows of x [n, d] most like one vector [d]: most alike first, ties by position.

    candidates: positions in x that are compared, ascending.

    >>> x = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    >>> most_similar(x, np.array([2.0, 0.1]), np.array([1, 2]), k=1)[0].tolist()
    [2]
    """
    step, parts = max(1, _BLOCK // max(x.shape[1], 1)), [np.empty(0, np.float32)]
    parts += [cosines(x[candidates[at : at + step]], query) for at in range(0, len(candidates), step)]
    found = np.concatenate(parts)
    best = np.argsort(-found, kind="stable")[:k]
    return candidates[best], found[best]
