"""The map in a real browser, by its pixels: what is large, ringed, faint; what gestures take; what travels; what is
shown when something is wrong."""

import re
from pathlib import Path

import numpy as np
import pytest
from browser import ROOT, Visit, chromium
from browser import app as served
from PIL import Image
from scipy import ndimage

from curation.ui.map.colours import COLOURS
from curation.ui.parts.theme import STATUS
from tests.app.drawn_map import DRAWN, NO_WEBGL, SCRIPT, areas, away, canvas, heard, pixels, rest, same, shown_count


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    (folder / "map.py").write_text(SCRIPT, "utf-8")
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit/config.toml").write_text((ROOT / ".streamlit/config.toml").read_text("utf-8"), "utf-8")
    with served(folder / "map.py", env={"OMP_NUM_THREADS": "2"}) as url, chromium() as browser:
        yield url, browser


@pytest.fixture
def visit(server):
    """`visit("scene=row")`: a drawn map in a new tab."""
    url, browser = server
    opened = []

    def open_(query: str, script: str = "") -> Visit:
        opened.append(Visit(browser, f"{url}/?{query}", before=DRAWN + script))
        opened[-1].tab.locator(".st-key-map canvas").wait_for(state="attached")
        if not script:
            opened[-1].tab.wait_for_function("window.drawn > 0")
            rest(opened[-1])
        return opened[-1]

    yield open_
    for page in opened:
        page.tab.context.close()


# -- what it looks like --------------------------------------------------------------------------------------


def test_area_grows_with_difficulty_at_least_ninefold_and_a_ring_leaves_the_size_as_it_is(visit):
    page = visit("scene=row")
    image = pixels(page)
    ink = away(image, "#FFFFFF")
    parts, count = ndimage.label(ink > 8)
    assert count == 5
    weights = ndimage.sum_labels(ink, parts, range(1, 6))
    by_place = [weights[i] for i in np.argsort([c[1] for c in ndimage.center_of_mass(ink, parts, range(1, 6))])]
    assert by_place[0] < by_place[1] < by_place[2] < by_place[4]
    assert by_place[4] >= 9 * by_place[0]
    blue = away(image, COLOURS[0]) < 90
    sizes = areas(blue)
    assert abs(sizes[3] - sizes[4]) <= 0.1 * sizes[4]  # as hard, and ringed
    ring = away(image, STATUS["flagged"].light) < 40
    assert ring.sum() > 40
    across = np.flatnonzero(ring.any(axis=0))
    third = np.flatnonzero((ndimage.label(blue)[0] > 0).any(axis=0))
    assert across.min() < third[third > 0.6 * image.shape[1]].min() < across.max()  # it goes around the fourth point
    page.quiet()


def test_what_is_selected_keeps_its_colour_and_the_rest_fades(visit):
    page = visit("scene=row")
    before = (away(pixels(page), COLOURS[0]) < 90).sum()
    page.lasso(canvas(page), [(0.3, 0.3), (0.6, 0.3), (0.6, 0.7), (0.3, 0.7)])
    assert heard(page) == ("select", 1, 2)
    after = areas(away(pixels(page), COLOURS[0]) < 90)
    assert len(after) == 1
    assert after[0] < before / 2


def test_colour_zoom_and_selection_survive_what_the_page_does(visit):
    page = visit("scene=cloud")
    page.lasso(canvas(page), [(0.1, 0.1), (0.9, 0.1), (0.9, 0.5), (0.1, 0.5)])
    chosen = heard(page)
    canvas(page).hover()
    page.tab.mouse.wheel(0, -400)
    rest(page)
    zoomed = pixels(page)
    page.tab.get_by_text("score", exact=True).first.click()
    rest(page)
    assert not same(pixels(page), zoomed, 50)  # other colours
    page.tab.get_by_text("class", exact=True).first.click()
    rest(page)
    assert same(pixels(page), zoomed)
    assert shown_count(page) == chosen[1]
    page.tab.get_by_text("Select the first ten").click()
    page.tab.locator(".st-key-map .count", has_text=re.compile(r"^10\b")).wait_for()
    rest(page)
    assert shown_count(page) == 10


# -- what gestures take --------------------------------------------------------------------------------------


def test_browser_and_page_agree_on_what_an_area_takes_adds_and_removes(visit):
    page = visit("scene=cloud")
    turn = np.arange(0, 6.2, 0.2)
    flower = np.column_stack([0.5 + 0.4 * np.cos(turn) * (1 + 0.3 * np.sin(5 * turn)), 0.5 + 0.4 * np.sin(turn)])
    page.lasso(canvas(page), flower.tolist())
    kind, first, _ = heard(page)
    assert kind == "select"
    assert 100 < first == shown_count(page) < 2000
    page.lasso(canvas(page), [(0.01, 0.01), (0.99, 0.01), (0.99, 0.3), (0.01, 0.3)], end_with="Shift")
    more = heard(page)
    assert more[1] == shown_count(page) > first
    page.lasso(canvas(page), [(0.01, 0.01), (0.99, 0.01), (0.99, 0.3), (0.01, 0.3)], end_with="Alt")
    fewer = heard(page)
    assert fewer[1] == shown_count(page) < first
    canvas(page).focus()
    page.tab.keyboard.press("Escape")
    assert heard(page)[:2] == ("clear", 0)
    assert "selected" not in page.tab.locator(".st-key-map .count").inner_text()
    page.quiet()


def test_a_class_in_focus_is_what_an_area_takes(visit):
    page = visit("scene=cloud")
    page.tab.locator(".st-key-map .classes button", has_text="class 1").click()
    rest(page)
    assert (away(pixels(page), COLOURS[0]) < 60).sum() == 0
    page.lasso(canvas(page), [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)])
    _, count, _ = heard(page)
    title = page.tab.locator(".st-key-map .classes button", has_text="class 1").get_attribute("title")
    assert count == shown_count(page) == int(re.search(r": ([\d,]+)\.", title)[1].replace(",", ""))


def test_a_box_takes_a_rectangle_and_shift_drag_moves_the_map(visit):
    page = visit("scene=row")
    page.tab.locator(".st-key-map .tools button").nth(1).click()
    box = canvas(page).bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.tab.mouse.move(*at(0.4, 0.4))
    page.tab.mouse.down()
    page.tab.mouse.move(*at(0.99, 0.6), steps=5)
    page.tab.mouse.up()
    assert heard(page) == ("select", 3, 9)
    canvas(page).focus()
    page.tab.keyboard.press("Escape")
    assert heard(page)[0] == "clear"
    before = pixels(page)
    page.tab.mouse.move(*at(0.5, 0.2))
    page.tab.keyboard.down("Shift")
    page.tab.mouse.down()
    page.tab.mouse.move(at(0.5, 0.2)[0] - 100, at(0.5, 0.2)[1], steps=5)
    page.tab.mouse.up()
    page.tab.keyboard.up("Shift")
    rest(page)
    blue = [np.argwhere(away(image, COLOURS[0]) < 90) for image in (before, pixels(page))]
    assert (blue[1].max(axis=0) - blue[0].max(axis=0)).tolist() == [0, -100]


def test_the_wheel_zooms_to_the_pointer_and_keys_zoom_pan_and_reset(visit):
    page = visit("scene=row")
    whole = pixels(page)
    box = canvas(page).bounding_box()
    blue = np.argwhere(away(whole, COLOURS[0]) < 90)
    first = blue[blue[:, 1] < blue[:, 1].min() + 8].mean(axis=0)  # the easiest point, at the left
    page.tab.mouse.move(box["x"] + first[1] + 0.5, box["y"] + first[0] + 0.5)
    page.tab.mouse.wheel(0, -300)
    rest(page)
    near = np.argwhere(away(pixels(page), COLOURS[0]) < 90)
    assert np.abs(near[near[:, 1] < first[1] + 12].mean(axis=0) - first).max() < 2.5
    assert len(areas(away(pixels(page), COLOURS[0]) < 90)) < 5
    canvas(page).focus()
    for key in ("-", "ArrowLeft", "ArrowUp", "+"):
        page.tab.keyboard.press(key)
    rest(page)
    assert not same(pixels(page), whole, 50)
    page.tab.keyboard.press("0")
    rest(page)
    assert same(pixels(page), whole)
    page.tab.keyboard.press("+")
    page.tab.mouse.dblclick(box["x"] + 5, box["y"] + 5)
    rest(page)
    assert same(pixels(page), whole)


def test_the_card_of_a_point_says_what_it_is_and_clicks_and_keys_act_on_it(visit):
    page = visit("scene=row")
    box = canvas(page).bounding_box()
    blue = np.argwhere(away(pixels(page), COLOURS[0]) < 90)
    ringed = blue[np.abs(blue[:, 1] - (blue[:, 1].min() + 0.75 * np.ptp(blue[:, 1]))) < 8].mean(axis=0)
    at = box["x"] + ringed[1], box["y"] + ringed[0]
    page.tab.mouse.move(*at)
    card = page.tab.locator(".st-key-map .card")
    card.wait_for()
    assert card.inner_text().split("\n")[:3] == ["only", "flagged", "score 4"]
    canvas(page).focus()
    page.tab.keyboard.press("s")
    assert heard(page) == ("similar", 1, 3)
    page.tab.mouse.click(*at)
    assert heard(page) == ("open", 1, 3)
    page.tab.keyboard.down("Shift")
    page.tab.mouse.click(*at)
    page.tab.keyboard.up("Shift")
    assert heard(page) == ("select", 0, 0)
    page.tab.mouse.move(box["x"] + 5, box["y"] + 5)
    card.wait_for(state="hidden")


# -- many, and many classes ----------------------------------------------------------------------------------


def test_coordinates_travel_once_and_nothing_is_asked_of_other_servers(visit, server):
    page = visit("scene=cloud&n=20000")
    assert sum(page.received) > 20_000 * (4 + 4 + 2)
    before = len(page.received)
    page.tab.get_by_text("score", exact=True).first.click()
    rest(page)
    assert sum(page.received[before:]) < 20_000 * 2 + 20_000  # the colours
    before = len(page.received)
    page.lasso(canvas(page), [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)])
    _, count, _ = heard(page)
    assert count > 5000
    page.tab.get_by_text("class", exact=True).first.click()
    rest(page)
    assert sum(page.received[before:]) < 20_000 / 8 + 25_000  # the selection as bits; the colours are known
    assert max(page.sent) < 10_000
    assert page.hosts == {server[0].removeprefix("http://")}


def test_of_many_flagged_the_most_suspicious_have_a_ring_until_one_zooms_in(visit):
    page = visit("scene=cloud")
    facts = page.tab.locator(".st-key-map .facts")
    assert "200 of 500 flagged in view" in facts.inner_text()
    canvas(page).hover()
    for _ in range(5):
        page.tab.mouse.wheel(0, -400)
    rest(page)
    assert re.search(r"(?<! of )\b\d+ flagged", facts.inner_text())


def test_among_a_thousand_classes_any_is_found_by_name(visit):
    page = visit("scene=cloud&classes=1000&n=4000")
    legend = page.tab.locator(".st-key-map .classes")
    assert legend.locator("button").count() == 20
    assert "980 other classes" in legend.inner_text()
    rest(page)
    faint = pixels(page)
    legend.locator("input").fill("class 77")
    assert legend.locator("button").count() == 11  # 77 and 770 to 779
    legend.locator("button").first.click()
    rest(page)
    assert not same(pixels(page), faint, 50)
    assert legend.locator("button[aria-pressed=true]").inner_text() == "class 77"


# -- saved ---------------------------------------------------------------------------------------------------


def saved(page: Visit, kind: str, folder: Path) -> Path:
    with page.tab.expect_download() as waiting:
        page.tab.locator(".st-key-map .tools button", has_text=kind).click()
    waiting.value.save_as(folder / waiting.value.suggested_filename)
    return folder / waiting.value.suggested_filename


def test_the_picture_is_saved_as_png_and_svg_with_its_legend(visit, tmp_path):
    page = visit("scene=cloud")
    drawing = saved(page, "SVG", tmp_path)
    assert drawing.name == "cloud.svg"
    text = drawing.read_text("utf-8")
    assert text.count("<circle") > 2000 + 200  # the points, the rings, the legend
    for word in ("2,000 items", "score:", "200 of 500 flagged in view", "class 2"):
        assert f">{word}<" in text
    image = Image.open(saved(page, "PNG", tmp_path)).convert("RGB")
    box = canvas(page).bounding_box()
    assert image.width == 2 * round(box["width"])
    assert image.height > 2 * box["height"]
    for colour in COLOURS[:3]:
        assert (away(np.asarray(image, float), colour) < 40).sum() > 100
    page.quiet()


def test_more_points_than_shapes_are_one_image_in_the_svg(visit, tmp_path):
    page = visit("scene=cloud&n=21000")
    text = saved(page, "SVG", tmp_path).read_text("utf-8")
    assert "data:image/png;base64," in text
    assert text.count("<circle") < 100
    page.quiet()


def test_four_panels_are_drawn_and_saved_as_one_picture(visit, tmp_path):
    page = visit("scene=four")
    image = pixels(page)
    h, w = image.shape[0] // 2, image.shape[1] // 2
    coloured = [
        (np.ptp(part, axis=2) > 60).sum() for part in (image[:h, :w], image[:h, w:], image[h:, :w], image[h:, w:])
    ]
    assert min(coloured) > 500
    assert coloured[2] > coloured[3]  # the hard half has the large points
    assert coloured[2] < coloured[1]
    text = saved(page, "SVG", tmp_path).read_text("utf-8")
    assert all(f">{title}<" in text for title in ("classes", "score", "hard half", "easy half", "left out"))
    page.lasso(canvas(page), [(0.1, 0.1), (0.4, 0.1), (0.4, 0.4)])
    rest(page)
    assert page.tab.locator("[data-testid=stText]").inner_text().startswith("0 None")  # a figure is looked at
    page.quiet()


# -- when something is wrong ---------------------------------------------------------------------------------


def test_without_webgl_one_sentence_and_a_still_picture(visit, tmp_path):
    page = visit("scene=cloud", NO_WEBGL)
    page.tab.get_by_text("This browser draws no WebGL").wait_for()
    assert page.tab.locator(".st-key-map .picture circle").count() > 2000
    assert page.tab.locator(".st-key-map .tools button:visible").all_inner_texts() == ["PNG", "SVG"]
    assert saved(page, "SVG", tmp_path).stat().st_size > 50_000
    page.quiet()


def test_after_a_lost_graphics_context_the_map_is_drawn_again(visit):
    page = visit("scene=cloud")
    before = pixels(page)
    canvas(page).evaluate(
        """async (canvas) => {
        const card = canvas.getContext("webgl2").getExtension("WEBGL_lose_context");
        const lost = new Promise((done) => canvas.addEventListener("webglcontextlost", done));
        card.loseContext();
        await lost;
        await new Promise((done) => setTimeout(done, 300));
        card.restoreContext(); }"""
    )
    rest(page)
    assert same(pixels(page), before)
    page.quiet()


@pytest.mark.parametrize(("scene", "points"), [("three", 3), ("equal", 1), ("unknown", 5), ("nothing", 0)])
def test_few_equal_unknown_and_no_points_are_drawn_as_what_they_are(visit, scene, points):
    page = visit(f"scene={scene}")
    assert len(areas(away(pixels(page), COLOURS[0]) < 110)) == points
    text = " ".join(page.tab.locator(".st-key-map .facts, .st-key-map .message").all_inner_texts())
    assert ("No items to show here" in text) == (scene == "nothing")
    assert ("3 unknown: smallest" in text) == (scene == "unknown")
    page.lasso(canvas(page), [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)])
    assert heard(page)[1] == {"three": 3, "nothing": 0}.get(scene, 5)
    page.quiet()
