"""The map as a component: every item a point, drawn by WebGL in the browser, for one to a million of them.

Size is difficulty, a ring marks what is in question, colour is what one chooses. Only what changed travels: each array
is an element of its own, which Streamlit sends once and names from then on. Back come gestures: an area's corners,
never its points.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from curation.ui.map import encoding, lasso
from curation.ui.map.encoding import Points
from curation.ui.map.scene import Scene, colour_codes, message

# Parts of the script that draws, in order; map.js is the last.
PARTS = ("arrays", "view", "painter", "overlay", "key", "card", "picture", "tools", "gestures", "stage", "points")


@dataclass(frozen=True)
class Gesture:
    """What a person did. kind: "select", "open" (one item, which is selected), "similar" (to one item) or "clear".
    rows: item rows that are selected now; of "similar" the item asked about."""

    kind: str
    rows: np.ndarray


def point_map(
    key: str,
    scene: Scene,
    *,
    on_gesture: Callable[[Gesture], None] | None = None,
    similar: bool = False,
    dark: bool = False,
) -> None:
    """Draw a map as tall as the container it is in.

    on_gesture: a callback; without it one can look and not select. similar: whether it answers that gesture.
    The view stays as it is while the places stay, whatever else changes, and when the page is left and come back to.
    """
    points, columns = encoding.points(scene.xy), encoding.Columns()
    data = message(scene, points, columns, dark)
    selected = points.mask(() if scene.selected is None else scene.selected)
    state = st.session_state.setdefault(f"{key}:map", {"places": None, "token": None, "selected": None})
    agree(state, data["columns"]["places"], selected)
    data |= {
        "key": key,
        "selects": on_gesture is not None,
        "similar": similar,
        "selection": {"token": state["token"], "rows": columns.bits(selected) if selected.any() else None},
    }

    def heard() -> None:
        told = (st.session_state.get(key) or {}).get("gesture")
        if told and on_gesture is not None:
            on_gesture(understood(told, state, points, scene))

    script, element = _components()
    with st.container(gap=None, height="stretch", key=f"{key}_parts"):
        script(key=f"{key}:script")
        for position, (digest, content) in enumerate(columns.content.items()):
            element(key=f"{key}:column:{position}", data=digest.encode() + content)
        element(key=key, data=data, height="stretch", on_gesture_change=heard)


def agree(state: dict[str, Any], places: str, selected: np.ndarray) -> None:
    """Give the page's selection the number under which the browser knows it: that of the gesture that made it, else a
    new one, which the browser obeys. places: the name of the places; selected: bool [m]."""
    if state["places"] != places or not np.array_equal(state["selected"], selected):
        state |= {"places": places, "token": secrets.token_hex(6), "selected": selected}


def understood(told: Mapping[str, Any], state: dict[str, Any], points: Points, scene: Scene) -> Gesture:
    """A gesture in the page's words; `state` remembers what the browser shows as selected since.

    told: {"kind": "area" | "row" | "open" | "similar" | "clear", "at": its number}, and by kind {"polygon", "mode",
    "codes": the colours in focus or None} or {"row", "mode"}.
    """
    hit = np.zeros(len(points.rows), bool)
    if told["kind"] == "similar":
        return Gesture("similar", points.rows[[told["row"]]])
    if told["kind"] == "area":
        hit = lasso.inside(told["polygon"], points.places)
        if scene.shown is not None:
            hit &= scene.shown[points.rows]
        if told["codes"] is not None:
            hit &= np.isin(colour_codes(scene.panels[0].colour)[points.rows], told["codes"])
    elif told["kind"] != "clear":
        hit[told["row"]] = True
    after = lasso.changed(state["selected"], hit, told.get("mode", "set"))
    state |= {"token": told["at"], "selected": after}
    return Gesture({"area": "select", "row": "select"}.get(told["kind"], told["kind"]), points.rows[after])


@cache
def _components():
    """What draws maps, and what a map's arrays and the map itself arrive in."""
    here = Path(__file__).parents[1] / "static"
    read = lambda name: (here / name).read_text("utf-8")  # noqa: E731
    parts = [read(name) for name in [*(f"map_{part}.js" for part in PARTS), "map.js"]]
    script = "\n".join([f"const STYLE = {json.dumps(read('map.css'))};", *parts])
    return (
        st.components.v2.component("winnow_map_script", js=script),
        st.components.v2.component("winnow_map", js=read("map_element.js")),
    )
