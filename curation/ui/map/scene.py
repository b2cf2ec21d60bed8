"""What a map shows, in the page's words and in the browser's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.ui.map import encoding
from curation.ui.map.clusters import clusters
from curation.ui.map.colours import RAMP, Categories, Ramp, class_colours
from curation.ui.map.encoding import Columns, Points
from curation.ui.parts.theme import OTHER, STATUS, literal


@dataclass(frozen=True)
class Panel:
    """One picture of the points. colour: of all n items; words: what it says. left_out: bool [n], drawn small and grey.
    clusters: whether clusters get the name of their majority. sized: whether size is difficulty."""

    colour: Categories | Ramp
    words: str = ""
    title: str = ""
    left_out: np.ndarray | None = None
    clusters: bool = False
    sized: bool = True


@dataclass(frozen=True)
class Rings:
    """What has a ring. rows: items, the most important first: where they are many in sight, only the first get one.
    name: in the legend. suggested: int [n] codes of labels that would fit better, -1 for none; said in the card."""

    rows: np.ndarray
    name: str = "flagged"
    suggested: np.ndarray | None = None


@dataclass(frozen=True)
class Scene:
    """A map of n items. xy: float [n, 2], NaN where an item has no place. panels: side by side, two in a row; what is
    chosen in the legend and drawn around is that of the first.

    difficulty: name and values of the score that sets the size; NaN where it is not known. labels: said in a point's
    card. splits: name -> bool [n]; a shape each where there are several. shown: bool [n], default all. selected: item
    rows. left_out: what the small grey points are called. card: address where an item's picture is asked for.
    file: name of a saved picture, without its ending.
    """

    xy: np.ndarray
    panels: Sequence[Panel]
    difficulty: tuple[str, np.ndarray] | None = None
    rings: Rings | None = None
    labels: Categories | None = None
    splits: Mapping[str, np.ndarray] | None = None
    shown: np.ndarray | None = None
    selected: np.ndarray | None = None
    left_out: str = "left out"
    card: str | None = None
    file: str = "map"
    alt: str = "Map of the items: alike items lie close together"


def message(scene: Scene, points: Points, columns: Columns, dark: bool) -> dict[str, Any]:
    """The scene as the browser takes it; its arrays are added to `columns` and named here."""
    shown = None if scene.shown is None else scene.shown[points.rows]
    shapes, shape_names = _shapes(scene.splits or {}, points)
    ringed, suggested = _ringed(scene.rings, points)
    name, values = scene.difficulty or ("", None)
    with np.errstate(over="ignore"):  # beyond float32 is infinite: the hardest, or the easiest
        values = None if values is None else np.asarray(values)[points.rows].astype(np.float32)
    return {
        "n": len(points.rows),
        "extent": points.places.max(axis=0).tolist() if len(points.rows) else [0, 0],
        "columns": {
            "places": columns.add(points.places),
            "values": columns.add(values),
            "shown": columns.bits(None if shown is None or shown.all() else shown),
            "labels": columns.add(None if scene.labels is None else encoding.codes(scene.labels.codes)[points.rows]),
            "items": columns.bits(None if scene.card is None else points.at >= 0),
            "shapes": columns.add(shapes),
            "ringed": columns.add(ringed),
            "suggested": columns.add(suggested),
        },
        "panels": [_panel(panel, points, columns) for panel in scene.panels],
        "shapes": shape_names,
        "valuesName": literal(name),
        "ring": {
            "name": scene.rings.name if scene.rings else "",
            "colour": STATUS["flagged"].dark if dark else STATUS["flagged"].light,
        },
        "names": [literal(name) for name in scene.labels.names] if scene.labels else [],
        "noName": literal(scene.labels.none) if scene.labels else "",
        "leftOutName": literal(scene.left_out),
        "card": scene.card,
        "file": scene.file,
        "alt": scene.alt,
    }


def colour_codes(colour: Categories | Ramp) -> np.ndarray:
    """uint16 [n]: the number of every item's colour."""
    return encoding.steps(colour.values)[0] if isinstance(colour, Ramp) else encoding.codes(colour.codes)


def _panel(panel: Panel, points: Points, columns: Columns) -> dict[str, Any]:
    colour = panel.colour
    told = {
        "title": literal(panel.title),
        "words": literal(panel.words),
        "codes": columns.add(colour_codes(colour)[points.rows]),
        "leftOut": columns.bits(None if panel.left_out is None else panel.left_out[points.rows]),
        "clusters": [],
        "sized": panel.sized,
        "grey": OTHER,
    }
    if isinstance(colour, Ramp):
        _, low, high = encoding.steps(colour.values)
        return told | {"stops": list(RAMP), "low": low, "high": high}
    codes = np.asarray(colour.codes)[points.rows]
    counts = np.bincount(codes[codes >= 0], minlength=len(colour.names))
    colours = colour.colours or class_colours(colour.names, counts)
    if panel.clusters:
        found = clusters(points.places, codes, colour.names)
        told["clusters"] = [{"x": one.x, "y": one.y, "name": literal(one.name)} for one in found]
    return told | {
        "names": [literal(name) for name in colour.names],
        "colours": [colours[name] for name in colour.names],
        "none": literal(colour.none),
        "stops": None,
    }


def _ringed(rings: Rings | None, points: Points) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Points with a ring, and the code of the label proposed for each."""
    if rings is None:
        return None, None
    rows = np.asarray(rings.rows, np.int64)
    rows = rows[points.at[rows] >= 0]
    suggested = None if rings.suggested is None else encoding.codes(rings.suggested[rows])
    return points.at[rows].astype(np.uint32), suggested


def _shapes(splits: Mapping[str, np.ndarray], points: Points) -> tuple[np.ndarray | None, list[dict[str, Any]]]:
    """A number per point, and the names of the numbers that occur; nothing where only one does."""
    there = {name: mask[points.rows] for name, mask in splits.items()}
    names = [{"number": number, "name": name} for number, name in enumerate(there) if there[name].any()]
    if len(names) < 2:
        return None, []
    return np.select([there[one["name"]] for one in names], [one["number"] for one in names]).astype(np.uint8), names
