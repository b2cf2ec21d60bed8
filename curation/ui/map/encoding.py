"""A map as the browser takes it: arrays as bytes, each named by what it holds, so that none travels twice.

Coordinates are uint16: both axes on one scale, the longer side over all 65,536 steps. At a zoom of 50 on a canvas of
1,300 pixels a step is a pixel. All arrays are cut to the points on the map, in the order of their items.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

FULL = 65_535  # the largest coordinate; as a code: none


@dataclass(frozen=True)
class Points:
    """What has a place. rows: int64 [m] item rows, ascending; places: uint16 [m, 2]; n: items in all."""

    rows: np.ndarray
    places: np.ndarray
    n: int

    @cached_property
    def at(self) -> np.ndarray:
        """int64 [n]: the point of every item, -1 where it has none."""
        at = np.full(self.n, -1, np.int64)
        at[self.rows] = np.arange(len(self.rows))
        return at

    def mask(self, items: np.ndarray) -> np.ndarray:
        """bool [m] of item rows; what is not on the map is passed over."""
        mask = np.zeros(len(self.rows), bool)
        found = self.at[np.asarray(items, np.int64)]
        mask[found[found >= 0]] = True
        return mask


def points(xy: np.ndarray) -> Points:
    """The items whose place is known. xy: float [n, 2], NaN where there is none.

    >>> points(np.array([[0.0, 0.0], [np.nan, 0.0], [4.0, 1.0]])).places.tolist()
    [[0, 0], [65535, 16384]]
    """
    xy = np.asarray(xy, np.float64).reshape(-1, 2)
    rows = np.flatnonzero(np.isfinite(xy).all(axis=1))
    if not len(rows):
        return Points(rows, np.zeros((0, 2), np.uint16), len(xy))
    there = xy[rows] / max(np.abs(xy[rows]).max(), 1e-300)  # so that no difference of two is too large for a number
    there -= there.min(axis=0)
    return Points(rows, np.rint(there * (FULL / (there.max() or 1.0))).astype(np.uint16), len(xy))


class Columns:
    """The arrays one map needs, by digest: equal ones are one."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def add(self, array: np.ndarray | None) -> str | None:
        """Returns the name of an array, 16 hex digits; None stays None."""
        if array is None:
            return None
        content = np.ascontiguousarray(array).tobytes()
        digest = hashlib.blake2s(content, digest_size=8).hexdigest()
        self.content[digest] = content
        return digest

    def bits(self, mask: np.ndarray | None) -> str | None:
        """The same for a bool array, eight to a byte; None where it is None."""
        return None if mask is None else self.add(np.packbits(mask, bitorder="little"))


def codes(values: np.ndarray, none: int = FULL) -> np.ndarray:
    """uint16 of int codes, -1 becoming `none`. More than 65,535 kinds share the last."""
    values = np.asarray(values)
    return np.where(values < 0, none, np.minimum(values, FULL - 1)).astype(np.uint16)


def steps(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Numbers as codes of 256 steps between two ends, and the ends: the 0.5 and 99.5 percentiles, so that one extreme
    value does not take all the colours. What is no finite number gets no code.

    >>> steps(np.array([0.0, 1.0, np.nan]))[0].tolist()
    [0, 255, 65535]
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.full(len(values), FULL, np.uint16), 0.0, 0.0
    low, high = np.percentile(values[finite], [0.5, 99.5])
    if low == high:
        low, high = float(values[finite].min()), float(values[finite].max())
    share = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    return np.where(finite, np.rint(255 * share.clip(0, 1)), FULL).astype(np.uint16), float(low), float(high)
