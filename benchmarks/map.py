"""The map in a browser that draws in software: time to draw it, a frame while panning, a lasso until the gallery.

    python -m benchmarks.map [--points 50000 1000000] [--keep FOLDER]

Chromium without a graphics card (SwiftShader), on whatever cores there are. Drawn: from the moment all arrays are in
the browser until the last pixel can be read back. A frame: the time between two animation frames while the mouse pans,
median of 60. A lasso: from letting the button go until the tiles of the gallery are decoded, in the app itself, on
50,000 tiny images, of which it takes about 20,000; median of three.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np

from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from tests.app.browser import ROOT, Visit, app, chromium

PAGE = """
import numpy as np
import streamlit as st
from curation.ui.map.colours import Categories
from curation.ui.map.renderer import point_map
from curation.ui.map.scene import Panel, Rings, Scene

st.set_page_config(layout="wide")
n, rng = int(st.query_params["n"]), np.random.default_rng(0)
codes = rng.integers(0, 10, n)
xy = rng.normal(size=(n, 2)) + 3 * rng.normal(size=(10, 2))[codes]
value = rng.normal(size=n)
labels = Categories([str(k) for k in range(10)], codes)
rings = Rings(np.argsort(-value)[: n // 20])
with st.container(height=680, border=False):
    scene = Scene(xy, [Panel(labels, "label", clusters=True)], difficulty=("score", value), rings=rings, labels=labels)
    point_map("map", scene, on_gesture=lambda gesture: None)
"""
# Reading a pixel waits until everything is drawn.
LISTEN = """window.drawn = [];
window.addEventListener("drawn", (event) => {
  if (!event.detail.whole) return;
  const card = event.composedPath()[0].getContext("webgl2");
  card.readPixels(0, 0, 1, 1, card.RGBA, card.UNSIGNED_BYTE, new Uint8Array(4));
  window.drawn.push(performance.now() - event.detail.arrived);
}, true);"""
LET_GO = "addEventListener('pointerup', () => { window.letGo = performance.now(); }, true)"
# The button is down already; each step is a movement and the frame that follows it.
PAN = """async (canvas) => {
  const box = canvas.getBoundingClientRect();
  const frames = [];
  let last = performance.now();
  for (let step = 0; step < 60; step += 1) {
    const at = { clientX: box.left + 200 + 2 * step, clientY: box.top + 200 + step };
    const moved = { pointerId: 1, pointerType: "mouse", shiftKey: true, ...at };
    canvas.dispatchEvent(new PointerEvent("pointermove", moved));
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - last);
    last = performance.now();
  }
  return frames; }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, nargs="*", default=[50_000, 1_000_000])
    parser.add_argument("--keep", type=Path, help="where the project of the lasso is kept, to be measured again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "page.py"
        page.write_text(PAGE, "utf-8")
        (page.parent / ".streamlit").mkdir()
        (page.parent / ".streamlit/config.toml").write_text(
            (ROOT / ".streamlit/config.toml").read_text("utf-8"), "utf-8"
        )
        with app(page) as url:
            for n in given.points:
                drawn, frame = drawing(browser, url, n)
                print(f"{n:>9,} points  drawn {drawn:5.0f} ms   frame while panning {frame:4.0f} ms", flush=True)
        home = given.keep or Path(folder) / "home"
        project(home)
        with app(env={"WINNOW_HOME": str(home)}) as url:
            taken, seconds = lasso(browser, url)
            print(f"{taken:>9,} in a lasso  gallery after {1000 * seconds:.0f} ms")


def drawing(browser, url: str, n: int) -> tuple[float, float]:
    """Milliseconds until n points are drawn, and of a frame while panning."""
    visit = Visit(browser, f"{url}/?n={n}", before=LISTEN)
    visit.tab.wait_for_function("window.drawn.length > 0", timeout=300_000)
    visit.settle()
    visit.tab.wait_for_timeout(1500)
    drawn = visit.tab.evaluate("window.drawn[0]")
    canvas = visit.tab.locator(".st-key-map canvas")
    box = canvas.bounding_box()
    visit.tab.keyboard.down("Shift")
    visit.tab.mouse.move(box["x"] + 180, box["y"] + 190)
    visit.tab.mouse.down()
    visit.tab.mouse.move(box["x"] + 200, box["y"] + 200)
    frame = statistics.median(canvas.evaluate(PAN))
    visit.tab.mouse.up()
    visit.tab.keyboard.up("Shift")
    visit.tab.context.close()
    return drawn, frame


def project(home: Path, n: int = 50_000) -> None:
    """A project of n tiny pictures of ten kinds on a map of their principal axes."""
    if (home / "many" / "last.json").exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, n)
    pictures = rng.integers(60, 190, (10, 8, 8))[labels] + rng.normal(0, 18, (n, 8, 8))
    np.savez(home / "many.npz", images=pictures.clip(0, 255).astype(np.uint8), labels=labels)
    recipe = {
        "source": {"use": "arrays", "path": str(home / "many.npz"), "holdout": 0.0},
        "encode": {"use": "pixels", "size": 8, "colour": "grey"},
        "map": {"use": "pca"},
    }
    run(parse_recipe(recipe), home / "many", device="cpu")


def lasso(browser, url: str) -> tuple[int, float]:
    """How many a lasso takes, and seconds from its end until the gallery shows them; median of three."""
    visit = Visit(browser, f"{url}/map?project=many")
    visit.tab.locator(".st-key-map_points .count", has_text="items").wait_for()
    visit.settle()
    canvas = visit.tab.locator(".st-key-map_points canvas")
    seconds, taken = [], 0
    for low in (0.28, 0.29, 0.3):
        visit.tab.evaluate(LET_GO)
        visit.lasso(canvas, [(low, 0.2), (0.75, 0.2), (0.75, 0.75), (low, 0.75)])
        words = visit.tab.locator(".st-key-map_points .count", has_text="selected").inner_text()
        taken = int(words.split()[0].replace(",", ""))
        visit.tab.locator(".st-key-map_clear", has_text=f"{taken:,} selected").wait_for()
        visit.tab.locator(".st-key-map_tiles [role=option] img").first.wait_for()
        done = visit.tab.evaluate("performance.now()")
        seconds.append((done - visit.tab.evaluate("window.letGo")) / 1000)
        visit.settle()
    visit.tab.context.close()
    return taken, statistics.median(seconds)


if __name__ == "__main__":
    main()
