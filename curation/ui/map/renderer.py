"""The map as a component: every item a point, drawn by WebGL in the browser, for one to a million of them.

Size is difficulty, a ring marks what is in question, colour is what one chooses. Only what changed travels: each array
is an element of its own, which Streamlit sends once and names from then on. Back come gestures: an area's corners,
never its points.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from curation.ui.map import encoding, lasso
from curation.ui.map.clusters import clusters
from curation.ui.map.colours import class_colours
from curation.ui.parts.charts import Categories, Ramp
from curation.ui.parts.theme import OTHER, STATUS, literal

PARTS = (
    "arrays",
    "view",
    "painter",
    "overlay",
    "key",
    "card",
    "picture",
    "tools",
    "gestures",
)  # of the script, in order


@dataclass(frozen=True)
class Panel:
    """One map of a figure. colour: of all n items; words: what it says; left_out: bool [n], drawn small and grey.
    clusters: whether clusters get the name of their majority."""

    colour: Categories | Ramp
    words: str = ""
    title: str = ""
    left_out: np.ndarray | None = None
    clusters: bool = False


@dataclass(frozen=True)
class Rings:
    """What has a ring: item rows, the most important first, as many as there are. name: in the legend."""

    rows: np.ndarray
    name: str = "flagged"
    suggested: np.ndarray | None = None  # int [n] codes of the labels proposed, -1 for none


@dataclass(frozen=True)
class Gesture:
    """What a person did. kind: "select", "open" (one item, which is selected), "similar" (to one item) or "clear".
    rows: item rows that are selected now; of "similar" the item asked about."""

    kind: str
    rows: np.ndarray


def point_map(
    key: str,
    xy: np.ndarray,
    panels: Sequence[Panel],
    *,
    difficulty: tuple[str, np.ndarray] | None = None,
    rings: Rings | None = None,
    labels: Categories | None = None,
    shapes: Mapping[str, np.ndarray] | None = None,
    shown: np.ndarray | None = None,
    selected: np.ndarray | None = None,
    on_gesture: Callable[[Gesture], None] | None = None,
    card: str | None = None,
    left_out: str = "left out",
    name: str = "map",
    alt: str = "Map of the items: similar items are close together",
    dark: bool = False,
) -> None:
    """Draw a map as tall as the container it is in. All arrays are over the n items; xy [n, 2] is NaN where there is no
    place. difficulty: name and values of the score that sets the size. labels: said in the card of a point. shapes:
    name of a split -> bool [n]. shown: bool [n], default all. selected: item rows, as the page keeps them.
    on_gesture: without it one can look and not select. card: address a point's picture is asked from, by item row.
    name: of files the picture is saved as.
    """
    points = encoding.points(xy)
    rows, columns = points.rows, encoding.Columns()

    def cut(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.asarray(values)[rows]

    places = columns.add(points.places)
    panels_told = [_panel(panel, points, columns) for panel in panels]
    visible = np.ones(len(rows), bool) if shown is None else cut(shown)
    named = (
        {
            "places": places,
            "values": columns.add(cut(difficulty[1]).astype(np.float32)) if difficulty else None,
            "shown": columns.bits(None if visible.all() else visible),
            "labels": columns.add(encoding.codes(cut(labels.codes))) if labels else None,
            "items": columns.bits(np.isin(np.arange(points.n), rows)) if card else None,
        }
        | _ringed(rings, points, columns)
        | _shapes(shapes, points, columns)
    )
    state = st.session_state.setdefault(f"{key}:map", {"places": None, "token": None, "selected": None})
    mask = points.mask(selected if selected is not None else ())
    _agree(state, places, mask)
    data = {
        "key": key,
        "n": len(rows),
        "extent": points.places.max(axis=0).tolist() if len(rows) else [0, 0],
        "columns": {name: digest for name, digest in named.items() if name != "shape names"},
        "shapes": named["shape names"],
        "panels": panels_told,
        "valuesName": literal(difficulty[0]) if difficulty else "",
        "ring": {
            "name": rings.name if rings else "",
            "colour": STATUS["flagged"].dark if dark else STATUS["flagged"].light,
        },
        "names": [literal(name) for name in labels.names] if labels else [],
        "noName": literal(labels.none) if labels else "",
        "selection": {"token": state["token"], "rows": columns.bits(mask) if mask.any() else None},
        "selects": on_gesture is not None,
        "card": card,
        "leftOutName": left_out,
        "name": name,
        "alt": alt,
    }
    with st.container(gap=None, height="stretch", key=f"{key}_parts"):
        for position, (digest, content) in enumerate(columns.content.items()):
            _component()(key=f"{key}:column:{position}", data=digest.encode() + content)

        def heard() -> None:
            told = (st.session_state.get(key) or {}).get("gesture")
            if told and on_gesture is not None:
                on_gesture(_understood(told, state, points, visible, panels[0]))

        _component()(key=key, data=data, height="stretch", on_gesture_change=heard)


def _panel(panel: Panel, points: encoding.Points, columns: encoding.Columns) -> dict[str, Any]:
    """A panel in the browser's words."""
    told = {
        "title": literal(panel.title),
        "words": literal(panel.words),
        "leftOut": columns.bits(None if panel.left_out is None else panel.left_out[points.rows]),
        "clusters": [],
        "grey": OTHER,
    }
    if isinstance(panel.colour, Ramp):
        codes, low, high = encoding.steps(np.asarray(panel.colour.values)[points.rows])
        return told | {"codes": columns.add(codes), "stops": list(RAMP), "low": low, "high": high}
    names, codes = panel.colour.names, np.asarray(panel.colour.codes)[points.rows]
    colours = panel.colour.colours or class_colours(names, np.bincount(codes[codes >= 0], minlength=len(names)))
    if panel.clusters:
        told["clusters"] = [
            {"x": c.x, "y": c.y, "name": literal(c.name)} for c in clusters(points.places, codes, names)
        ]
    return told | {
        "codes": columns.add(encoding.codes(codes)),
        "names": [literal(name) for name in names],
        "colours": [colours[name] for name in names],
        "none": literal(panel.colour.none),
        "stops": None,
    }


def _ringed(rings: Rings | None, points: encoding.Points, columns: encoding.Columns) -> dict[str, Any]:
    if rings is None:
        return {"ringed": None, "suggested": None}
    found = points.at[np.asarray(rings.rows, np.int64)]
    there = found >= 0
    suggested = None if rings.suggested is None else encoding.codes(rings.suggested[np.asarray(rings.rows)[there]])
    return {"ringed": columns.add(found[there].astype(np.uint32)), "suggested": columns.add(suggested)}


def _shapes(
    shapes: Mapping[str, np.ndarray] | None, points: encoding.Points, columns: encoding.Columns
) -> dict[str, Any]:
    """A number per point, and the names of the shapes that occur; nothing where only one does."""
    kinds = {} if shapes is None else {name: mask[points.rows] for name, mask in shapes.items()}
    numbers = {name: number for number, (name, mask) in enumerate(kinds.items()) if mask.any()}
    if len(numbers) < 2:
        return {"shapes": None, "shape names": []}
    told = np.zeros(len(points.rows), np.uint8)
    for name, number in numbers.items():
        told[kinds[name]] = number
    return {"shapes": columns.add(told), "shape names": [{"number": k, "name": name} for name, k in numbers.items()]}


# -- the selection: the page's and the browser's are one -------------------------------------------------------


def _agree(state: dict[str, Any], places: str, selected: np.ndarray) -> None:
    """Give the page's selection the number under which the browser knows it: that of the gesture that made it, else a
    new one, which the browser obeys."""
    if state["places"] != places or not np.array_equal(state["selected"], selected):
        state |= {"places": places, "token": secrets.token_hex(6), "selected": selected}


def _understood(
    told: Mapping[str, Any], state: dict[str, Any], points: encoding.Points, shown: np.ndarray, panel: Panel
) -> Gesture:
    """A gesture in the page's words; remembers what the browser shows as selected since."""
    kind, before = told["kind"], state["selected"]
    row = min(max(int(told.get("row", 0)), 0), len(points.rows) - 1)
    if kind == "similar":
        return Gesture("similar", points.rows[[row]])
    if kind == "area":
        hit = lasso.inside(told["polygon"], points.places) & shown
        if told["codes"] is not None:
            codes = (
                encoding.steps(panel.colour.values)[0]
                if isinstance(panel.colour, Ramp)
                else encoding.codes(panel.colour.codes)
            )
            hit &= lasso.focused(codes[points.rows], told["codes"])
        after = lasso.changed(before, hit, told["mode"])
    else:
        hit = np.zeros(len(points.rows), bool)
        hit[row] = kind != "clear"
        after = lasso.changed(before, hit, told.get("mode", "set"))
    state |= {"token": told["at"], "selected": after}
    names = {"area": "select", "row": "select", "open": "open", "clear": "clear"}
    return Gesture(names[kind], points.rows[after])


# Viridis (van der Walt & Smith 2015), as in charts.py.
RAMP = ("#440154", "#472D7B", "#3B528B", "#2C728E", "#21918C", "#28AE80", "#5EC962", "#ADDC30", "#FDE725")


@cache
def _component():
    here = Path(__file__).parents[1] / "static"
    parts = [*(f"map_{part}.js" for part in PARTS), "map.js"]
    script = "\n".join((here / part).read_text("utf-8") for part in parts)
    return st.components.v2.component("winnow_map", css=(here / "map.css").read_text("utf-8"), js=script)
