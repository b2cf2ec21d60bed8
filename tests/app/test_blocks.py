"""Gallery and escaped text together in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.browser import Visit, app, chromium
from tests.unit.test_theme import HOSTILE

ROOT = Path(__file__).resolve().parents[2]


SCRIPT = """
import numpy as np
import streamlit as st
from curation.ui.parts import theme, thumbnails
from curation.ui.parts.gallery import Tile, gallery
from curation.data.items import make_items

st.set_page_config(layout="wide")
st.html(theme.page_css())
rng = np.random.default_rng(0)
n = 24
items = make_items(ids=[f"i{k}" for k in range(n)], labels=["a"] * n, splits=["train"] * n,
                   images=rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), hashes=[str(k) for k in range(n)])
if st.button("Clear"):
    st.session_state.chosen = set()
tiles = [Tile(f"i{k}", thumbnails.thumbnail(items, k), "<img src=x onerror=alert(1)>" if k == 1 else f"label {k}",
              badge="flagged" if k == 2 else None) for k in range(n)]
choice = gallery(tiles, key="tiles", selected=st.session_state.get("chosen", set()), size=60)
st.session_state.chosen = choice.selected
with st.container(key="plain"):
    for text in HOSTILE:
        st.markdown(theme.plain(text))
if choice.opened:
    st.session_state.opened = choice.opened
st.text(f"chosen {' '.join(sorted(choice.selected, key=lambda i: int(i[1:])))}.")
st.text(f"opened {st.session_state.get('opened')}.")
"""


@pytest.mark.browser
def test_the_gallery_reports_what_a_person_does(tmp_path):
    script = tmp_path / "blocks.py"
    script.write_text(f"HOSTILE = {HOSTILE!r}\n{SCRIPT}", "utf-8")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit/config.toml").write_text((ROOT / ".streamlit/config.toml").read_text("utf-8"), "utf-8")
    with app(script) as url, chromium() as browser:
        visit = Visit(browser, url)
        tab, tiles = visit.tab, visit.tab.get_by_role("option")
        says = lambda text: tab.get_by_text(text, exact=True).wait_for(timeout=30_000)  # noqa: E731
        pressed = tab.keyboard.press

        tiles.nth(3).click()
        tiles.nth(5).click(modifiers=["Shift"])
        says("chosen i3 i4 i5.")
        tiles.nth(4).click()
        says("chosen i3 i5.")
        pressed("ArrowRight")
        pressed("ArrowRight")
        pressed("Space")
        pressed("Shift+ArrowRight")
        says("chosen i3 i5 i6 i7.")
        pressed("Enter")
        says("opened i7.")
        tiles.nth(9).dblclick()
        says("opened i9.")
        says("chosen i3 i5 i6 i7.")
        tab.get_by_text("Clear", exact=True).click()
        says("chosen .")
        assert tab.locator("[aria-selected=true]").count() == 0
        tiles.nth(0).click()
        pressed("Control+a")
        says("chosen " + " ".join(f"i{k}" for k in range(24)) + ".")
        pressed("Escape")
        says("chosen .")

        assert tiles.nth(1).locator("img").count() == 1  # its label stayed a label
        assert tiles.nth(2).get_attribute("aria-label") == "label 2, flagged"
        assert "pixels" in tiles.nth(0).locator("img").get_attribute("class")

        shown = tab.locator(".st-key-plain [data-testid=stMarkdown]").all_inner_texts()
        assert [text.replace("\u2060", "").strip() for text in shown] == HOSTILE

        visit.settle()
        before = len(visit.received)
        tab.get_by_text("Clear", exact=True).click()
        visit.settle()
        assert sum(visit.received[before:]) < 5_000  # an unchanged gallery is not sent again
        visit.quiet()
