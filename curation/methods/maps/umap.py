"""UMAP: a map that keeps neighbours together.

Stands on the neighbours gathered once for everything, starts from the two principal axes, and lets neighbours pull
and strangers push. Read it for who lies next to whom; blind to distance and density: the size of a cluster and the
gap between two of them mean nothing. Fewer than three items are placed by their principal axes alone.

`min_dist` is 0.5, not umap-learn's 0.1, so that tight clusters open up and their items can be told apart: the 1,438
digits then fill 31 % of a 24 x 24 grid over the map (`patches`; 29 % with `pixels`), at 0.1 13 % (11 %), and
trustworthiness at 15 neighbours falls by 0.003 (0.002).

Above 10,000 items threads race, so two runs differ in detail; coordinates are stored, so the map in a workspace never
moves, and `reproducible` keeps to one thread. Below, one thread is as fast and always used. Time
epochs * n * n_neighbors, memory n * n_neighbors.

McInnes, Healy & Melville, UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction, 2018
(arXiv:1802.03426), by the umap-learn package. The start: Kobak & Linderman, Initialization is critical for preserving
global data structure in both t-SNE and UMAP, Nature Biotechnology 39, 2021.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import pca
from curation.maths.similarity.exact import first, unit

CARD = Card(
    title="UMAP",
    cost="epochs * n * n_neighbors time (500 epochs up to 10,000 rows, 200 above), n * n_neighbors memory",
    blind_to="distance and density: cluster sizes and the gaps between clusters mean nothing",
    needs=("neighbours", "embeddings"),
    paper="https://arxiv.org/abs/1802.03426",
    tags=("label-free",),
    version=3,
    requires=("umap",),
    rows="all",
)


# Below, an epoch is over in two milliseconds: threads save half a second on an idle machine, and on a busy one they
# wait for each other five hundred times.
_WORTH_THREADS = 10_000


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
) -> np.ndarray:
    """float32 [m, 2]: coordinates, centred, within [-10, 10].

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0]]), np.ones((2, 1)))
    >>> view = View.of(embeddings=np.eye(2), neighbours=graph)
    >>> place(view, rng=np.random.default_rng(0), n_neighbors=2).round().tolist()
    [[10.0, 0.0], [-10.0, 0.0]]
    """
    start = _fit(pca(unit(view.embeddings)))
    indices, distances = first(view.neighbours, n_neighbors - 1, "n_neighbors - 1")
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
    return _fit(placed)


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
