"""The page grow: the batch, every kind of answer, bad input in words, and the keys in a real browser."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Visit, chromium
from streamlit.testing.v1 import AppTest

from curation.data.decisions import DecisionLog, fold
from curation.engine.recipe import load_recipe, parse_recipe
from curation.engine.run import run
from curation.engine.stage import analysis
from curation.maths.similarity.exact import cosines
from curation.ui.grow import batches, curves, pool_map, search
from curation.ui.grow.batches import Batch
from curation.ui.map import encoding
from curation.ui.map import scene as scenes
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project

RECIPE = {
    "source": {"use": "sample", "labelled": 5},
    "encode": {"use": "pixels"},
    "map": {"use": "pca"},
    "grow": {"use": "margin", "batch": 12},
}


@pytest.fixture(scope="session")
def built_pool(tmp_path_factory) -> Path:
    """Digits of which 50 have a label, with a first batch of 12 and a map of the pool; nobody writes here."""
    folder = tmp_path_factory.mktemp("pool") / "pool"
    run(parse_recipe(RECIPE), folder, device="cpu", targets=["query", *analysis()])
    return folder


@pytest.fixture
def home(built_pool, empty_home) -> Path:
    """A home folder with the project "pool", free to be written to."""
    shutil.copytree(built_pool, empty_home / "pool")
    return empty_home


@pytest.fixture
def started(monkeypatch) -> list:
    """What the page starts: (recipe, title, targets); nothing is run."""
    jobs = []
    monkeypatch.setattr(Project, "run", lambda self, recipe, title, targets=None: jobs.append((recipe, title, targets)))
    return jobs


def decided(home: Path):
    return fold(DecisionLog(home / "pool").all())


def labels(page: AppTest) -> dict[str, str]:
    return {button.key: button.label for button in page.button if button.key}


def said(page: AppTest) -> str:
    words = [html.proto.body for html in page.get("html")] + [m.value for m in (*page.caption, *page.warning)]
    return " ".join(words).replace("\\", "")


def progress(page: AppTest) -> str:
    return page.get("progress")[0].proto.text


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=f"grow_{key}").click().run()
    assert not page.exception
    return page


def type_in(page: AppTest, key: str, text: str) -> AppTest:
    """A name that is not among the options, as a person types it; the test's own widget knows its options only."""
    box = page.selectbox(key=f"grow_{key}")
    box.options.append(text)
    box.set_value(text).run()
    assert not page.exception
    return page


def view(page: AppTest, name: str) -> AppTest:
    page.segmented_control(key="grow_view").set_value(name).run()
    assert not page.exception
    return page


def relabel(home: Path, names: dict[str, str]) -> None:
    for id_, name in names.items():
        DecisionLog(home / "pool").add([id_], "relabel", name)


def without_labels(home: Path, tmp_path: Path, labels=None) -> None:
    """The project "pool" of 40 feature rows, by default none with a label."""
    x = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    np.savez(tmp_path / "x.npz", features=x, labels=np.full(40, -1) if labels is None else labels)
    source = {"use": "arrays", "path": str(tmp_path / "x.npz"), "holdout": 0.0}
    run(parse_recipe({"source": source, "encode": {"use": "precomputed"}}), home / "pool", device="cpu")


# -- nothing to grow -------------------------------------------------------------------------------------------


def test_without_a_dataset_the_page_says_what_is_unlabelled_and_offers_the_sample(app, empty_home, started):
    page = app("grow")
    assert not page.exception
    assert list(labels(page).values()) == ["Choose a dataset", "Try the sample: digits with 5 labels per class"]
    assert "split named “unlabeled”" in said(page)
    press(page, "sample")
    recipe, _, targets = started[0]
    assert (recipe.source.params["labelled"], recipe.grow.use, targets) == (5, "margin", ["query", "map"])
    (folder,) = [path for path in empty_home.iterdir() if (path / batches.ASKED).exists()]
    run(recipe, folder, device="cpu", targets=["query"])
    asked = json.loads((folder / batches.ASKED).read_text())["key"]
    assert (folder / "query" / asked).is_dir()  # named before anything was read


def test_a_fully_labelled_dataset_is_offered_a_simulation(app, empty_home, started):
    recipe = {"source": {"use": "sample"}, "encode": {"use": "pixels"}, "score": [{"use": "aum"}]}
    run(parse_recipe(recipe), empty_home / "pool", device="cpu", targets=["encode"])
    page = app("grow", project="pool")
    assert not page.exception
    assert "Every item has a label." in said(page)
    press(page, "empty-button")
    assert "There is no curve yet" in said(page)
    press(page, "sim_run")
    recipe, _, targets = started[0]
    assert targets == ["growth"]
    assert recipe.grow.simulate.seeds == 3
    stages = {step.stage for step in Project(empty_home / "pool").planned(*targets).steps}
    assert stages == {"source", "encode", "growth"}  # nothing but what growing needs
    assert load_recipe(empty_home / "pool" / "recipe.toml").score  # which stays in the project's own


def test_before_anything_is_encoded_the_encoder_is_chosen(app, empty_home):
    run(parse_recipe({"source": RECIPE["source"]}), empty_home / "pool", device="cpu")
    page = app("grow", project="pool")
    assert not page.exception
    assert labels(page)["grow_encode_run"] == "Encode 1,797 items"
    assert page.selectbox(key="grow_encoder").value == "pixels"


# -- answers ---------------------------------------------------------------------------------------------------


def test_the_batch_is_on_the_desk_with_the_models_guess(app, home):
    page = app("grow", project="pool")
    assert not page.exception
    assert progress(page) == "0 of 12 labelled · 1,388 items of the dataset have no label yet"
    assert labels(page)["grow_accept"].startswith("Accept “")
    assert "Most similar labelled items" in said(page)
    assert "Blind to redundancy within a batch, and noise." in said(page)


def test_every_answer_is_on_the_disk_and_moves_on(app, home):
    page = app("grow", project="pool")
    guess = labels(page)["grow_accept"].removeprefix("Accept “").removesuffix("”")
    first = current(home).rows[0]
    press(page, "accept")
    assert list(decided(home).labels.values()) == [guess]
    press(page, "to_3")
    assert list(decided(home).labels.values())[1:] == ["3"]
    assert {d.why for d in DecisionLog(home / "pool").all()} == {"grow"}
    press(page, "skip")
    assert list(decided(home).queued.values()) == ["skipped while growing"]
    assert progress(page) == "2 of 12 labelled · 1 skipped · 1,385 items of the dataset have no label yet"
    at = page.session_state["grow:at:pool"]
    assert at != first
    press(page, "undo")
    assert not decided(home).queued
    assert page.session_state["grow:at:pool"] != at  # back at what was skipped
    press(press(page, "undo"), "undo")
    assert not decided(home).labels
    press(page, "undo")
    assert "There is nothing to undo" in said(page)


def test_a_new_class_is_typed_on_the_way_and_has_a_place_from_then_on(app, home):
    page = app("grow", project="pool")
    type_in(page, "other", "  zebra \t crossing ")
    assert list(decided(home).labels.values()) == ["zebra crossing"]
    assert "zebra crossing" in page.selectbox(key="grow_other").options
    type_in(page, "other", "   ")
    assert len(decided(home).labels) == 1  # an empty name is no answer
    assert progress(page).startswith("1 of 12 labelled")


def test_arrows_walk_and_an_answer_can_be_replaced(app, home):
    page = press(app("grow", project="pool"), "to_1")
    press(page, "go_previous")
    assert "another label replaces it" in said(page)
    press(page, "to_2")
    assert list(decided(home).labels.values()) == ["2"]  # twice or in conflict: the last word counts


def test_many_are_labelled_and_accepted_at_once_and_undone_at_once(app, home):
    page = app("grow", project="pool")
    page.selectbox(key="grow_above").set_value(0.5).run()
    count = int(labels(page)["grow_accept_sure"].split()[1])
    assert 0 < count < 12
    press(page, "accept_sure")
    assert len(decided(home).labels) == count
    press(page, "undo")
    assert not decided(home).labels

    chosen = [str(row) for row in current(home).rows[:3]]
    page.session_state["grow:chosen:pool"] = frozenset(chosen)
    page.run()
    page.selectbox(key="grow_bulk_name").set_value("4").run()
    press(page, "bulk_label")
    assert list(decided(home).labels.values()) == ["4"] * 3
    assert "grow_bulk_label" not in labels(page)  # nothing is selected any more


def current(home: Path) -> Batch:
    project = Project(home / "pool")
    return batches.current(project.planned("query"), project.log.all())


def test_the_batch_stays_on_the_desk_through_answers_and_a_reload(app, home):
    before = current(home)
    page = press(press(app("grow", project="pool"), "to_1"), "to_2")
    assert current(home).key == before.key
    again = app("grow", project="pool")
    assert progress(again).startswith("2 of 12 labelled")
    assert not page.exception


def test_after_the_last_answer_the_next_batch_starts_with_one_click(app, home, started):
    page = app("grow", project="pool")
    for _ in range(12):
        press(page, "accept")
    assert "This batch is done" in said(page)
    press(page, "done-button")
    recipe, title, targets = started[0]
    assert (title, targets, recipe.grow.batch) == ("Next batch", ["query"], 12)
    before = current(home)
    assert len(before.rows) == 12  # until the job is done
    run(recipe, home / "pool", device="cpu", targets=targets)
    page = app("grow", project="pool")
    assert progress(page) == "0 of 12 labelled · 1,376 items of the dataset have no label yet"
    after = current(home)
    assert not np.isin(after.rows, before.rows).any()
    press(page, "to_5")
    run(recipe, home / "pool", device="cpu", targets=targets)  # as the command line does
    page = app("grow", project="pool")
    assert progress(page).startswith("1 of 12 labelled")
    assert current(home).key == after.key
    view(page, "curve")
    assert page.dataframe[0].value["labels"].tolist() == ["63"]


# -- bad input, in words ---------------------------------------------------------------------------------------


def obstacles(page: AppTest) -> str:
    assert not page.exception
    assert page.button(key="grow_next").disabled
    return page.warning[0].value.replace("\\", "")


def test_no_label_and_a_strategy_that_needs_some_names_those_that_do_not(app, empty_home, tmp_path):
    without_labels(empty_home, tmp_path)
    page = app("grow", project="pool")
    assert page.selectbox(key="grow_strategy").value == "typiclust"  # what can start comes first
    assert not page.button(key="grow_next").disabled
    page.selectbox(key="grow_strategy").set_value("margin").run()
    assert obstacles(page) == (
        "Margin needs labels of at least two classes and there are none: label a few, or start with k-center "
        "greedy, ProbCover, Random or TypiClust."
    )
    page.selectbox(key="grow_strategy").set_value("random").run()
    page.selectbox(key="grow_candidates").set_value("seals").run()
    assert "choose all candidates" in obstacles(page)
    assert "There are no labelled test items" in said(page)
    assert "40 items are left, fewer than the batch of 50" in said(page)


def test_one_class_only_is_said(app, empty_home, tmp_path):
    without_labels(empty_home, tmp_path, np.where(np.arange(40) < 4, 7, -1))
    page = app("grow", project="pool")
    page.selectbox(key="grow_strategy").set_value("margin").run()
    assert "there is only one class (7)" in obstacles(page)


def test_when_nothing_is_left_it_is_said(app, home):
    ids = Project(home / "pool").items.column("id")
    waiting = batches.unlabelled(Project(home / "pool").items)
    assert waiting == 1388
    DecisionLog(home / "pool").add(list(ids), "relabel", "1", why="grow")
    assert "nothing left to choose from" in obstacles(app("grow", project="pool"))


def test_a_concept_without_examples_leads_to_finding_some(app, home, started):
    page = app("grow", project="pool")
    type_in(page, "concept", "zebra")
    assert obstacles(page) == "No item is labelled zebra yet: find a few examples under Find first."
    view(page, "find")
    assert page.radio(key="grow_find_way").value == "image"  # what the encoder can do is proposed
    page.radio(key="grow_find_way").set_value("words").run()
    assert "reads no words" in page.info[0].value
    page.radio(key="grow_find_way").set_value("chance").run()
    rows = batches.waiting(*_now(home))[:2]
    assert page.text_input(key="grow_find_name_zebra").value == "zebra"
    press(page, "find_others")
    assert list(decided(home).labels.values()) == ["any other"] * 20
    relabel(home, {str(Project(home / "pool").items.column("id")[row]): "zebra" for row in rows})
    page = app("grow", project="pool")
    type_in(page, "concept", "zebra")
    press(page, "next")
    recipe = started[0][0]
    run(recipe, home / "pool", device="cpu", targets=["query"])
    batch = current(home)
    assert batch.classes == ("any other", "zebra")
    assert batch.card["positives"] == 2


def test_what_was_found_is_compared_with_the_pool_once_however_often_tiles_are_chosen(app, home, monkeypatch):
    compared = []
    monkeypatch.setattr(search, "cosines", lambda x, query: compared.append(len(x)) or cosines(x, query))
    page = view(app("grow", project="pool"), "find")
    type_in(page, "concept", "3")
    page.radio(key="grow_find_way").set_value("items").run()
    assert compared == [1797]  # with the five digits labelled 3
    page.run()  # as a click on a tile does
    press(page, "find_others")  # what is waiting has changed, what is searched for has not
    assert compared == [1797]


def _now(home: Path):
    project = Project(home / "pool")
    return project.items, item_state(project.items, project.effective)


def test_the_sample_hides_all_labels_but_a_few_of_each_class_and_leaves_the_test_split_as_it_was(tmp_path):
    from curation.methods.sources.sample import read

    def made(name, **params):
        (tmp_path / name).mkdir()
        return read(into=tmp_path / name, **params)

    whole, hidden = made("a", mistakes=0.5), made("b", mistakes=0.5, labelled=3)
    split, truth = hidden.column("split"), hidden.column("truth")
    assert np.unique(truth[split == "train"].astype(str), return_counts=True)[1].tolist() == [3] * 10
    assert (split == "unlabeled").sum() == 1438 - 30
    assert all(label is None for name in ("label", "truth") for label in hidden.column(name)[split == "unlabeled"])
    assert ((whole.column("split") == "test") == (split == "test")).all()
    wrong = (hidden.column("label") != truth).sum()
    assert hidden.notes[1].startswith(f"{wrong} of 30 train labels were made wrong")


# -- parts -----------------------------------------------------------------------------------------------------


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


def test_the_map_of_the_pool_rings_the_batch_and_greys_what_waits_for_a_label(home):
    items, now = _now(home)
    project, batch = Project(home / "pool"), current(home)
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
        tab.get_by_text("0 of 12 labelled").wait_for(timeout=60_000)
        page.settle()
        assert "current" in tiles.nth(0).get_attribute("class")
        assert first is not None
        assert len(fold(DecisionLog(project.folder).all()).labels) == 2
        page.quiet()
