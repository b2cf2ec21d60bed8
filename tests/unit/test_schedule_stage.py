"""The stage [schedule]: what it plans, what it trains, what it refuses."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from curation.data.view import View
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.stages import schedule
from curation.errors import InputError, RecipeError
from curation.maths.label_noise.planted import plant

DIGITS = load_digits()
SECTION = {
    "use": "gated_rotation",
    "others": ["infobatch"],
    "keeps": [0.5],
    "seeds": 2,
    "epochs": 4,
    "network": {"hidden": 16},
}


@pytest.fixture
def recipe(tmp_path):
    """`recipe(noise=0.2)`: 300 digits in a file, scheduled as SECTION says."""
    x, y, n = DIGITS.data[:450] / 16, DIGITS.target[:450], 300
    split = np.where(np.arange(450) < n, "train", "test")
    np.savez(tmp_path / "digits.npz", features=x.astype(np.float32), labels=y, split=split)

    def of(**section):
        source = {"use": "arrays", "path": str(tmp_path / "digits.npz")}
        asked = {"source": source, "encode": {"use": "precomputed"}, "schedule": {**SECTION, **section}}
        return parse_recipe(asked)

    return of


def test_a_grid_is_trained_on_equal_passes_with_the_baselines_beside_and_goes_on_where_it_stopped(recipe, tmp_path):
    first = run(recipe(seeds=1), tmp_path / "ws", device="cpu")
    made = run(recipe(), tmp_path / "ws", device="cpu")
    cached = [step["cached"] for step in made.steps if step["stage"] == "schedule"]
    assert cached == [True] * 5 + [False] * 5
    assert made.schedule[:5] == first.schedule
    names = ["gated_rotation", "infobatch", "full_short", "rs2", "full"]
    assert [(row["sampler"], row["seed"]) for row in made.schedule] == [(n, s) for s in (0, 1) for n in names]
    for row in made.schedule:
        assert row["passes"] == (1200 if row["sampler"] == "full" else 600)
        assert row["share"] == (1.0 if row["sampler"] == "full" else 0.5)
        assert (row["student"], row["noise"], row["noise_taken"], row["failed"]) == ("head", 0.0, None, None)
        assert 0.3 < row["accuracy"] <= 1
    by_name = {row["sampler"]: row for row in made.schedule}
    assert by_name["rs2"]["gini"] == by_name["full"]["gini"] == 0
    assert by_name["gated_rotation"]["prepare_seconds"] > 0 == by_name["rs2"]["prepare_seconds"]
    assert len({row["accuracy"] for row in made.schedule if row["sampler"] == "full"}) >= 1
    lines = schedule.table(made.schedule)
    assert lines[0][:2] == ["keep", "sampler"]
    assert len(lines) == 6
    json.dumps(made.json())


def test_wrong_labels_are_planted_on_train_items_and_counted_in_what_was_taken(recipe, tmp_path):
    made = run(recipe(noise=0.2, seeds=1, others=["curriculum"]), tmp_path / "ws", device="cpu")
    taken = {row["sampler"]: row["noise_taken"] for row in made.schedule}
    assert taken["full"] == taken["rs2"] == pytest.approx(0.2)
    assert taken["gated_rotation"] < 0.12
    assert {row["noise"] for row in made.schedule} == {0.2}
    clean = run(recipe(seeds=1, others=["curriculum"]), tmp_path / "ws", device="cpu")
    assert {row["sampler"]: row["accuracy"] for row in clean.schedule}["full"] > 0.8


@pytest.mark.parametrize(("order", "late"), [("easy_first", True), ("hard_first", False)])
def test_a_score_follows_the_planted_labels(recipe, tmp_path, order, late):
    """Easy first by what an item is worth to its neighbours: planted mistakes harm them, so they come late."""
    asked = recipe(use="curriculum", by="knn_shapley", order=order, others=[], noise=0.3, seeds=1, keeps=[0.3])
    made = run(asked, tmp_path / "ws", device="cpu")
    taken = {row["sampler"]: row["noise_taken"] for row in made.schedule}
    assert taken["rs2"] == pytest.approx(0.3, abs=0.05)
    assert taken["curriculum"] < 0.1 if late else taken["curriculum"] > 0.5


def test_the_recipe_is_written_in_full_and_read_back_as_it_was(recipe):
    asked = recipe(noise=0.1, flips="pairwise")
    text = asked.toml()
    assert parse_recipe(tomllib.loads(text)) == asked
    assert "[schedule.network]\nhidden = 16\nlr = 0.01" in text
    assert "trust = 0.25" in text
    again = parse_recipe(tomllib.loads(text.replace("epochs = 4", "epochs = 5")))
    assert again.schedule.trained()["epochs"] == 5


def test_a_student_of_ones_own_is_part_of_the_keys(recipe, tmp_path, monkeypatch):
    file = tmp_path / "mine.py"
    file.write_text("import torch\ndef net(d, classes):\n    return torch.nn.Linear(d, classes)\n")
    monkeypatch.chdir(tmp_path)
    asked = recipe(student="module_embeddings", network={"path": "mine:net"}, keeps=[0.5], seeds=1, others=[])
    before = {step.key for step in plan(asked, tmp_path / "ws").of("schedule")}
    made = run(asked, tmp_path / "ws", device="cpu")
    assert {row["student"] for row in made.schedule} == {"module_embeddings"}
    file.write_text(file.read_text() + "# changed\n")
    assert not before & {step.key for step in plan(asked, tmp_path / "ws").of("schedule")}


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"use": "rs3"}, "rs3"),
        ({"others": ["infobach"]}, "[schedule] others: "),
        (
            {"student": "logistic"},
            "[schedule] student = 'logistic' has no epochs to schedule; use one of: cnn, convnet, head",
        ),
        ({"student": "hed", "network": {}}, "[schedule] student: "),
        ({"network": {"hiden": 3}}, "[schedule.network]: head has no parameter 'hiden'"),
        ({"network": {"epochs": 3}}, "[schedule.network] epochs: `epochs` and `keeps` in [schedule] say how long"),
        ({"keeps": [0.0]}, "keeps.0"),
        ({"keeps": []}, "keeps"),
        ({"keeps": [1.5]}, "keeps.0"),
        ({"noise": 0.95}, "noise = 0.95"),
        ({"flips": "random"}, "flips"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_in_one_sentence_before_any_work(recipe, section, sentence):
    with pytest.raises(RecipeError) as error:
        recipe(**section)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_score_of_a_student_that_saw_the_right_labels_is_refused_with_planted_ones(recipe, tmp_path):
    asked = recipe(use="curriculum", by="aum", noise=0.2)
    with pytest.raises(RecipeError, match="curriculum goes by aum, which stands on a student"):
        plan(asked, tmp_path / "ws")


def test_without_test_rows_nothing_is_trained(tmp_path):
    np.savez(tmp_path / "d.npz", features=DIGITS.data[:90], labels=DIGITS.target[:90])
    source = {"use": "arrays", "path": str(tmp_path / "d.npz"), "holdout": 0.0}
    asked = parse_recipe({"source": source, "encode": {"use": "precomputed"}, "schedule": SECTION})
    with pytest.raises(InputError, match=r"\[schedule\] needs test rows and the source has none"):
        run(asked, tmp_path / "ws", device="cpu")


@pytest.mark.parametrize(("epochs", "keep"), [(1, 0.5), (1, 0.004), (3, 1.0)])
def test_one_epoch_an_epoch_under_one_batch_and_all_passes_are_trained_to_the_end(recipe, tmp_path, epochs, keep):
    asked = recipe(others=["orderdp", "repb"], keeps=[keep], epochs=epochs, seeds=1)
    made = run(asked, tmp_path / "ws", device="cpu")
    assert not made.failed
    passes = {row["sampler"]: row["passes"] for row in made.schedule if row["sampler"] != "full"}
    assert set(passes.values()) == {round(keep * 300) * epochs}


def test_a_student_that_diverges_ends_its_cell_and_no_other(recipe, tmp_path):
    asked = recipe(network={"hidden": 16, "lr": 10.0, "l2": 1e6}, seeds=1, others=[])
    made = run(asked, tmp_path / "ws", device="cpu")
    assert len(made.schedule) == 4
    assert {row["failed"] is None or "diverged" in row["failed"] for row in made.schedule} == {True}


def test_where_people_log_in_a_student_of_ones_own_is_not_run(recipe, tmp_path, monkeypatch):
    from curation.ui.server import access, allowed_paths

    monkeypatch.setattr(access, "visitor", lambda: access.Visitor("a" * 20, "ada"))
    monkeypatch.setenv("WINNOW_ROOTS", str(tmp_path))
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path / "home"))
    allowed_paths.check_recipe(recipe())
    asked = recipe(student="module_embeddings", network={"path": "json:loads"})
    with pytest.raises(InputError, match="your own code runs from the command line only"):
        allowed_paths.check_recipe(asked)


def test_wrong_labels_are_told_by_the_truth_where_the_source_knows_it():
    view = View.of(labels=np.array([0, 1, 1, 0]), classes=("a", "b"))
    planted = np.array([False, True, True, False])
    truth = np.array([None, None, "b", "b"], object)  # the third was planted back to what is right
    assert schedule._wrong(view, truth, planted).tolist() == [False, True, False, True]
    assert schedule._wrong(view, np.full(4, None, object), np.zeros(4, bool)) is None


@pytest.mark.parametrize(("flips", "steps"), [("pairwise", {1}), ("symmetric", {1, 2, 3, 4})])
def test_as_many_labels_as_asked_are_planted_and_none_of_them_is_right(flips, steps):
    labels = np.arange(1000) % 5
    noisy, wrong = plant(labels, 5, 0.3, flips, np.random.default_rng(0))
    assert wrong.sum() == 300
    assert ((noisy != labels) == wrong).all()
    assert set(((noisy - labels) % 5)[wrong].tolist()) == steps
    assert set(noisy.tolist()) == set(range(5))


def test_one_class_cannot_be_learnt_and_the_run_says_so(recipe, tmp_path):
    np.savez(tmp_path / "digits.npz", features=DIGITS.data[:90], labels=np.zeros(90, int), split=["train", "test"] * 45)
    with pytest.raises(InputError, match="needs train rows of at least two classes; found: 0"):
        run(recipe(), tmp_path / "ws", device="cpu")


def test_fewer_items_than_a_batch_are_trained_on_to_the_last_pass(recipe, tmp_path):
    split = np.where(np.arange(60) < 12, "train", "test")
    np.savez(tmp_path / "digits.npz", features=DIGITS.data[:60], labels=DIGITS.target[:60] % 3, split=split)
    made = run(recipe(seeds=1, others=["sae_coverage", "cluster_probe"]), tmp_path / "ws", device="cpu")
    assert not made.failed
    assert all(row["passes"] == pytest.approx(24, abs=1) for row in made.schedule if row["sampler"] != "full")
