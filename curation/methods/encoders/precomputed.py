"""Precomputed: embeddings that exist already, from a file or from the source itself.

For encoders Winnow does not know. Rows are matched by position alone: row i of the file belongs to item i of the
source, in the order in which the source lists them. Blind to a file in another order, which looks just as good.

The field's usual way to share features; Johnson, Douze & Jegou, Billion-scale Similarity Search with GPUs, IEEE
Transactions on Big Data 2021, take their input in this form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.items import Items
from curation.data.view import View
from curation.errors import SourceError

CARD = Card(
    title="Precomputed features",
    cost="one pass over the file",
    blind_to="rows in another order than the source's",
    needs=("features",),
    paper="https://doi.org/10.1109/TBDATA.2019.2921572",
    tags=("label-free", "offline"),
    rows="all",
    stochastic=False,
    rank=5,
    why="The source has features of its own.",
)


def encode(
    view: View,
    *,
    path: Annotated[
        Path | None,
        Field(description="A .npy file [n, d], one row per item in the source's order; empty: the source's own."),
    ] = None,
    items: Items | None = None,
) -> np.ndarray:
    """float32 [m, d]. Raises SourceError for another shape, too few or too many rows, or values that are not finite.

    >>> encode(View.of(features=np.array([[0.5, 1.0], [2.0, 3.0]])))
    array([[0.5, 1. ],
           [2. , 3. ]], dtype=float32)
    """
    if path is None:
        return _finite(_floats(view.features, "the source's features"), "the source's features", view.rows)
    features, name = _floats(_opened(path), str(path)), str(path)
    n = int(view.rows.max(initial=-1)) + 1 if items is None else len(items)
    if len(features) < n or (items is not None and len(features) > n):
        raise SourceError(
            f"{name} has {len(features):,} rows and the source has {n:,} items: "
            "one row per item is expected, in the source's order, unreadable items included"
        )
    return _finite(features[view.rows], name, view.rows)


def preflight(*, path: Path | None = None) -> None:
    """Raises SourceError where the file is not there or is no .npy array."""
    if path is not None:
        _floats(_opened(path), str(path))


def _opened(path: Path) -> np.ndarray:
    if not path.is_file():
        raise SourceError(f"there is no file {path}; expected a .npy array with one row per item")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise SourceError(f"{path} cannot be read as a .npy array ({error}); write it with numpy.save") from None


def _floats(features: np.ndarray, name: str) -> np.ndarray:
    """[n, d] numbers, or SourceError."""
    if not isinstance(features, np.ndarray):  # np.load opens a zip of arrays by the same name
        raise SourceError(f"{name} holds several arrays; expected one .npy array [items, numbers]")
    if features.ndim != 2 or features.shape[1] == 0 or features.dtype.kind not in "fiub":
        raise SourceError(
            f"{name} holds {features.dtype} of shape {features.shape}; expected numbers of shape [items, numbers]"
        )
    return features


def _finite(features: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
    """As float32, or SourceError naming the first row that holds NaN or infinity."""
    features = np.ascontiguousarray(features, dtype=np.float32)
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        raise SourceError(
            f"{name} holds NaN or infinity in {bad.sum():,} rows, the first is row {rows[int(bad.argmax())]:,}; "
            "every value must be a finite number"
        )
    return features
