"""Looking up which rows of a large set are most alike to a few given ones, by cosine.

Up to a size every pair is compared, in blocks, so that the rows may lie on disk in half precision. Above, an inverted
file narrows the search: rows are grouped by k-means and only the groups nearest to the query are compared.

Jégou, Douze & Schmid, Product Quantization for Nearest Neighbor Search, IEEE PAMI 33, 2011 (the inverted file, by the
faiss package: Douze et al., The Faiss Library, arXiv 2401.08281, 2024).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np

from curation import packages
from curation.errors import UnavailableError
from curation.maths.similarity.exact import largest_products, unit

_BLOCK = 1 << 16  # rows brought to float32 at once
_TRAINED_ON, _PASSES = 40, 10  # rows per group that the groups are found from, and k-means passes over them


class Index(Protocol):
    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """int64 [q, k]: for each of queries [q, d] the k nearest rows, nearest first, -1 where none was found.

        A query that is a row finds itself.
        """


class Exact:
    """Compares every query with every row. Time q * n * d, memory a block and n norms."""

    def __init__(self, x: np.ndarray, rows: np.ndarray | None = None):
        """x: [N, d] of any float type, memory-mapped or not; read in order, never copied as a whole.

        rows: int64 [n], the rows of x that count; what is found is numbered among them. Default: all.
        """
        self.x = x if rows is None else _Rows(x, rows)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """As `Index.search`.

        >>> Exact(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], np.float16)).search(np.array([[2.0, 0.0]]), 2).tolist()
        [[0, 1]]
        """
        return self.compare(queries, k)[0]

    def compare(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(rows as of `search`, cosine float32 [q, k]); equal cosines by the lower row, columns as many as rows."""
        found, cosine = largest_products(unit(np.asarray(queries)), self.x, k, scale=self._scale)
        order = np.lexsort((found, -cosine), axis=1)
        return np.take_along_axis(found, order, axis=1), np.take_along_axis(cosine, order, axis=1)

    @cached_property
    def _scale(self) -> np.ndarray:
        """float32 [n]: 1 / length of each row, 0 for a zero row."""
        parts = (np.asarray(self.x[at : at + _BLOCK], np.float32) for at in range(0, len(self.x), _BLOCK))
        length = np.sqrt(np.concatenate([np.einsum("ij,ij->i", p, p, dtype=np.float64) for p in parts] or [[]]))
        return np.divide(1, length, out=np.zeros(len(length)), where=length > 0).astype(np.float32)


class _Rows:
    """Some rows of an array, gathered only when a slice of them is asked for."""

    def __init__(self, x: np.ndarray, rows: np.ndarray):
        self.x, self.rows = x, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> np.ndarray:
        return self.x[self.rows[part]]


class Inverted:
    """An inverted file over n rows, kept in half precision: 2 * n * d bytes."""

    def __init__(self, stored: np.ndarray, probes: int):
        """stored: uint8, as `build` returned it."""
        import faiss

        self.index = faiss.deserialize_index(np.ascontiguousarray(stored))
        self.index.nprobe = probes

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        return self.index.search(unit(np.asarray(queries)), k)[1]


def build(
    x: np.ndarray,
    seed: int,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """uint8: the inverted file over x [n, d], with 4 sqrt(n) groups. Raises UnavailableError without faiss."""
    try:
        import faiss
    except ImportError:
        raise UnavailableError(
            f"{packages.needs(f'an index over {len(x):,} rows', ['faiss-cpu'])}; or raise exact_up_to, which compares "
            "every pair and takes longer"
        ) from None
    n, d = x.shape
    groups = max(1, min(int(4 * n**0.5), n))
    rng = np.random.default_rng(seed)
    index = faiss.index_factory(d, f"IVF{groups},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter = seed, _PASSES
    sample = np.sort(rng.choice(n, min(n, _TRAINED_ON * groups), replace=False))
    progress(0, n, "grouping")
    index.train(unit(np.asarray(x[sample])))
    for at in range(0, n, _BLOCK):
        index.add(unit(np.asarray(x[at : at + _BLOCK])))
        progress(min(at + _BLOCK, n), n, "adding")
    return faiss.serialize_index(index)


def recall(index: Index, x: np.ndarray, k: int, rows: np.ndarray) -> float:
    """Share of the k exact neighbours of `rows` that the index finds."""
    exact = Exact(x).search(x[rows], k)
    found = index.search(x[rows], k)
    return float(np.mean([np.isin(e, f).mean() for e, f in zip(exact, found, strict=True)]))
