"""Neighbours: for every item the k most alike by cosine of their embeddings.

Gathered once, shared by flags, maps, scores and pruners. Up to `exact_up_to` rows a CPU compares every pair in
blocks; above, nearest-neighbour descent finds most of them sooner, and the share it found (its recall) is measured
on 1,000 rows drawn by the seed and stated on the card. The descent compiles for half a minute in every process, which
is what comparing 60,000 rows of 512 numbers takes on two cores. A GPU always compares every pair. An item is left out
of its own list by its number, so exact copies find each other; a zero embedding is at distance 1 from everything.
Where rows are held out, the graph of all others among themselves is kept beside that of all: what chooses train rows
reads it, and no held-out row takes a place in a list of theirs. Both come of one comparison of every pair. Blind to
labels, and to whatever the encoder does not see.

Dong, Moses & Li, Efficient K-Nearest Neighbor Graph Construction for Generic Similarity Measures, WWW 2011
(the approximate search, by the pynndescent package).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Neighbours
from curation.data.view import View
from curation.maths.similarity.exact import largest_products, nearest, sorted_and_padded, unit

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
        graph = (
            nearest_apart(x, pool, k, device, progress) if apart else nearest(x, k, device=device, progress=progress)
        )
        return graph, {"search": "exact", "recall": 1.0}
    # The pool first, and with random numbers that do not depend on how much is held out.
    inner, share = _approximate(x[pool] if apart else x, k, rng, progress)
    notes = {"search": "pynndescent", "recall": round(share, 4), "recall_measured_on": min(_SAMPLE, len(pool))}
    if not apart:
        return inner, notes
    graph, share = _approximate(x, k, rng, progress)
    return replace(graph, pool=inner), notes | {"recall": min(notes["recall"], round(share, 4))}


def nearest_apart(x: np.ndarray, pool: np.ndarray, k: int, device: str, progress: Callable) -> Neighbours:
    """The graph of x [n, d] with that of the rows `pool` (ascending) among themselves. Every pair is compared once."""
    held = np.setdiff1d(np.arange(len(x)), pool)
    inner = nearest(x[pool], k, device=device, progress=progress)
    x = unit(x)
    outward = largest_products(x[pool], x[held], min(k, len(held)), device=device, progress=progress)
    back = largest_products(x[held], x, min(k, len(x) - 1), own=held, device=device, progress=progress)
    own = np.where(inner.indices >= 0, pool[inner.indices], -1)
    of_pool = sorted_and_padded(np.hstack([own, held[outward[0]]]), np.hstack([inner.distances, 1 - outward[1]]), k)
    of_held = sorted_and_padded(back[0], 1 - back[1], k)
    order = np.argsort(np.concatenate([pool, held]))
    indices = np.concatenate([of_pool.indices, of_held.indices])[order]
    return Neighbours(indices, np.concatenate([of_pool.distances, of_held.distances])[order], pool=inner)


def _approximate(x: np.ndarray, k: int, rng: np.random.Generator, progress: Callable) -> tuple[Neighbours, float]:
    """The graph by descent, and the share of the true neighbours in it."""
    progress(0, 1, "searching for neighbours")
    graph = _descend(x, k, seed=int(rng.integers(2**31)))
    progress(0, 1, "measuring recall")
    rows = np.sort(rng.choice(len(x), min(_SAMPLE, len(x)), replace=False))
    return graph, recall(graph, nearest(x, k, rows=rows), rows)


def recall(found: Neighbours, exact: Neighbours, rows: np.ndarray) -> float:
    """Share of the exact neighbours of `rows` that were found; another row at the same distance counts as well."""
    limit = exact.distances.max(axis=1, keepdims=True, where=exact.indices >= 0, initial=0) + 1e-6
    there = (exact.indices >= 0).sum()
    return float((found.distances[rows] <= limit).sum() / there) if there else 1.0


def _descend(x: np.ndarray, k: int, seed: int) -> Neighbours:
    """Approximate neighbours. Distances are computed again from the pairs found, so they agree with the exact ones."""
    from pynndescent import NNDescent

    x = unit(x)
    # One more than wanted: the search counts a row as its own neighbour.
    found = NNDescent(x, n_neighbors=min(k + 1, len(x)), metric="euclidean", random_state=seed).neighbor_graph[0]
    found = np.where(found == np.arange(len(x))[:, None], -1, found)
    distances = np.empty(found.shape, np.float32)
    for start in range(0, len(x), 1024):
        part = slice(start, start + 1024)
        distances[part] = 1 - np.einsum("id,ikd->ik", x[part], x[found[part]])
    return sorted_and_padded(found, distances, k)
