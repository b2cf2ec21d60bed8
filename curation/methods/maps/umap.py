"""UMAP: a map that keeps neighbours together.

Stands on the neighbours gathered once for everything, starts from the two principal axes, and lets neighbours pull
and strangers push. Read it for who lies next to whom; blind to distance and density: the size of a cluster and the
gap between two of them mean nothing. Fewer than three items are placed by their principal axes alone.

`min_dist` is 0.5, not umap-learn's 0.1, so that tight clusters open up and their items can be told apart: the 1,438
digits then fill 31 % of a 24 x 24 grid over the map (`patches`; 29 % with `pixels`), at 0.1 13 % (11 %), and
trustworthiness at 15 neighbours falls by 0.003 (0.002).

Above `sample` items a seeded sample is placed so, on a graph of its own. Every other item goes to the mean of those of
its neighbours that are in the sample, nearer ones counting more, or where none is, of those placed that way; then once
to the mean of all its neighbours. No search is needed for that. The card of such a map says how many were placed, for
how many items each of them stands, and the recall: the share of an item's neighbours that are among as many nearest to
it on the map, of 1,000 items of the sample and of 1,000 others. docs/million.md lists what else works on a part.

Above 10,000 items threads race, so two runs differ in detail; coordinates are stored, so the map in a workspace never
moves, and `reproducible` keeps to one thread. Below, one thread is as fast and always used.

McInnes, Healy & Melville, UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction, 2018
(arXiv:1802.03426), by the umap-learn package. The start: Kobak & Linderman, Initialization is critical for preserving
global data structure in both t-SNE and UMAP, Nature Biotechnology 39, 2021.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import pca
from curation.maths.similarity.exact import first, nearest, nearest_other, unit

CARD = Card(
    title="UMAP",
    cost="s^2 * d + epochs * s * n_neighbors time for the s rows of the sample (500 epochs up to 10,000, 200 above), "
    "n * n_neighbors for the others, n * n_neighbors memory",
    blind_to="distance and density: cluster sizes and the gaps between clusters mean nothing",
    needs=("neighbours", "embeddings"),
    paper="https://arxiv.org/abs/1802.03426",
    tags=("label-free",),
    version=4,
    requires=("umap",),
    rows="all",
)


# Below, an epoch is over in two milliseconds: threads save half a second on an idle machine, and on a busy one they
# wait for each other five hundred times.
_WORTH_THREADS = 10_000
_ASKED = 1000  # rows by which recall is measured, of the sample and of the others


def place(
    view: View,
    *,
    rng: np.random.Generator,
    n_neighbors: Annotated[
        int,
        Field(
            ge=2,
            le=200,
            description="Size of a neighbourhood, the item itself included; large values show the overall structure.",
        ),
    ] = 15,
    min_dist: Annotated[
        float, Field(ge=0, le=1, description="How close points may lie on the map; 0 packs clusters tightly.")
    ] = 0.5,
    reproducible: Annotated[
        bool, Field(description="Same seed, same map above 10,000 items too, with one thread instead of all.")
    ] = False,
    sample: Annotated[
        int,
        Field(ge=1000, le=100_000_000, description="Above this many items, a sample is placed and the others join it."),
    ] = 100_000,
) -> tuple[np.ndarray, dict[str, Any]]:
    """float32 [m, 2], coordinates, centred, within [-10, 10]; notes for its card, where only a sample was placed.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0]]), np.ones((2, 1)))
    >>> view = View.of(embeddings=np.eye(2), neighbours=graph)
    >>> xy, notes = place(view, rng=np.random.default_rng(0), n_neighbors=2)
    >>> xy.round().tolist(), notes
    ([[10.0, 0.0], [-10.0, 0.0]], {})
    """
    x, (indices, distances) = view.embeddings, first(view.neighbours, n_neighbors - 1, "n_neighbors - 1")
    if len(x) <= sample:
        return _fit(_placed(x, indices, distances, min_dist, reproducible, rng)), {}
    chosen = np.sort(rng.choice(len(x), sample, replace=False))
    among = nearest(x[chosen], n_neighbors - 1)
    placed = _placed(x[chosen], among.indices, among.distances, min_dist, reproducible, rng)
    xy = _fit(joined(placed, chosen, indices, distances, x))
    others = np.setdiff1d(np.arange(len(x)), chosen)
    recall, of_others = (
        round(neighbours_kept(xy, indices, rng.choice(rows, min(_ASKED, len(rows)), replace=False)), 4)
        for rows in (chosen, others)
    )
    notes = {"placed": sample, "items_per_placed": round(len(x) / sample, 2)}
    return xy, notes | {"recall": recall, "recall_of_others": of_others, "recall_measured_on": min(_ASKED, len(others))}


def _placed(
    x: np.ndarray,
    indices: np.ndarray,
    distances: np.ndarray,
    min_dist: float,
    reproducible: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """float32 [m, 2]: UMAP's coordinates of x [m, d], given the lists of neighbours among them."""
    start = _fit(pca(unit(x)))
    if len(start) < 3 or not (indices >= 0).any():
        return start
    from umap.umap_ import find_ab_params, simplicial_set_embedding

    threads = not reproducible and len(start) > _WORTH_THREADS
    a, b = find_ab_params(1.0, min_dist)
    seed = int(rng.integers(2**31))
    # Copies start apart: two points in one place have no direction in which to leave each other.
    start = start + rng.normal(scale=1e-3, size=start.shape).astype(np.float32)
    placed, _ = simplicial_set_embedding(
        data=None,
        graph=fuzzy_graph(indices, distances),
        n_components=2,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=None,
        init=start,
        random_state=np.random.RandomState(seed),
        metric="cosine",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=threads,
    )
    return placed


def joined(
    placed: np.ndarray, chosen: np.ndarray, indices: np.ndarray, distances: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """float32 [m, 2]: coordinates of all rows, from those of the rows `chosen` [s, 2], which keep theirs.

    indices, distances [m, k]: lists of neighbours, as of `Neighbours`. x: [m, d], for rows that no path along the
    neighbours joins to the chosen ones: they are placed where the most alike of these is.

    >>> lists, apart = np.array([[1], [2], [1]]), np.ones((3, 1))
    >>> joined(np.array([[0, 0], [4, 0]]), np.array([0, 2]), lists, apart, np.zeros((3, 2)))
    array([[0., 0.],
           [4., 0.],
           [4., 0.]], dtype=float32)
    """
    from scipy.sparse import csr_array

    m, k = indices.shape
    there = indices >= 0
    near = np.where(there, distances, 1)
    weight = (there / (near + 0.1 * near.mean(axis=1, keepdims=True) + 1e-9)).astype(np.float32)
    start = np.arange(0, m * k + 1, k)
    ties = csr_array((weight.ravel(), np.where(there, indices, 0).ravel(), start), shape=(m, m))
    made, known = np.zeros((m, 2), np.float32), np.zeros(m, bool)
    made[chosen], known[chosen] = placed, True
    rest = np.flatnonzero(~known)
    while len(rest):
        part = ties[rest]
        heard = part @ known.astype(np.float32)
        new = heard > 0
        if not new.any():
            break
        made[rest[new]] = (part @ (made * known[:, None]))[new] / heard[new, None]
        known[rest[new]] = True
        rest = rest[~new]
    if len(rest):
        made[rest] = placed[nearest_other(x[rest], x[chosen])[0]]
    others = np.setdiff1d(np.arange(m), np.concatenate([chosen, rest]))
    part = ties[others]
    made[others] = (part @ made) / part.sum(axis=1)[:, None]
    return made


def neighbours_kept(xy: np.ndarray, indices: np.ndarray, rows: np.ndarray) -> float:
    """Share of the listed neighbours of `rows` that are among as many nearest to them on the map.

    xy: [m, 2]. indices: [m, k], as of `Neighbours`.

    >>> lists = np.array([[1], [0], [3], [2]])
    >>> neighbours_kept(np.array([[0.0, 0], [1, 0], [1, 3], [1, 1]]), lists, np.array([0, 2, 3]))
    0.6666666666666666
    """
    from scipy.spatial import cKDTree

    listed = indices[rows]
    found = cKDTree(xy).query(xy[rows], listed.shape[1] + 1)[1]  # the row itself is one of them
    kept = (listed[:, :, None] == found[:, None]).any(axis=2) & (listed >= 0)
    return float(kept.sum() / max((listed >= 0).sum(), 1))


def fuzzy_graph(indices: np.ndarray, distances: np.ndarray):
    """Symmetric sparse [m, m]: the strength in (0, 1] with which two items belong together (section 3.1 of the paper).

    Beyond its nearest neighbour at distance rho, an item's ties fade as exp(-(distance - rho) / sigma), with sigma such
    that they sum to log2(neighbours + 1); two directed ties p and q become p + q - p * q. Written with arrays because
    compiling the library's loops takes ten times longer than these lines run.
    """
    from scipy.sparse import csr_matrix

    m, k = indices.shape
    there = indices >= 0
    distances = np.where(there, distances, np.inf).astype(np.float64)
    rho = np.where(distances > 0, distances, np.inf).min(axis=1)
    rho[np.isinf(rho)] = 0.0
    beyond = np.maximum(distances - rho[:, None], 0.0)
    wanted = np.log2(there.sum(axis=1) + 1)
    low, high, sigma = np.zeros(m), np.full(m, np.inf), np.ones(m)
    for _ in range(64):
        error = np.exp(-beyond / sigma[:, None]).sum(axis=1) - wanted
        if np.abs(error).max() < 1e-5:
            break
        high, low = np.where(error > 0, sigma, high), np.where(error > 0, low, sigma)
        sigma = np.where(np.isinf(high), 2 * sigma, (low + high) / 2)
    usual = np.where(there, distances, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    sigma = np.maximum(sigma, 1e-3 * np.where(rho > 0, usual, usual.mean()) + 1e-12)
    tie = np.exp(-beyond / sigma[:, None])
    rows = np.repeat(np.arange(m), k)[there.ravel()]
    directed = csr_matrix((tie[there], (rows, indices[there])), shape=(m, m))
    back = directed.T.tocsr()
    return directed + back - directed.multiply(back)


def _fit(coordinates: np.ndarray) -> np.ndarray:
    """Centred and scaled by one factor so that the larger side spans [-10, 10]."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    side = max(float((high - low).max()), 1e-12)
    return ((coordinates - (low + high) / 2) * (20.0 / side)).astype(np.float32)
