"""The condense page in a real browser: a condensation is stopped, a shorter one is made, judged and taken home."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from curation.engine.recipe import load_recipe, parse_recipe
from tests.app.browser import SIZES, Visit, choose, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUICK = {"use": "convnet", "width": 4, "steps": 10}
SMALL = {"use": "dm", "per_class": [1], "seeds": 1, "size": 8, "width": 4, "students": [QUICK]}
PATIENCE = 240_000  # ms; a job starts a process and imports torch


def test_a_set_is_stopped_and_a_shorter_one_is_taken_home(served, built):
    project = served(built)
    file = project.folder / "recipe.toml"
    long = {**SMALL, "iterations": 1_000_000, "seconds": 3_600.0}  # however slow the page is, it will see it unfinished
    condense = parse_recipe({"source": {"use": "sample"}, "condense": [long]}).condense
    file.write_text(load_recipe(file).model_copy(update={"condense": condense}).toml())
    with chromium() as browser:
        page = Visit(browser, project.page("condense"), size=SIZES["laptop"])
        tab = page.tab
        tab.get_by_text("Nothing is condensed yet").wait_for()
        tab.get_by_role("button", name="Condense", exact=True).click()
        tab.get_by_text(", not finished").wait_for(timeout=PATIENCE)
        tab.get_by_role("button", name="Stop").click()
        tab.get_by_text("was stopped").wait_for(timeout=PATIENCE)
        seconds = tab.get_by_role("spinbutton", name="Seconds for one condensation")
        seconds.fill("4")
        seconds.press("Enter")
        again = tab.get_by_role("button", name="Condense", exact=True)
        again.and_(tab.locator(":enabled")).click(timeout=PATIENCE)
        tab.get_by_text("One seed proves nothing").wait_for(timeout=PATIENCE)
        tab.get_by_role("button", name="Everything is condensed").wait_for(timeout=PATIENCE)
        choose(page, "Images")
        images = tab.locator(".wn-sets img")
        images.first.wait_for()
        assert images.first.evaluate("image => image.complete && image.naturalWidth > 0")
        choose(page, "Take home")
        with tab.expect_download() as wanted:
            tab.get_by_role("button", name="Download the set").click()
        packed = zipfile.ZipFile(Path(wanted.value.path()))
        with np.load(io.BytesIO(packed.read("condensed.npz")), allow_pickle=False) as arrays:
            assert arrays["images"].shape == (10, 8, 8, 3)
        page.quiet()
