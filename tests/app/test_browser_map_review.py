"""Map and review in a real browser: a lasso, what it sends, a new class, and the keys of the review."""

import pytest
from browser import Visit, chromium
from playwright.sync_api import TimeoutError

from curation.data.decisions import DecisionLog, fold


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def project(served, built):
    return served(built)


def test_a_lasso_shows_its_items_and_choosing_among_them_sends_little(browser, project):
    page = Visit(browser, project.page("map"))
    tab = page.tab
    tab.locator("[data-testid=stSidebarNavLink]", has_text="Methods").wait_for()  # the frame, on the very first visit
    canvas = tab.locator(".st-key-map_points canvas")
    tab.locator(".st-key-map_points .count", has_text="1,797 items").wait_for()
    page.lasso(canvas, [(0.3, 0.3), (0.6, 0.3), (0.6, 0.6), (0.3, 0.6)])
    tab.locator(".st-key-map_clear").wait_for()
    page.settle()
    count = int(tab.locator(".st-key-map_clear").inner_text().split()[0].replace(",", ""))
    assert count > 20
    assert tab.locator(".st-key-map_points .count").inner_text() == f"{count:,} of 1,797 items selected"
    assert f"Drop {count:,}" in tab.locator(".st-key-map_drop").inner_text()

    before = len(page.received)
    tab.locator(".st-key-map_tiles [role=option]").nth(0).click()
    tab.locator(".st-key-map_drop button", has_text="Drop 1").first.wait_for()
    page.settle()
    assert sum(page.received[before:]) < 6000  # of which the list of pages is 1,500

    tab.locator(".st-key-map_label input").fill("zebra")
    tab.keyboard.press("Enter")
    tab.locator(".st-key-map_relabel button:not([disabled])").first.click()
    tab.get_by_text("Relabelled 1 item to zebra").wait_for()
    assert set(fold(DecisionLog(project.folder).all()).labels.values()) == {"zebra"}

    tab.locator(".st-key-map_tiles [role=option]").nth(1).dblclick()
    tab.locator(".st-key-map_near [role=option]").first.wait_for()
    tab.locator(".st-key-map_back button").first.click()
    page.settle()
    tab.locator("[data-testid=stSidebarNavLink]", has_text="Review").click()
    tab.locator(".st-key-review_picture img").wait_for()
    page.settle()
    tab.locator("[data-testid=stSidebarNavLink]", has_text="Map").click()
    try:
        tab.locator(".st-key-map_clear").wait_for()
    except TimeoutError:
        pytest.fail(f"the selection is not there again; {tab.url} shows:\n{tab.inner_text('body')[:2000]}")
    assert tab.locator(".st-key-map_clear").inner_text().split()[0] == f"{count:,}"
    tab.locator(".st-key-map_points .count", has_text=f"{count:,} of 1,797 items selected").wait_for()
    page.quiet()
    assert page.hosts == {page.tab.url.split("/")[2]}


def test_keys_answer_and_undo(browser, project):
    page = Visit(browser, project.page("review"))
    tab = page.tab
    tab.locator(".st-key-review_picture img").wait_for()
    for key, decided in (("k", 1), ("a", 2), ("x", 3), ("u", 2), ("ArrowLeft", 2), ("s", 2)):
        tab.keyboard.press(key)
        tab.get_by_text(f"{decided} of ").first.wait_for()
        page.settle()
    force = fold(DecisionLog(project.folder).all())
    assert (len(force.confirmed), len(force.labels), len(force.dropped)) == (1, 1, 0)
    page.quiet()
