"""Names for the clusters of a map: where points lie thick together and are mostly of one class, that class's name.

Density on a grid, smoothed; every cell belongs to the peak one reaches from it by always stepping to the densest
neighbour (mode seeking, as mean shift does: Comaniciu & Meer 2002). Peaks side by side with one majority are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIDE = 64  # cells along each side
SMOOTH = 1.5  # cells, standard deviation
PURE = 0.6  # a cluster is named when more of its items than this are of one class
TOP = 97  # percentile of the heights that counts as the upper edge; the name covers what few points lie above
SMALLEST = 0.004  # share of the items a named cluster has at least, and never under five


@dataclass(frozen=True)
class Cluster:
    """x, y: the middle of its upper edge, where its name stands, on the scale of the places. count: its items."""

    x: int
    y: int
    name: str
    count: int


def clusters(places: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> list[Cluster]:
    """The clusters that have a name, largest first. places: uint16 [m, 2]; labels: int [m] into classes, -1: none."""
    from scipy.sparse import csr_matrix

    known = labels >= 0
    places, labels = places[known], labels[known]
    if not len(places):
        return []
    cells = (places // (65_536 // SIDE)).astype(np.int64) @ [1, SIDE]
    inside = csr_matrix((np.ones(len(cells), np.int32), (cells, labels)), shape=(SIDE * SIDE, len(classes)))
    area = _peaks(np.asarray(inside.sum(axis=1), np.float64).reshape(SIDE, SIDE))
    counts = _counts(area, inside)
    area = _joined(np.where(counts.any(axis=1), counts.argmax(axis=1), -1)[area])
    counts = _counts(area, inside)
    size, best = counts.sum(axis=1), counts.argmax(axis=1)
    named = (counts.max(axis=1) > PURE * size) & (size >= max(5, SMALLEST * len(labels)))
    own = np.where(labels == best[area[cells]], area[cells], -1).astype(np.int16)  # numpy sorts these in one pass
    order = np.argsort(own, kind="stable")
    ends = np.searchsorted(own[order], np.arange(len(size) + 1))
    found = []
    for number in np.flatnonzero(named):
        members = places[order[ends[number] : ends[number + 1]]]
        x, y = np.median(members[:, 0]), np.percentile(members[:, 1], TOP)
        found.append(Cluster(int(x), int(y), classes[best[number]], int(size[number])))
    return sorted(found, key=lambda cluster: -cluster.count)


def _counts(area: np.ndarray, inside) -> np.ndarray:
    """int [areas, C]: items of every class in every area. area: int [cells]; inside: sparse [cells, C]."""
    from scipy.sparse import csr_matrix

    cells = np.arange(len(area))
    belongs = csr_matrix((np.ones(len(area), np.int32), (area, cells)), shape=(area.max() + 1, len(area)))
    return (belongs @ inside).toarray()


def _peaks(density: np.ndarray) -> np.ndarray:
    """int [cells]: the number of the peak each cell climbs to."""
    from scipy.ndimage import gaussian_filter

    padded = np.pad(gaussian_filter(density, SMOOTH), 1, constant_values=-1.0)
    steps = [(dy, dx) for dy in (0, -1, 1) for dx in (0, -1, 1)]  # staying comes first, so that a plateau ends
    around = [padded[1 + dy : SIDE + 1 + dy, 1 + dx : SIDE + 1 + dx] for dy, dx in steps]
    step = np.argmax(around, axis=0).ravel()
    to = np.arange(SIDE * SIDE) + np.array([dy * SIDE + dx for dy, dx in steps])[step]
    for _ in range(12):  # each round doubles the steps taken
        to = to[to]
    return np.unique(to, return_inverse=True)[1]


def _joined(majority: np.ndarray) -> np.ndarray:
    """int [cells]: numbers of the connected areas of cells with one majority."""
    from scipy.ndimage import label

    area, first = np.zeros(SIDE * SIDE, np.int64), 0
    for kind in np.unique(majority):
        parts, count = label((majority == kind).reshape(SIDE, SIDE), structure=np.ones((3, 3)))
        area += np.where(parts.ravel() > 0, parts.ravel() + first - 1, 0)
        first += count
    return area
