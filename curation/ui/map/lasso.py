"""Which points an area drawn on a map takes. The browser decides the same from the same numbers (map_arrays.js), so
what it shows as selected and what the page acts on are one set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def inside(polygon: Sequence[Sequence[float]], places: np.ndarray) -> np.ndarray:
    """bool [m]: which of the places uint16 [m, 2] lie within a polygon of [x, y], by the even-odd rule."""
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    hit = np.zeros(len(places), bool)
    if len(corners) < 3 or not np.isfinite(corners).all():
        return hit
    near = np.flatnonzero((places >= corners.min(axis=0)).all(axis=1) & (places <= corners.max(axis=0)).all(axis=1))
    x, y = places[near].astype(np.float64).T
    within = np.zeros(len(near), bool)
    for (x0, y0), (x1, y1) in zip(np.roll(corners, 1, axis=0), corners, strict=True):
        if y0 != y1:
            within ^= ((y0 > y) != (y1 > y)) & (x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0)
    hit[near] = within
    return hit


def changed(selected: np.ndarray, hit: np.ndarray, mode: str) -> np.ndarray:
    """The selection after a gesture. selected, hit: bool [m]; mode: "set", "add" or "remove".

    >>> changed(np.array([True, False]), np.array([False, True]), "add").tolist()
    [True, True]
    """
    if mode == "add":
        return selected | hit
    return selected & ~hit if mode == "remove" else hit
