"""The whole way in a real browser: sample, map with a lasso, review by keys, prune, verify, export, manifest."""

import pyarrow.csv as pc
import pytest

from curation.data.decisions import DecisionLog
from tests.app.browser import Visit, app, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SLOW = 240_000  # milliseconds a job may take on a loaded machine


def test_from_the_sample_to_a_manifest_in_the_browser(tmp_path):
    with app(env={"WINNOW_HOME": str(tmp_path / "home"), "WINNOW_ROOTS": str(tmp_path)}) as url, chromium() as browser:
        visit = Visit(browser, url)
        tab = visit.tab

        # data: one click, and the job strip runs until the analysis is there
        part(tab, ".st-key-try_sample button").click()
        part(tab, ".st-key-jobstrip").wait_for(timeout=SLOW)
        part(tab, ".st-key-coming_map_box canvas").wait_for(timeout=SLOW)  # before the rest is there
        tab.get_by_text("What the analysis found").wait_for(timeout=SLOW)
        visit.settle()
        visit.quiet()
        folder = tmp_path / "home" / "digits"

        # map: a lasso selects, the gallery follows, the selection survives pages
        part(tab, ".st-key-open_map button").click()
        part(tab, ".st-key-map_box .count").wait_for(timeout=SLOW)
        visit.settle()
        visit.lasso(part(tab, ".st-key-map_box canvas"), [(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)])
        chip = part(tab, ".st-key-map_clear button")
        chip.wait_for(timeout=60_000)
        visit.settle()
        selected = int(chip.inner_text().split()[0].replace(",", ""))
        assert 0 < selected <= 1797
        visit.quiet()

        # review: keys decide, on the disk when the next item is there
        follow(visit, "Review")
        part(tab, ".st-key-review_keep button").wait_for(timeout=60_000)
        log = DecisionLog(folder)
        for number, key in enumerate("akx", start=1):
            tab.keyboard.press(key)
            wait_until(tab, lambda number=number: len(log.all()) == number)
            visit.settle()
        assert [d.action for d in log.all()] == ["relabel", "confirm", "drop"]
        tab.keyboard.press("u")
        wait_until(tab, lambda: len(log.all()) == 4)
        visit.quiet()
        relabelled = log.all()[0]

        # prune: the hybrid asks students, so a job computes it; then save the subset that is shown
        follow(visit, "Prune")
        part(tab, ".st-key-prune_compute_a button").click(timeout=60_000)
        part(tab, ".st-key-prune_save_a button").click(timeout=SLOW)
        part(tab, ".st-key-prune_saved").wait_for(timeout=60_000)
        visit.settle()

        # verify: the job renews what the relabelled item changed, then trains
        follow(visit, "Verify")
        part(tab, ".st-key-verify_run button").click(timeout=60_000)
        part(tab, ".st-key-verify_csv button").wait_for(timeout=SLOW)
        visit.settle()
        visit.quiet()

        # export: a manifest with a reason for every item
        follow(visit, "Export")
        part(tab, ".st-key-export button").click(timeout=60_000)
        part(tab, ".st-key-written").wait_for(timeout=SLOW)
        visit.settle()
        visit.quiet()

    (path,) = (folder / "exports").glob("*.csv")
    rows = {row["id"]: row for row in pc.read_csv(path).to_pylist()}
    assert len(rows) == 1797
    assert sum(r["kept"] for r in rows.values() if r["split"] == "train") == 719
    assert all(r["reason"] for r in rows.values())
    assert str(rows[relabelled.id]["label"]) == relabelled.value
    assert "relabelled by hand" in rows[relabelled.id]["reason"]
    assert path.with_name(path.name + ".recipe.toml").exists()


def part(tab, css: str):
    """One part of the page; while it is drawn again the old and the new one are there for a moment."""
    return tab.locator(css).first


def follow(visit: Visit, title: str) -> None:
    """A click in the menu."""
    visit.tab.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    visit.tab.wait_for_timeout(300)
    visit.settle()


def wait_until(tab, true, seconds: float = 30) -> None:
    for _ in range(int(seconds * 10)):
        if true():
            return
        tab.wait_for_timeout(100)
    raise AssertionError(f"still not so after {seconds:.0f} s")
