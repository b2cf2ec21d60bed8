"""Names for the clusters of a map: where points lie thick together and are mostly of one class, that class's name.

Density on a grid, smoothed; every cell belongs to the peak one reaches from it by always stepping to the densest
neighbour (mode seeking, as mean shift does: Comaniciu Comaniciu & Meer 2002 Meer, 2002).
Peaks side by side with one majority are one cluster.
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
    """Clusters that have a name, largest first. places: uint16 [m, 2]; labels: int [m] into classes, -1 for none."""
    known = labels >= 0
    places, labels = places[known], labels[known]
    if not len(places):
        return []
    cells = (places // (65_536 // SIDE)).astype(np.int64) @ [1, SIDE]
    peaks = _peaks(np.bincount(cells, minlength=SIDE * SIDE).reshape(SIDE, SIDE).astype(np.float64))
    group = np.unique(peaks[cells], return_inverse=True)[1]
    best, _ = _majorities(group, labels, len(classes))
    of_cell = np.full(SIDE * SIDE, -1)
    of_cell[cells] = best[group]
    group = _joined(of_cell, cells)
    best, share = _majorities(group, labels, len(classes))
    found = []
    for number in np.flatnonzero((share > PURE) & (np.bincount(group) >= max(5, SMALLEST * len(labels)))):
        members = places[(group == number) & (labels == best[number])]
        x, y = np.median(members[:, 0]), np.percentile(members[:, 1], TOP)
        found.append(Cluster(int(x), int(y), classes[best[number]], int((group == number).sum())))
    return sorted(found, key=lambda cluster: -cluster.count)


def _peaks(density: np.ndarray) -> np.ndarray:
    """int [SIDE * SIDE]: the cell of the peak each cell climbs to."""
    from scipy.ndimage import gaussian_filter

    padded = np.pad(gaussian_filter(density, SMOOTH), 1, constant_values=-1.0)
    steps = [(dy, dx) for dy in (0, -1, 1) for dx in (0, -1, 1)]  # staying comes first, so that a plateau ends
    around = [padded[1 + dy : SIDE + 1 + dy, 1 + dx : SIDE + 1 + dx] for dy, dx in steps]
    step = np.argmax(around, axis=0).ravel()
    to = np.arange(SIDE * SIDE) + np.array([dy * SIDE + dx for dy, dx in steps])[step]
    for _ in range(12):  # each round doubles the steps taken
        to = to[to]
    return to


def _majorities(group: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent class of every group, and its share."""
    counts = np.bincount(group * n_classes + labels, minlength=(group.max() + 1) * n_classes).reshape(-1, n_classes)
    return counts.argmax(axis=1), counts.max(axis=1) / counts.sum(axis=1)


def _joined(majority: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """int [m]: numbers of connected areas of cells with one majority, for the items in `cells`."""
    from scipy.ndimage import label

    area, first = np.zeros(SIDE * SIDE, np.int64), 0
    for kind in np.unique(majority[majority >= 0]):
        parts, count = label((majority == kind).reshape(SIDE, SIDE), structure=np.ones((3, 3)))
        area += np.where(parts.ravel() > 0, parts.ravel() + first, 0)
        first += count
    return np.unique(area[cells], return_inverse=True)[1]
