"""What the page grow is made of: images sent, the map of the pool, curves, keys; and those keys in a real browser."""

import numpy as np
import pytest
from browser import Visit, chromium

from curation.data.decisions import DecisionLog, fold
from curation.ui.grow import batches, curves, pool_map, search
from curation.ui.grow.batches import Batch
from curation.ui.map import encoding
from curation.ui.map import scene as scenes
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project


def test_an_image_is_encoded_as_the_pool_was():
    from PIL import Image

    from curation.data.view import View
    from curation.engine import registry

    method = registry.get("encoders", "pixels")
    encoder = method.call(View.of(images=[]), size=4, colour="grey")
    assert search.encoded(encoder, Image.new("RGB", (9, 9), "white")).tolist() == [1.0] * 16
    fit = {name: search.encodes_anything(m) for name, m in registry.methods("encoders").items()}
    assert (fit["pixels"], fit["open_clip"], fit["patches"], fit["precomputed"]) == (True, True, False, False)


def test_an_image_is_seen_at_the_size_the_pool_was():
    from curation.data.items import make_items
    from curation.engine import registry

    method = registry.get("encoders", "lite0")
    for side, seen in ((32, 128), (100, 224)):
        pictures = np.zeros((2, side, side), np.uint8)
        sides = {"widths": [side] * 2, "heights": [side] * 2}
        items = make_items(ids=["a", "b"], labels=["x", "y"], splits=["train"] * 2, images=pictures, **sides)
        encoder = search._ready(f"pool {side}", "", items, method, method.validated({}, "encode"))
        assert encoder.notes["image_size"] == seen


def test_an_image_somebody_sends_is_opened_upright_and_what_is_none_gets_a_sentence():
    import io

    from PIL import Image

    from curation.errors import SourceError

    turned, sideways = io.BytesIO(), Image.Exif()
    sideways[0x0112] = 6  # lies on its side
    Image.new("RGB", (8, 4)).save(turned, "JPEG", exif=sideways)
    assert search.opened(turned.getvalue()).size == (4, 8)
    for data in (b"", b"<svg/>", turned.getvalue()[:200]):
        with pytest.raises(SourceError, match=r"The image cannot be read: .+\. Give a png, jpg or webp\."):
            search.opened(data)


def test_the_map_of_the_pool_rings_the_batch_and_greys_what_waits_for_a_label(pool_home):
    project = Project(pool_home / "pool")
    items, now = project.items, item_state(project.items, project.effective)
    batch = batches.current(project.planned("query"), project.log.all())
    the_plan = project.planned("map")
    xy = pool_map.places(the_plan, len(items))
    pool = items.rows("train", "unlabeled")
    scene = pool_map.scene(xy, now, pool, batch.rows, pool[:3])
    points, columns = encoding.points(xy), encoding.Columns()
    told = scenes.message(scene, points, columns, dark=False)
    ringed = np.frombuffer(columns.content[told["columns"]["ringed"]], np.uint32)
    assert points.rows[ringed].tolist() == batch.rows.tolist()
    assert told["ring"]["name"] == "in this batch"
    codes = np.frombuffer(columns.content[told["panels"][0]["codes"]], np.uint16)
    assert ((codes == encoding.FULL) == (now.labels[points.rows] < 0)).all()
    assert (codes == encoding.FULL).any()
    assert scene.selected.tolist() == pool[:3].tolist()


def test_curves_are_means_and_spreads_over_seeds_and_random_is_held_against_by_seed():
    def row(method, seed, round_, accuracy):
        return {"method": method, "seed": seed, "round": round_, "labels": 10 * (round_ + 1), "cost": 10.0,
                "accuracy": accuracy, "fit_seconds": 0.1, "fraction_considered": 0.5}  # fmt: skip

    rows = [row("margin", 0, 0, 0.5), row("margin", 1, 0, 0.7), row("margin", 0, 1, 0.8), row("margin", 1, 1, 0.9)]
    rows += [row("random", 0, 1, 0.7), row("random", 1, 1, 0.7), row("full", 0, 0, 0.95)]
    (x, mean, sd, n), second = curves.curves(rows, "accuracy", "labels")["margin"]
    assert (x, round(mean, 3), round(sd, 3), n) == (10, 0.6, 0.141, 2)
    assert second[0] == 20
    table = curves.table(rows).set_index("strategy")
    assert table.loc["margin", "accuracy"] == "85.0 ± 7.1"
    assert table.loc["margin", "against random"] == "+15.0 ± 7.1"
    assert table.index.tolist() == ["margin", "random", "full"]
    rows[3]["precisions"], rows[2]["precisions"] = [0.5, None], [0.7, 0.4]
    assert curves.per_class(rows, ["a", "b"])["margin"].tolist() == ["60.0", "–"]
    assert curves.per_class(rows, ["a"]).columns.tolist() == ["class"]
    figure = curves.growth_figure(rows)
    assert [t.name for t in figure.data if t.name] == ["random", "margin"]
    assert "everything labelled: 95.0%" in figure.layout.annotations[0].text


def test_number_keys_stand_for_all_classes_the_models_best_or_the_concept_first():
    p = np.array([[0.2, 0.5, 0.3]])
    batch = Batch("k", np.array([4]), p, ("a", "b", "c"))
    assert batches.offered(batch, ["a", "b", "c"], np.zeros(3), 4) == ["a", "b", "c"]
    many = [f"c{i}" for i in range(30)]
    wide = Batch("k", np.array([4]), np.linspace(0, 1, 30)[None], tuple(many))
    assert batches.offered(wide, many, np.zeros(30), 4)[:2] == ["c29", "c28"]
    cold = Batch("k", np.array([4]), None, tuple(many))
    assert batches.offered(cold, many, np.arange(30), 4)[0] == "c29"
    concept = Batch("k", np.array([4]), p[:, :2], ("any other", "b"))
    assert batches.offered(concept, ["a", "b"], np.zeros(2), 4) == ["b", "any other", "a"]


# -- in a browser ----------------------------------------------------------------------------------------------


def test_keys_label_the_grid_follows_and_the_next_batch_comes(served, built_pool):
    project = served(built_pool)
    with chromium() as browser:
        page = Visit(browser, project.page("grow"))
        tab = page.tab
        tiles = tab.locator(".st-key-grow_tiles [role=option]")
        tiles.first.wait_for()
        assert "current" in tiles.nth(0).get_attribute("class")
        steps = (("1", 1), ("a", 2), ("s", 2), ("u", 2), ("u", 1), ("7", 2))
        for key, count in steps:
            tab.keyboard.press(key)
            tab.get_by_text(f"{count} of 12 labelled").wait_for()
            page.settle()
        assert sorted(fold(DecisionLog(project.folder).all()).labels.values())[:2] == ["1", "7"]
        assert tiles.nth(0).get_attribute("aria-label").startswith("1")
        assert "current" in tiles.nth(2).get_attribute("class")
        tab.keyboard.press("ArrowRight")
        tab.wait_for_function("""() => {
            const find = (root) => [...root.querySelectorAll('*')].flatMap(e => [
                ...(e.matches('.tile.current') ? [e] : []), ...(e.shadowRoot ? find(e.shadowRoot) : [])]);
            const [now] = find(document); return now && [...now.parentNode.children].indexOf(now) === 3;}""")
        page.settle()

        tiles.nth(5).click()
        tiles.nth(6).click()
        tab.locator(".st-key-grow_bulk_skip button", has_text="Skip 2").click()
        tab.get_by_text("2 skipped").wait_for()
        page.settle()
        first = tiles.nth(3).get_attribute("title")
        tab.locator(".st-key-grow_next button").first.click()
        tab.get_by_text("0 of 12 labelled").wait_for(timeout=240_000)  # a job starts a process
        page.settle()
        assert "current" in tiles.nth(0).get_attribute("class")
        assert first is not None
        assert len(fold(DecisionLog(project.folder).all()).labels) == 2
        page.quiet()
