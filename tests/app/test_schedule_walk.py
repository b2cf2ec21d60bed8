"""The schedule page in a real browser: students are trained by a job, the factors found, a sampler taken home."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from curation.engine.recipe import load_recipe, parse_recipe
from tests.app.browser import SIZES, Visit, choose, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL = {"use": "infobatch", "keeps": [0.5], "seeds": 1, "epochs": 2}
PATIENCE = 240_000  # ms; a job starts a process and imports torch


def test_a_grid_is_trained_looked_at_and_taken_home(served, built):
    project = served(built)
    file = project.folder / "recipe.toml"
    schedule = parse_recipe({"source": {"use": "sample"}, "schedule": SMALL}).schedule
    file.write_text(load_recipe(file).model_copy(update={"schedule": schedule}).toml())
    with chromium() as browser:
        page = Visit(browser, project.page("schedule"), dark=True, size=SIZES["desk"])
        tab = page.tab
        tab.get_by_text("No student has been trained yet").wait_for()
        tab.get_by_role("button", name="Train 4 students").click()
        tab.get_by_text("One seed proves nothing").wait_for(timeout=PATIENCE)
        tab.get_by_role("button", name="All are trained").wait_for(timeout=PATIENCE)
        with tab.expect_download() as wanted:
            tab.get_by_role("button", name="Download every epoch as csv").click()
        lines = Path(wanted.value.path()).read_text().splitlines()
        assert {row["sampler"] for row in csv.DictReader(lines)} == {"infobatch", "rs2", "full_short", "full"}
        choose(page, "Factors")
        tab.get_by_role("button", name="Find the factors").click()
        tab.get_by_text("Most frequent").wait_for(timeout=PATIENCE)
        page.settle()
        shown = tab.locator(".wn-factor img")
        assert shown.count() > 12
        assert shown.first.evaluate("image => image.complete && image.naturalWidth > 0")
        choose(page, "Take home")
        tab.get_by_text("from curation import indexed, sampler").wait_for()
        page.quiet()
