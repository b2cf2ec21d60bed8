"""The page grow: the batch, every kind of answer, and bad input in words."""

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from curation.data.decisions import DecisionLog, fold
from curation.engine.recipe import load_recipe, parse_recipe
from curation.engine.run import run
from curation.maths.similarity.exact import cosines
from curation.ui.grow import batches, search
from curation.ui.grow.batches import Batch
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project


@pytest.fixture
def started(monkeypatch) -> list:
    """What the page starts: (recipe, title, targets); nothing is run."""
    jobs = []
    monkeypatch.setattr(Project, "run", lambda self, recipe, title, targets=None: jobs.append((recipe, title, targets)))
    return jobs


def decided(pool_home: Path):
    return fold(DecisionLog(pool_home / "pool").all())


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


def relabel(pool_home: Path, names: dict[str, str]) -> None:
    for id_, name in names.items():
        DecisionLog(pool_home / "pool").add([id_], "relabel", name)


def without_labels(pool_home: Path, tmp_path: Path, labels=None) -> None:
    """The project "pool" of 40 feature rows, by default none with a label."""
    x = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    np.savez(tmp_path / "x.npz", features=x, labels=np.full(40, -1) if labels is None else labels)
    source = {"use": "arrays", "path": str(tmp_path / "x.npz"), "holdout": 0.0}
    run(parse_recipe({"source": source, "encode": {"use": "precomputed"}}), pool_home / "pool", device="cpu")


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
    run(parse_recipe({"source": {"use": "sample", "labelled": 5}}), empty_home / "pool", device="cpu")
    page = app("grow", project="pool")
    assert not page.exception
    assert labels(page)["grow_encode_run"] == "Encode 1,797 items"
    assert page.selectbox(key="grow_encoder").value == "pixels"


# -- answers ---------------------------------------------------------------------------------------------------


def test_the_batch_is_on_the_desk_with_the_models_guess(app, pool_home):
    page = app("grow", project="pool")
    assert not page.exception
    assert progress(page) == "0 of 12 labelled · 1,388 items of the dataset have no label yet"
    assert labels(page)["grow_accept"].startswith("Accept “")
    assert "Most similar labelled items" in said(page)
    assert "Blind to redundancy within a batch, and noise." in said(page)


def test_every_answer_is_on_the_disk_and_moves_on(app, pool_home):
    page = app("grow", project="pool")
    guess = labels(page)["grow_accept"].removeprefix("Accept “").removesuffix("”")
    first = current(pool_home).rows[0]
    press(page, "accept")
    assert list(decided(pool_home).labels.values()) == [guess]
    press(page, "to_3")
    assert list(decided(pool_home).labels.values())[1:] == ["3"]
    assert {d.why for d in DecisionLog(pool_home / "pool").all()} == {"grow"}
    press(page, "skip")
    assert list(decided(pool_home).queued.values()) == ["skipped while growing"]
    assert progress(page) == "2 of 12 labelled · 1 skipped · 1,385 items of the dataset have no label yet"
    at = page.session_state["grow:at:pool"]
    assert at != first
    press(page, "undo")
    assert not decided(pool_home).queued
    assert page.session_state["grow:at:pool"] != at  # back at what was skipped
    press(press(page, "undo"), "undo")
    assert not decided(pool_home).labels
    press(page, "undo")
    assert "There is nothing to undo" in said(page)


def test_a_new_class_is_typed_on_the_way_and_has_a_place_from_then_on(app, pool_home):
    page = app("grow", project="pool")
    type_in(page, "other", "  zebra \t crossing ")
    assert list(decided(pool_home).labels.values()) == ["zebra crossing"]
    assert "zebra crossing" in page.selectbox(key="grow_other").options
    type_in(page, "other", "   ")
    assert len(decided(pool_home).labels) == 1  # an empty name is no answer
    assert progress(page).startswith("1 of 12 labelled")


def test_arrows_walk_and_an_answer_can_be_replaced(app, pool_home):
    page = press(app("grow", project="pool"), "to_1")
    press(page, "go_previous")
    assert "another label replaces it" in said(page)
    press(page, "to_2")
    assert list(decided(pool_home).labels.values()) == ["2"]  # twice or in conflict: the last word counts


def test_many_are_labelled_and_accepted_at_once_and_undone_at_once(app, pool_home):
    page = app("grow", project="pool")
    page.selectbox(key="grow_above").set_value(0.5).run()
    count = int(labels(page)["grow_accept_sure"].split()[1])
    assert 0 < count < 12
    press(page, "accept_sure")
    assert len(decided(pool_home).labels) == count
    press(page, "undo")
    assert not decided(pool_home).labels

    chosen = [str(row) for row in current(pool_home).rows[:3]]
    page.session_state["grow:chosen:pool"] = frozenset(chosen)
    page.run()
    page.selectbox(key="grow_bulk_name").set_value("4").run()
    press(page, "bulk_label")
    assert list(decided(pool_home).labels.values()) == ["4"] * 3
    assert "grow_bulk_label" not in labels(page)  # nothing is selected any more


def current(pool_home: Path) -> Batch:
    project = Project(pool_home / "pool")
    return batches.current(project.planned("query"), project.log.all())


def test_the_batch_stays_on_the_desk_through_answers_and_a_reload(app, pool_home):
    before = current(pool_home)
    page = press(press(app("grow", project="pool"), "to_1"), "to_2")
    assert current(pool_home).key == before.key
    again = app("grow", project="pool")
    assert progress(again).startswith("2 of 12 labelled")
    assert not page.exception


def test_after_the_last_answer_the_next_batch_starts_with_one_click(app, pool_home, started):
    page = app("grow", project="pool")
    for _ in range(12):
        press(page, "accept")
    assert "This batch is done" in said(page)
    press(page, "done-button")
    recipe, title, targets = started[0]
    assert (title, targets, recipe.grow.batch) == ("Next batch", ["query"], 12)
    before = current(pool_home)
    assert len(before.rows) == 12  # until the job is done
    run(recipe, pool_home / "pool", device="cpu", targets=targets)
    page = app("grow", project="pool")
    assert progress(page) == "0 of 12 labelled · 1,376 items of the dataset have no label yet"
    after = current(pool_home)
    assert not np.isin(after.rows, before.rows).any()
    press(page, "to_5")
    run(recipe, pool_home / "pool", device="cpu", targets=targets)  # as the command line does
    page = app("grow", project="pool")
    assert progress(page).startswith("1 of 12 labelled")
    assert current(pool_home).key == after.key
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


def test_when_nothing_is_left_it_is_said(app, pool_home):
    ids = Project(pool_home / "pool").items.column("id")
    waiting = batches.unlabelled(Project(pool_home / "pool").items)
    assert waiting == 1388
    DecisionLog(pool_home / "pool").add(list(ids), "relabel", "1", why="grow")
    assert "nothing left to choose from" in obstacles(app("grow", project="pool"))


def test_a_concept_without_examples_leads_to_finding_some(app, pool_home, started):
    page = app("grow", project="pool")
    type_in(page, "concept", "zebra")
    assert obstacles(page) == "No item is labelled zebra yet: find a few examples under Find first."
    view(page, "find")
    assert page.radio(key="grow_find_way").value == "image"  # what the encoder can do is proposed
    page.radio(key="grow_find_way").set_value("words").run()
    assert "reads no words" in page.info[0].value
    page.radio(key="grow_find_way").set_value("chance").run()
    rows = batches.waiting(*_now(pool_home))[:2]
    assert page.text_input(key="grow_find_name_zebra").value == "zebra"
    press(page, "find_others")
    assert list(decided(pool_home).labels.values()) == ["any other"] * 20
    relabel(pool_home, {str(Project(pool_home / "pool").items.column("id")[row]): "zebra" for row in rows})
    page = app("grow", project="pool")
    type_in(page, "concept", "zebra")
    press(page, "next")
    recipe = started[0][0]
    run(recipe, pool_home / "pool", device="cpu", targets=["query"])
    batch = current(pool_home)
    assert batch.classes == ("any other", "zebra")
    assert batch.card["positives"] == 2


def test_what_was_found_is_compared_with_the_pool_once_however_often_tiles_are_chosen(app, pool_home, monkeypatch):
    compared = []
    monkeypatch.setattr(search, "cosines", lambda x, query: compared.append(len(x)) or cosines(x, query))
    page = view(app("grow", project="pool"), "find")
    type_in(page, "concept", "3")
    page.radio(key="grow_find_way").set_value("items").run()
    assert compared == [1797]  # with the five digits labelled 3
    page.run()  # as a click on a tile does
    press(page, "find_others")  # what is waiting has changed, what is searched for has not
    assert compared == [1797]


def _now(pool_home: Path):
    project = Project(pool_home / "pool")
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
