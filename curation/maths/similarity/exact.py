"""Nearest rows, exactly: every pair is compared, one block at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.data.parts import Spread, here
from curation.data.results import Neighbours
from curation.errors import InputError

_ROWS = 1 << 16  # rows of the base brought to float32, and to the device, at once
_BLOCK = 1 << 24  # products held at once: 64 MiB of float32
_PART = 4096  # queries that make a part, about
_FEW = 64  # queries for which numpy is as fast, so that a page that shows what is alike need not load torch


def unit(x: np.ndarray) -> np.ndarray:
    """x [n, d] with every row scaled to length 1, float32; zero rows stay zero.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    # Squares are summed in float64, so that neither large nor tiny values overflow.
    length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))[:, None]
    return np.divide(x, length, out=np.zeros(x.shape, np.float32), where=length > 0, casting="unsafe")


def largest_products(
    queries: np.ndarray,
    base,
    k: int,
    *,
    scale: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    own: np.ndarray | None = None,
    apart: tuple[np.ndarray, np.ndarray] | None = None,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> tuple[np.ndarray, np.ndarray]:
    """(index int64 [q, k], value float32 [q, k]): the k largest of queries @ base.T * scale + offset in every row.

    queries: float32 [q, d]. base: [n, d] of any float type, or whatever has a length and gives such rows for a slice;
    it is read in order, so it may lie on disk. scale, offset: float32 [n]. own: int [q], the row of base that each
    query is and must not find. apart: numbers [q] and [n]; a query does not find rows of its own number. What must not
    be found has the value -inf. Unordered within a row; with k = 1 the lowest of equals. Fewer than k columns where n
    is smaller. Time q * n * d on `device`, memory q * k and one block.
    """
    if len(queries) <= _FEW and device == "cpu":
        xp = np
    else:
        import torch as xp  # the same functions by the same names, but for the largest of a row

    lift = lambda array: xp.asarray(array, device=device)  # noqa: E731
    q, n = len(queries), len(base)
    k, step = min(k, n), max(1, _BLOCK // max(min(n, _ROWS), 1))
    index, value = np.empty((q, 0), np.int64), np.empty((q, 0), np.float32)
    queries, numbers = lift(queries), apart and [lift(part) for part in apart]
    for at in range(0, n if k else 0, _ROWS):
        part = lift(np.ascontiguousarray(base[at : at + _ROWS], np.float32))
        here, width = slice(at, at + len(part)), min(k, len(part))
        places, values = np.empty((q, width), np.int64), np.empty((q, width), np.float32)
        buffer = xp.empty((min(step, q), len(part)), dtype=xp.float32, device=device)  # a fresh one each time is slow
        for start in range(0, q, step):
            asked = slice(start, min(start + step, q))
            block = xp.matmul(queries[asked], part.T, out=buffer[: asked.stop - start])
            if scale is not None:
                block *= lift(scale[here])
            if offset is not None:
                block += lift(offset[here])
            if own is not None:
                row = np.flatnonzero((own[asked] >= here.start) & (own[asked] < here.stop))
                block[lift(row), lift(own[asked][row] - at)] = -np.inf
            if numbers is not None:
                block[numbers[0][asked][:, None] == numbers[1][here]] = -np.inf
            places[asked], values[asked] = _largest(block, width)
            progress((at * q + len(part) * asked.stop) // n, q)
        index, value = np.hstack([index, places + at]), np.hstack([value, values])
        if value.shape[1] > k:
            places, value = _largest(value, k)
            index = np.take_along_axis(index, places, axis=1)
    return index, value


def products_by_parts(
    queries: np.ndarray,
    base: np.ndarray,
    k: int,
    *,
    own: np.ndarray | None = None,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    spread: Spread = here,
) -> tuple[np.ndarray, np.ndarray]:
    """As `largest_products`; what a CPU multiplies is spread in parts of about 4,096 queries.

    Parts are whole numbers of the blocks that are multiplied at once, so that they give the same bits as the whole.
    """
    if not device.startswith("cpu"):
        return largest_products(queries, base, k, own=own, device=device, progress=progress)
    q, n = len(queries), len(base)
    step = max(1, _BLOCK // max(min(n, _ROWS), 1))
    size = step * -(-_PART // step)
    stops = [*range(size, q - _FEW, size), q]  # the last is not so small that it would be multiplied in another way
    parts = list(zip([0, *stops], stops, strict=False))
    index, value = np.empty((q, min(k, n)), np.int64), np.empty((q, min(k, n)), np.float32)
    made = spread(products_of, parts, queries=queries, base=base, k=k, own=own)
    for (start, stop), (places, values) in zip(parts, made, strict=True):
        index[start:stop], value[start:stop] = places, values
        progress(stop, q)
    return index, value


def products_of(
    start: int, stop: int, *, queries: np.ndarray, base: np.ndarray, k: int, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The part of `products_by_parts` from one query to another."""
    return largest_products(queries[start:stop], base, k, own=None if own is None else own[start:stop])


def nearest(
    x: np.ndarray,
    k: int,
    *,
    rows: np.ndarray | None = None,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    spread: Spread = here,
) -> Neighbours:
    """The k nearest of x [n, d] to each of `rows` (default: all of them), by cosine, exact up to float32 rounding.

    A row is left out of its own list by its number, not by its distance, so that exact copies find each other.
    A zero row is at distance 1 from everything. Time n * len(rows) * d on `device`, memory n * d plus one block.
    """
    x = unit(x)
    rows = np.arange(len(x)) if rows is None else np.asarray(rows)
    queries = x if len(rows) == len(x) else x[rows]
    most = min(k, len(x) - 1)
    index, cosine = products_by_parts(queries, x, most, own=rows, device=device, progress=progress, spread=spread)
    return sorted_and_padded(index, 1 - cosine, k)


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
    index, cosine = largest_products(unit(x), unit(others), 1, apart=apart, device=device, progress=progress)
    index, cosine = index[:, 0], cosine[:, 0]
    found = np.isfinite(cosine)
    return np.where(found, index, -1), np.where(found, np.maximum(1 - cosine, 0), np.inf).astype(np.float32)


def mean_knn_distance(
    x: np.ndarray,
    k: int,
    *,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """float64 [n]: mean distance of every row of x [n, d] to its k nearest others (all others where there are fewer).

    Euclidean. A copy of a row is at distance 0 of it; a single row is at mean distance 0. Time n^2 * d on `device`,
    memory two copies of x and one block.

    >>> mean_knn_distance(np.array([[0.0], [1.0], [3.0]]), k=1).tolist()
    [1.0, 1.0, 2.0]
    """
    x = np.asarray(x, np.float32) - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    if len(x) < 2:
        return np.zeros(len(x))
    half = -np.einsum("ij,ij->i", x, x) / 2  # x . y - |y|^2 / 2 is largest where y is nearest
    k = min(k, len(x) - 1)
    index, _ = largest_products(x, x, k, offset=half, own=np.arange(len(x)), device=device, progress=progress)
    found, step = np.empty(len(x)), max(1, _BLOCK // (k * x.shape[1]))
    for at in range(0, len(x), step):  # from the differences, as large squares leave nothing of small ones
        gap = x[index[at : at + step]] - x[at : at + step, None]
        found[at : at + step] = np.sqrt(np.einsum("ijk,ijk->ij", gap, gap)).mean(axis=1, dtype=np.float64)
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


def first_among(graph: Neighbours, x: np.ndarray, k: int, device: str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """As `first`, of a graph cut to fewer rows, x [m, d]: lists that lost neighbours are searched for again.

    A class of ten keeps a tenth of lists gathered for all: what is left of them is no graph of the class. A list that
    still holds k is right, as it holds the nearest. Time (lists too short) * m * d on `device`.
    """
    indices, distances = first(graph, k)
    short = np.flatnonzero((indices < 0).any(axis=1))
    if len(short):
        again = nearest(x, k, rows=short, device=device)
        indices, distances = indices.copy(), distances.copy()
        indices[short], distances[short] = again.indices, again.distances
    return indices, distances


def _largest(block, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(place, value) [q, k] of the k largest in every row of an array or a tensor; with k = 1 the first of equals."""
    if isinstance(block, np.ndarray):
        place = block.argmax(axis=1)[:, None] if k == 1 else np.argpartition(block, -k, axis=1)[:, -k:]
        return place, np.take_along_axis(block, place, axis=1)
    value, place = block.max(dim=1, keepdim=True) if k == 1 else block.topk(k)
    return place.cpu().numpy(), value.cpu().numpy()
