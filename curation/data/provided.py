"""What a view is provided with: cut to rows, and checked before a method reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from curation.data.results import Dynamics, Neighbours, cut_neighbours
from curation.errors import InputError


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
    if name in ("embeddings", "features") and not (finite := np.isfinite(value).all(axis=1)).all():
        bad = np.flatnonzero(~finite)
        raise InputError(
            f"{len(bad):,} of {len(value):,} rows of the {name} hold NaN or infinity, the first is row {bad[0]}; "
            "repair them, or encode again"
        )
    if name == "labels" and not label_free and (missing := int((value < 0).sum())):
        raise InputError(f"{missing:,} of {len(value):,} items have no label; label them, or mark them as unlabeled")


def float_rows(values) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
