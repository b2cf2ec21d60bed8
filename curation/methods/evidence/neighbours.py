"""Neighbours: for every item the k most alike by cosine of their embeddings.

Gathered once, shared by flags, maps, scores and pruners. Up to `exact_up_to` rows a CPU compares every pair in
blocks; above, a `search` finds most of them sooner, and the share it found (its recall) is measured on 1,000 rows drawn
by the seed and stated on the card. "descent" is nearest-neighbour descent, which works in one piece and compiles for
half a minute in every process, as long as comparing 60,000 rows of 512 numbers takes on two cores. "inverted_file"
groups rows by k-means, and compares each with those of the 32 groups nearest to it; it needs the package faiss-cpu, and
workers share the rows out. A GPU always compares every pair. An item is left out
of its own list by its number, so exact copies find each other; a zero embedding is at distance 1 from everything.
Where rows are held out, the graph of all others among themselves is kept beside that of all: what chooses train rows
reads it, and no held-out row takes a place in a list of theirs. Both come of one comparison of every pair. Blind to
labels, and to whatever the encoder does not see.

Dong, Moses & Li, Efficient K-Nearest Neighbor Graph Construction for Generic Similarity Measures, WWW 2011
(the descent, by the pynndescent package). Jégou, Douze & Schmid, Product Quantization for Nearest Neighbor Search, IEEE
PAMI 33, 2011 (the inverted file, by the faiss package).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from curation import packages
from curation.card import Card, Later
from curation.data.parts import Spread, here
from curation.data.results import Neighbours
from curation.data.view import View
from curation.errors import UnavailableError
from curation.maths.similarity.exact import nearest, products_by_parts, sorted_and_padded, unit
from curation.maths.similarity.index import Inverted, build

CARD = Card(
    title="Nearest neighbours",
    cost="n^2 * d time up to exact_up_to rows, about n * log(n) * d above; n * (d + k) memory",
    blind_to="labels, and whatever the encoder does not see",
    needs=("embeddings",),
    paper="https://doi.org/10.1145/1963405.1963487",
    tags=("label-free",),
    version=2,
    requires=("torch", "pynndescent"),
    rows="all",
    relative=True,
)

_SAMPLE = 1000  # rows recall is measured on
_PROBES = 32  # groups of an inverted file that a row is compared with
_PART = 1 << 14  # rows looked up in one part; each part opens the file anew
_PAIRS = 1024  # rows whose distances are computed at once


def gather(
    view: View,
    *,
    rng: np.random.Generator,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    k: Annotated[int, Field(ge=1, le=200, description="Neighbours per item; every method here reads fewer.")] = 20,
    exact_up_to: Annotated[
        int, Field(ge=0, le=10_000_000, description="Up to this many rows, a CPU compares every pair.")
    ] = 60_000,
    search: Annotated[
        Literal["descent", "inverted_file"], Later(), Field(description="How a CPU looks through more rows than that.")
    ] = "descent",
    spread: Spread = here,
) -> tuple[Neighbours, dict[str, Any]]:
    """The graph of all rows and, where some are held out, of the others; notes for its card: which search, and its
    recall (the lower, of two graphs).

    >>> view = View.of(embeddings=np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], dtype=np.float32))
    >>> graph, notes = gather(view, rng=np.random.default_rng(0), k=1)
    >>> graph.indices.ravel().tolist(), notes["recall"]
    ([1, 0, 1], 1.0)
    """
    x, pool = view.embeddings, view.pool
    apart = 0 < len(pool) < len(x)
    if len(x) <= exact_up_to or not device.startswith("cpu"):
        how = {"device": device, "progress": progress, "spread": spread}
        graph = nearest_apart(x, pool, k, **how) if apart else nearest(x, k, **how)
        return graph, {"search": "exact", "recall": 1.0}
    look = _descend if search == "descent" else partial(_look_up, progress=progress, spread=spread)
    # The pool first, and with random numbers that do not depend on how much is held out.
    inner, share = _approximate(look, x[pool] if apart else x, k, rng, progress)
    notes = {
        "search": {"descent": "pynndescent", "inverted_file": "faiss"}[search],
        "recall": round(share, 4),
        "recall_measured_on": min(_SAMPLE, len(pool)),
    }
    if not apart:
        return inner, notes
    graph, share = _approximate(look, x, k, rng, progress)
    return replace(graph, pool=inner), notes | {"recall": min(notes["recall"], round(share, 4))}


def preflight(*, search: str, **_: object) -> None:
    """Raise UnavailableError where an inverted file is asked for and its package is not there."""
    if search == "inverted_file" and (lacking := packages.missing(["faiss"])):
        raise UnavailableError(packages.needs('neighbours with search = "inverted_file"', lacking))


def nearest_apart(
    x: np.ndarray, pool: np.ndarray, k: int, device: str, progress: Callable, spread: Spread = here
) -> Neighbours:
    """The graph of x [n, d] with that of the rows `pool` (ascending) among themselves. Every pair is compared once."""
    how = {"device": device, "progress": progress, "spread": spread}
    held = np.setdiff1d(np.arange(len(x)), pool)
    inner = nearest(x[pool], k, **how)
    x = unit(x)
    outward = products_by_parts(x[pool], x[held], min(k, len(held)), **how)
    back = products_by_parts(x[held], x, min(k, len(x) - 1), own=held, **how)
    own = np.where(inner.indices >= 0, pool[inner.indices], -1)
    of_pool = sorted_and_padded(np.hstack([own, held[outward[0]]]), np.hstack([inner.distances, 1 - outward[1]]), k)
    of_held = sorted_and_padded(back[0], 1 - back[1], k)
    order = np.argsort(np.concatenate([pool, held]))
    indices = np.concatenate([of_pool.indices, of_held.indices])[order]
    return Neighbours(indices, np.concatenate([of_pool.distances, of_held.distances])[order], pool=inner)


def _approximate(
    look: Callable, x: np.ndarray, k: int, rng: np.random.Generator, progress: Callable
) -> tuple[Neighbours, float]:
    """The graph by an approximate search, and the share of the true neighbours in it."""
    progress(0, 1, "searching for neighbours")
    graph = look(x, k, seed=int(rng.integers(2**31)))
    progress(0, 1, "measuring recall")
    rows = np.sort(rng.choice(len(x), min(_SAMPLE, len(x)), replace=False))
    return graph, recall(graph, nearest(x, k, rows=rows), rows)


def recall(found: Neighbours, exact: Neighbours, rows: np.ndarray) -> float:
    """Share of the exact neighbours of `rows` that were found; another row at the same distance counts as well."""
    limit = exact.distances.max(axis=1, keepdims=True, where=exact.indices >= 0, initial=0) + 1e-6
    there = (exact.indices >= 0).sum()
    return float((found.distances[rows] <= limit).sum() / there) if there else 1.0


def _descend(x: np.ndarray, k: int, seed: int) -> Neighbours:
    """Approximate neighbours, by descent."""
    from pynndescent import NNDescent

    x = unit(x)
    # One more than wanted: the search counts a row as its own neighbour.
    found = NNDescent(x, n_neighbors=min(k + 1, len(x)), metric="euclidean", random_state=seed).neighbor_graph[0]
    return _without_own(x, np.arange(len(x)), found, k)


def _look_up(x: np.ndarray, k: int, seed: int, progress: Callable, spread: Spread) -> Neighbours:
    """Approximate neighbours, by an inverted file. Raises UnavailableError without faiss."""
    stored, x = build(x, seed, progress), unit(x)
    parts = [(at, min(at + _PART, len(x))) for at in range(0, len(x), _PART)]
    indices, distances = np.empty((len(x), k), np.int32), np.empty((len(x), k), np.float32)
    made = spread(looked_up, parts, x=x, stored=stored, k=k, probes=_PROBES)
    for (start, stop), (found, far) in zip(parts, made, strict=True):
        indices[start:stop], distances[start:stop] = found, far
        progress(stop, len(x), "searching for neighbours")
    return Neighbours(indices, distances)


def looked_up(
    start: int, stop: int, *, x: np.ndarray, stored: np.ndarray, k: int, probes: int
) -> tuple[np.ndarray, np.ndarray]:
    """indices and distances [stop - start, k] of some rows of x, by the inverted file over all of them."""
    rows = np.arange(start, stop)
    graph = _without_own(x, rows, Inverted(stored, probes).search(x[rows], min(k + 1, len(x))), k)
    return graph.indices, graph.distances


def _without_own(x: np.ndarray, rows: np.ndarray, found: np.ndarray, k: int) -> Neighbours:
    """Of rows of x (of length 1) the k nearest among those found. Distances are computed again from the pairs, so
    that they agree with the exact ones."""
    found = np.where(found == rows[:, None], -1, found)
    distances = np.empty(found.shape, np.float32)
    for at in range(0, len(rows), _PAIRS):
        part = slice(at, at + _PAIRS)
        distances[part] = 1 - np.einsum("id,ikd->ik", x[rows[part]], x[found[part]])
    return sorted_and_padded(found, distances, k)
