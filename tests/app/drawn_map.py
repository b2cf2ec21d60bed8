"""A page with one map, and what can be read from the map by its pixels."""

import io
import re

import numpy as np
from PIL import Image
from scipy import ndimage

from tests.app.browser import Visit

SCRIPT = """
import numpy as np
import streamlit as st
from curation.ui.map.renderer import point_map
from curation.ui.map.scene import Panel, Rings, Scene
from curation.ui.map.colours import Categories, Ramp

st.set_page_config(layout="wide")
asked, rng = st.query_params.get("scene", "cloud"), np.random.default_rng(0)
more = {}
if asked in ("row", "three", "equal", "unknown", "nothing"):  # a row of five, alike but for difficulty
    n = 3 if asked == "three" else 5
    xy = np.column_stack([np.arange(n), np.zeros(n)]).astype(float)
    value, codes = np.arange(n, dtype=float), np.zeros(n, int)
    if asked == "row":
        value[3] = value[4]
        more = {"rings": Rings(np.array([3]))}
    if asked == "equal":
        xy[:] = 7
    if asked == "unknown":
        value[::2] = np.nan
    if asked == "nothing":
        xy[:] = np.nan
    names = ("only",)
else:
    n, kinds = int(st.query_params.get("n", 2000)), int(st.query_params.get("classes", 3))
    codes = np.arange(n) % kinds
    xy = rng.normal(size=(n, 2)) + 8 * rng.normal(size=(kinds, 2))[codes]
    value, names = rng.random(n), [f"class {k}" for k in range(kinds)]
    more = {"rings": Rings(np.argsort(-value)[: n // 4])}
kind = Categories(names, codes)
by = st.segmented_control("Colour", ["class", "score"], default="class", key="by")
colour = kind if by == "class" else Ramp(value)
panels = [Panel(colour, "class", clusters=by == "class")]
if asked == "four":
    half = value > 0.5
    panels = [Panel(kind, title="classes"), Panel(kind, title="score"), Panel(kind, title="hard half", left_out=~half),
              Panel(kind, title="easy half", left_out=half)]
selected = st.session_state.setdefault("selected", np.empty(0, int))

def heard(gesture):
    st.session_state.selected, st.session_state.kind = gesture.rows, gesture.kind
    st.session_state.heard = st.session_state.get("heard", 0) + 1
    st.rerun("side")

@st.fragment(key="side")
def side():
    rows = st.session_state.selected
    st.text(f"{st.session_state.get('heard', 0)} {st.session_state.get('kind')} {len(rows)} {int(rows.sum())}.")

if st.button("Select the first ten"):
    st.session_state.selected = np.arange(10)
    st.rerun()
with st.container(height=560, border=False):
    scene = Scene(xy, panels, difficulty=("score", value), labels=kind, selected=selected, file="cloud", **more)
    point_map("map", scene, on_gesture=None if asked == "four" else heard, similar=True)
side()
"""
DRAWN = """window.drawn = 0;
window.addEventListener("drawn", (event) => { window.drawn += event.detail.whole; }, true);"""
RESTED = """async () => { let before = -1;
while (before !== window.drawn) { before = window.drawn; await new Promise((done) => setTimeout(done, 220)); } }"""
NO_WEBGL = """const before = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
  return kind.startsWith("webgl") ? null : before.call(this, kind, ...more); };"""


def rest(page: Visit) -> None:
    """Wait until nothing was drawn for a while."""
    page.settle()
    page.tab.evaluate(RESTED)


def canvas(page: Visit):
    return page.tab.locator(".st-key-map canvas")


def pixels(page: Visit) -> np.ndarray:
    """float [h, w, 3] of the map as it is on the screen, without names, marks, words and the edge that shows focus."""
    over = page.tab.locator(".st-key-map .over, .st-key-map .message")
    over.evaluate_all("elements => elements.forEach((one) => { one.style.visibility = 'hidden'; })")
    shot = canvas(page).screenshot()
    over.evaluate_all("elements => elements.forEach((one) => { one.style.visibility = ''; })")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), float)[3:-3, 3:-3]


def away(image: np.ndarray, colour: str) -> np.ndarray:
    """[h, w]: how far each pixel is from a colour."""
    return np.abs(image - [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).max(axis=2)


def areas(mask: np.ndarray) -> list[int]:
    """Sizes in pixels of the connected parts, from left to right."""
    parts, count = ndimage.label(mask)
    centres = ndimage.center_of_mass(mask, parts, range(1, count + 1))
    sizes = ndimage.sum_labels(mask, parts, range(1, count + 1))
    return [int(size) for _, size in sorted(zip((c[1] for c in centres), sizes, strict=True))]


def heard(page: Visit) -> tuple[str, int, int]:
    """What the page heard of one more gesture: its kind, how many rows, and their sum."""
    page.heard = getattr(page, "heard", 0) + 1
    text = page.tab.locator("[data-testid=stText]", has_text=re.compile(rf"^{page.heard} "))
    text.wait_for()
    rest(page)
    _, kind, count, total = text.inner_text().rstrip(".").split()
    return kind, int(count), int(total)


def same(one: np.ndarray, other: np.ndarray, by: float = 0) -> bool:
    """Whether two pictures are equal, pixel by pixel."""
    return bool(np.abs(one - other).max() <= by)


def shown_count(page: Visit) -> int:
    """How many the map itself says are selected."""
    return int(page.tab.locator(".st-key-map .count").inner_text().split()[0].replace(",", ""))
