"""What a view is provided with: cut to rows, and checked before a method reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from curation.data.results import Dynamics, Neighbours, cut_neighbours
from curation.errors import InputError

_BLOCK = 1 << 16  # rows looked at at once


def take(value: Any, rows: np.ndarray) -> Any:
    """Cut a provided value to rows of its first axis; neighbours outside the cut become padding."""
    if isinstance(value, Neighbours):
        return cut_neighbours(value, rows)
    if isinstance(value, Dynamics):
        features = None if value.features is None else value.features[rows]
        return replace(value, logits=value.logits[:, rows], features=features)
    if hasattr(value, "take") and not isinstance(value, np.ndarray):
        return value.take(rows)
    return [value[row] for row in rows] if isinstance(value, list) else value[rows]


def check(name: str, value: Any, label_free: bool) -> None:
    """What no method can answer is said once, here, in words."""
    if name in ("embeddings", "features") and len(bad := _not_finite(value)):
        raise InputError(
            f"{len(bad):,} of {len(value):,} rows of the {name} hold NaN or infinity, the first is row {bad[0]}; "
            "repair them, or encode again"
        )
    if name == "labels" and not label_free and (missing := int((value < 0).sum())):
        raise InputError(f"{missing:,} of {len(value):,} items have no label; label them, or mark them as unlabeled")


def _not_finite(x: np.ndarray) -> np.ndarray:
    """Rows of x [n, d] that hold NaN or infinity. In blocks, for a bool of every number is a quarter of x again."""
    parts = [slice(at, at + _BLOCK) for at in range(0, len(x), _BLOCK)]
    bad = [part.start + np.flatnonzero(~np.isfinite(x[part]).all(axis=1)) for part in parts]
    return np.concatenate([np.empty(0, int), *bad])


def float_rows(values) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
