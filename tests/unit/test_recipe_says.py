"""What a recipe says beside methods: decisions that are checked, home folders, counts of rows."""

import tomllib

import numpy as np
import pytest

from curation.data.decisions import DecisionLog, EffectiveDecisions
from curation.data.effective_labels import effective_labels
from curation.data.items import make_items
from curation.data.workspace import Workspace
from curation.engine.recipe import load_recipe, parse_recipe
from curation.engine.run import run
from curation.errors import InputError, RecipeError


@pytest.fixture
def blobs(tmp_path):
    """40 points of two classes, 32 of them to train on."""
    x = np.eye(2)[np.arange(40) % 2] * 4 + np.random.default_rng(0).normal(size=(40, 2))
    split = np.where(np.arange(40) < 32, "train", "test")
    labels = np.array(["cats", "dogs"])[np.arange(40) % 2]
    ids = np.array([f"item-{i:02d}" for i in range(40)])
    np.savez(tmp_path / "x.npz", features=x, labels=labels, split=split, ids=ids)
    return tmp_path / "x.npz"


def recipe(blobs, **sections):
    base = {"source": {"use": "arrays", "path": str(blobs)}, "encode": {"use": "precomputed"}}
    return parse_recipe({**base, "prune": [{"use": "random", "keep": 0.5}], **sections})


# -- decisions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        ({"action": "relabel"}, "a relabel needs the new label; the name given is empty"),
        ({"action": "relabel", "value": ""}, "the name given is empty"),
        ({"action": "relabel", "value": "  "}, "the name given is empty"),
        ({"action": "relabel", "value": 3}, "value = 3: expected a text; put it between quotes"),
        ({"action": "drop", "value": ["x"]}, "expected a text"),
        ({"action": "drop", "why": 3}, "why = 3: expected texts"),
        ({"action": "drop", "id": 3}, "id = 3.*: expected texts"),
        ({"action": "relable", "value": "x"}, "did you mean 'relabel'"),
    ],
)
def test_a_decision_that_cannot_be_meant_is_one_line(blobs, decision, why):
    with pytest.raises(RecipeError, match=why) as caught:
        recipe(blobs, decision=[{"id": "item-02", **decision}])
    assert "\n" not in str(caught.value)


def test_a_label_given_is_trimmed_as_labels_are(blobs, tmp_path):
    assert recipe(blobs, decision=[{"id": "a", "action": "relabel", "value": " dogs "}]).decision[0].value == "dogs"
    DecisionLog(tmp_path).add(["a", "b"], "relabel", [" e\u0301 ", "dogs"])
    assert [d.value for d in DecisionLog(tmp_path).all()] == ["\xe9", "dogs"]
    with pytest.raises(InputError, match="the name given is empty"):
        DecisionLog(tmp_path).add(["a"], "relabel", "\t")


def test_decisions_on_items_that_are_not_there_are_counted_and_named(blobs, tmp_path):
    decisions = [{"id": f"x/item-{i:02d}", "action": "drop"} for i in (1, 2)]
    decisions += [{"id": "item-1", "action": "relabel", "value": "birds"}, {"id": "item-03", "action": "drop"}]
    outcome = run(recipe(blobs, decision=decisions), tmp_path / "w", device="cpu")
    (note,) = [note for note in outcome.notes if "change nothing" in note]
    assert note.startswith("Decisions on 'item-1' and 2 more change nothing: the data has no such items; ")
    assert "item-1" in note


def test_a_label_for_an_item_that_is_not_there_makes_no_class():
    items = make_items(ids=["a", "b"], labels=["x", "y"], splits=["train"] * 2, features=np.zeros((2, 1)))
    classes, labels = effective_labels(items, EffectiveDecisions(labels={"gone": "z", "a": "y"}))
    assert classes == ("x", "y")
    assert labels.tolist() == [1, 1]


# -- home -----------------------------------------------------------------------------------------------------------


def test_a_tilde_is_the_home_folder_wherever_a_path_is_written(blobs, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    blobs.rename(home / "x.npz")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    text = '[source]\nuse = "arrays"\npath = "~/x.npz"\n[[export]]\nuse = "csv"\npath = "~/out/kept.csv"\n'
    (home / "r.toml").write_text(text)
    wanted = load_recipe("~/r.toml")
    assert wanted.source.params["path"] == home / "x.npz"
    run(wanted, "~/ws", device="cpu")
    assert (home / "out" / "kept.csv").exists()
    assert Workspace("~/ws").folder == home / "ws"
    assert not list(tmp_path.glob("~*"))
    grow = recipe(home / "x.npz", grow={"use": "random", "cost": "~/costs.csv"}).grow
    assert grow.files() == [home / "costs.csv"]


def test_a_home_that_is_not_there_is_one_line(blobs):
    with pytest.raises(RecipeError, match=r"\[source\]: path = '~nobody-here/x': no such home folder"):
        recipe("~nobody-here/x")


# -- counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "kept"), [(10, 10), (0.5, 16), (1, 32), (1.0, 32), (500, 32)])
def test_keep_is_a_share_or_a_number_of_rows(blobs, tmp_path, keep, kept):
    export = [{"use": "jsonl", "path": str(tmp_path / "m.jsonl")}]
    wanted = recipe(blobs, prune=[{"use": "random", "keep": keep}], export=export)
    run(wanted, tmp_path / "w", device="cpu")
    text = (tmp_path / "m.jsonl").read_text()
    assert text.count("kept: taken by random") == kept
    if keep == 10:
        assert "pruned: below random cut at 10 items" in text
    assert parse_recipe(tomllib.loads(wanted.toml())).prune[0].keep == keep


@pytest.mark.parametrize("keep", [0, -1, 1.5, 99.5, True, "500"])
def test_a_keep_that_means_nothing_is_one_line(blobs, keep):
    with pytest.raises(RecipeError, match=r"\[\[prune\]\] random: keep = "):
        recipe(blobs, prune=[{"use": "random", "keep": keep}])


def test_verification_speaks_of_numbers_as_numbers_and_draws_them_as_shares(blobs, tmp_path):
    wanted = recipe(
        blobs,
        prune=[{"use": "random", "name": "few", "keep": 8}, {"use": "k_center", "keep": 0.5}],
        verify={"use": "logistic", "seeds": 1, "keeps": [8, 0.5]},
    )
    outcome = run(wanted, tmp_path / "w", device="cpu")
    seen = {(row["method"], row["keep"]): (row["train_rows"], row["share"]) for row in outcome.verify}
    assert seen["few", 8] == (8, 0.25)
    assert seen["random", 8] == (8, 0.25)
    assert seen["k_center", 0.5] == (16, 0.5)
    assert seen["full", 1.0] == (32, 1.0)
    assert any(step["name"] == "few at 8 items, seed 0" for step in outcome.steps)
