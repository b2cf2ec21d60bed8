"""[grow] through the engine: the next batch, labels that join the train rows, simulation, and what can go wrong."""

from __future__ import annotations

import csv
import tomllib

import numpy as np
import pytest

from curation.data.decisions import DecisionLog
from curation.data.items import Items
from curation.data.workspace import Workspace
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.results_reader import ResultReader
from curation.engine.run import run
from curation.errors import InputError, RecipeError
from curation.ui.grow import own_labels

N = 120  # 60 train rows without a label, 30 with one, 30 test rows


@pytest.fixture
def pool(tmp_path):
    """A function that writes the data set: three blobs; `labelled` are the classes of the labelled train rows."""

    def write(labelled=("ant", "bee", "cow"), classes=3):
        rng = np.random.default_rng(0)
        code = np.arange(N) % classes
        split = np.where(np.arange(N) < 30, "train", np.where(np.arange(N) < 90, "unlabeled", "test"))
        names = np.array(["ant", "bee", "cow"])[code]
        hidden = (split == "unlabeled") | ((split == "train") & ~np.isin(names, labelled))
        path = tmp_path / "pool.npz"
        np.savez(
            path,
            features=(np.eye(3)[code] * 3 + rng.normal(size=(N, 3))).astype(np.float32),
            labels=np.where(hidden, "", names),
            split=split,
            ids=np.array([f"i{i:03d}" for i in range(N)]),
        )
        return path, names

    return write


def recipe(path, tmp_path, grow=None, **more):
    raw = {
        "source": {"use": "arrays", "path": str(path)},
        "encode": {"use": "precomputed"},
        "grow": {"use": "margin", "batch": 7, **(grow or {})},
        "export": [{"use": "csv", "path": str(tmp_path / "out.csv")}],
        **more,
    }
    return parse_recipe({name: part for name, part in raw.items() if part is not None})


def asked(made, space):
    """(ids in the order to ask, card) of the next batch."""
    the_plan = plan(made, space)
    step = the_plan.find("query")
    rows = np.load(space.path("query", step.key) / "rows.npy")
    items = Items.load(space.path("source", the_plan.find("source").key))
    return items.column("id")[rows].tolist(), space.card("query", step.key)


def manifest(tmp_path):
    with (tmp_path / "out.csv").open() as lines:
        return {row["id"]: row for row in csv.DictReader(lines)}


# -- the next batch ---------------------------------------------------------------------------------------------------


def test_a_batch_holds_rows_without_a_label_and_says_how_the_model_does(pool, tmp_path):
    path, _ = pool()
    made, space = recipe(path, tmp_path), Workspace(tmp_path / "w")
    run(made, space.folder)
    ids, card = asked(made, space)
    assert len(set(ids)) == 7
    assert all("i030" <= i < "i090" for i in ids)
    assert (card["labelled"], card["open"], card["asked"], card["considered"]) == (30, 60, 7, 60)
    assert 0.7 < card["accuracy"] <= 1
    step = plan(made, space).find("query")
    predicted = np.load(space.path("query", step.key) / "predicted.npy")
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)
    margin = np.diff(np.sort(predicted, axis=1)[:, -2:], axis=1).ravel()
    assert (np.diff(margin) >= -1e-6).all(), "the most doubtful comes first"


def test_only_the_source_the_encoder_and_the_batch_are_computed_for_a_page(pool, tmp_path):
    made = recipe(pool()[0], tmp_path, flag=[{"use": "knn_vote"}], map={"use": "pca"})
    outcome = run(made, tmp_path / "w", targets=["query"], keep_recipe=False)
    assert [step["stage"] for step in outcome.steps] == ["source", "encode", "query"]


def test_a_label_makes_another_batch_and_undo_brings_the_old_one_back(pool, tmp_path):
    path, names = pool()
    made, space = recipe(path, tmp_path), Workspace(tmp_path / "w")
    run(made, space.folder)
    first, _ = asked(made, space)
    log = DecisionLog(space.folder)
    log.add(first, "relabel", [names[int(i[1:])] for i in first])
    assert not plan(made, space).done(plan(made, space).find("query"))
    run(made, space.folder)
    second, card = asked(made, space)
    assert card["labelled"] == 37
    assert not set(first) & set(second)
    assert [point["labelled"] for point in own_labels.curve(plan(made, space), log.all())] == [30, 37]
    log.undo()
    assert asked(made, space)[0] == first
    assert [point["labelled"] for point in own_labels.curve(plan(made, space), log.all())] == [30]


def test_what_was_put_aside_or_dropped_is_not_asked_for_again(pool, tmp_path):
    made, space = recipe(pool()[0], tmp_path, {"batch": 4}), Workspace(tmp_path / "w")
    run(made, space.folder)
    first, _ = asked(made, space)
    log = DecisionLog(space.folder)
    log.add(first[:2], "review", why="skipped while growing")
    log.add(first[2:3], "drop", why="blurred")
    run(made, space.folder)
    again, card = asked(made, space)
    assert first[3] in again
    assert not set(first[:3]) & set(again)
    assert card["open"] == 57


def test_the_last_of_two_labels_for_one_item_counts(pool, tmp_path):
    made, space = recipe(pool()[0], tmp_path), Workspace(tmp_path / "w")
    log = DecisionLog(space.folder)
    log.add(["i040", "i040"], "relabel", ["ant", "bee"])
    log.add(["i040"], "relabel", "cow")
    run(made, space.folder)
    assert manifest(tmp_path)["i040"]["label"] == "cow"
    assert asked(made, space)[1]["labelled"] == 31


# -- a label given by hand --------------------------------------------------------------------------------------------


def test_a_row_labelled_by_hand_is_a_train_row_from_then_on_and_the_manifest_says_who_says_so(pool, tmp_path):
    made, space = recipe(pool()[0], tmp_path, flag=[{"use": "knn_vote"}]), Workspace(tmp_path / "w")
    run(made, space.folder)
    before = {(s.stage, s.name): s.key for s in plan(made, space).steps}
    log = DecisionLog(space.folder)
    log.add(["i050"], "relabel", "bee")
    log.add(["i000"], "confirm")
    run(made, space.folder)
    the_plan = plan(made, space)
    after = {(s.stage, s.name): s.key for s in the_plan.steps}
    changed = {name for name in before if before[name] != after[name]}
    assert {("evidence", "neighbours labelled"), ("flag", "knn_vote")} <= changed
    assert not {("source", "arrays"), ("encode", "precomputed")} & changed
    assert 50 in np.load(space.path("flag", after["flag", "knn_vote"]) / "rows.npy")
    rows = manifest(tmp_path)
    wanted = {"split": "train", "label": "bee", "kept": "true", "label_source": "hand"}
    assert {name: rows["i050"][name] for name in wanted} == wanted
    assert rows["i050"]["reason"].endswith("labelled by hand")
    assert rows["i000"]["label_source"] == "source, confirmed"
    assert rows["i001"]["label_source"] == "source"
    assert (rows["i051"]["label_source"], rows["i051"]["split"]) == ("", "unlabeled")


def test_labels_replayed_in_a_new_workspace_give_the_same_manifest(pool, tmp_path):
    path, names = pool()
    said = [{"id": f"i{i:03d}", "action": "relabel", "value": str(names[i])} for i in range(40, 60)]
    prune = [{"use": "k_center", "keep": 0.5}]
    log = DecisionLog(Workspace(tmp_path / "w").folder)
    run(recipe(path, tmp_path, prune=prune), tmp_path / "w")
    log.add([d["id"] for d in said], "relabel", [d["value"] for d in said])
    run(recipe(path, tmp_path, prune=prune), tmp_path / "w")
    step_by_step = (tmp_path / "out.csv").read_bytes()
    made = recipe(path, tmp_path, prune=prune, decision=said)
    outcome = run(made, tmp_path / "new")
    assert (tmp_path / "out.csv").read_bytes() == step_by_step
    assert not any(step["cached"] for step in outcome.steps)
    assert all(step["cached"] for step in run(made, tmp_path / "new").steps), "and a second run does no work"


def test_a_class_that_was_not_there_can_be_added_on_the_way(pool, tmp_path):
    made, space = recipe(pool()[0], tmp_path), Workspace(tmp_path / "w")
    run(made, space.folder)
    DecisionLog(space.folder).add(["i040", "i041"], "relabel", "dodo")
    run(made, space.folder)
    _, card = asked(made, space)
    assert card["classes"] == ["ant", "bee", "cow", "dodo"]
    assert manifest(tmp_path)["i041"]["label"] == "dodo"


def test_labels_move_neither_the_encoder_nor_a_map(pool, tmp_path):
    path, _ = pool()
    made, space = recipe(path, tmp_path, map={"use": "pca"}, export=None), Workspace(tmp_path / "w")
    run(made, space.folder)
    before = plan(made, space)
    assert len(np.load(space.path("map", before.find("map", "pool").key) / "rows.npy")) == 90
    assert len(np.load(space.path("map", before.find("map").key) / "rows.npy")) == 120
    DecisionLog(space.folder).add(["i040"], "relabel", "bee")
    after = plan(made, space)
    assert after.find("map", "pool").key == before.find("map", "pool").key
    assert after.find("map").key == before.find("map").key
    assert after.find("encode").key == before.find("encode").key


def test_without_unlabelled_rows_every_key_is_what_it_was(tmp_path):
    raw = {"source": {"use": "sample"}, "encode": {"use": "pixels"}, "map": {"use": "pca"}}
    space = Workspace(tmp_path / "w")
    before = {s.label: s.key for s in plan(parse_recipe(raw), space).steps}
    grow = {"grow": {"use": "random"}}
    run(parse_recipe(raw | grow), space.folder, targets=["source"])
    after = {s.label: s.key for s in plan(parse_recipe(raw | grow), space).steps}
    assert before.items() <= after.items()
    assert "map pool" not in after


# -- one concept, costs, seals ----------------------------------------------------------------------------------------


def test_a_concept_stands_against_all_other_classes(pool, tmp_path):
    made = recipe(pool()[0], tmp_path, {"concept": "bee", "use": "most_likely_positive"})
    space = Workspace(tmp_path / "w")
    run(made, space.folder)
    ids, card = asked(made, space)
    assert card["classes"] == ["any other", "bee"]
    assert card["positives"] == 10
    assert sum(int(i[1:]) % 3 == 1 for i in ids) >= 6, "nearly all that it asks for is what it looks for"


def test_what_an_item_costs_is_read_from_a_table(pool, tmp_path):
    path, _ = pool()
    costs = tmp_path / "costs.csv"
    costs.write_text("id,cost\n" + "".join(f"i{i:03d},{1 if i < 37 else 1e9}\n" for i in range(N)))
    made = recipe(path, tmp_path, {"use": "cost_aware", "gamma": 10.0, "cost": str(costs)})
    space = Workspace(tmp_path / "w")
    run(made, space.folder)
    ids, card = asked(made, space)
    assert sorted(ids) == [f"i{i:03d}" for i in range(30, 37)], "the cheapest, where cost outweighs all doubt"
    assert card["cost"] == 7
    assert card["spent"] == 30
    costs.write_text("id,cost\ni001,3\n")
    with pytest.raises(InputError, match="89 items have no cost above 0"):
        run(made, tmp_path / "w")


def test_seals_scores_neighbours_only_and_finds_the_same_ones_when_rows_are_left_out(pool, tmp_path):
    made = recipe(pool()[0], tmp_path, {"candidates": "seals", "neighbours": 2})
    space = Workspace(tmp_path / "w")
    run(made, space.folder)
    ids, card = asked(made, space)
    items = Items.load(space.path("source", plan(made, space).find("source").key))
    x = np.asarray(items.features, np.float64)[:90]  # the test rows come last and are never a neighbour
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    cosine = x @ x.T - 2 * np.eye(90)
    near = set(np.argsort(-cosine[:30], axis=1)[:, :2].ravel().tolist())
    wanted = {i for i in near if i >= 30}
    assert card["considered"] == len(wanted)
    assert {int(i[1:]) for i in ids} <= wanted
    assert space.card("evidence", plan(made, space).find("evidence", "similarity").key)["search"] == "exact"


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labelled", "grow", "sentence"),
    [
        ((), {}, "no row has a label yet.*k_center, probcover, random or typiclust"),
        (("bee",), {}, "every label so far is 'bee'.*needs two classes.*typiclust"),
        (("bee",), {"concept": "bee"}, "every label is the concept's.*both sides"),
        (("ant", "cow"), {"concept": "dodo"}, "concept = 'dodo': no item has this label yet"),
        (("ant", "cow"), {"concept": "bee"}, "no row is labelled 'bee' yet"),
        ((), {"use": "random", "candidates": "seals"}, "seals asks among the neighbours of labelled rows"),
    ],
)
def test_a_strategy_that_knows_too_little_says_which_to_ask_with(pool, tmp_path, labelled, grow, sentence):
    made = recipe(pool(labelled)[0], tmp_path, grow)
    with pytest.raises(InputError, match=sentence):
        run(made, tmp_path / "w")


@pytest.mark.parametrize("use", ["random", "typiclust", "probcover", "k_center"])
def test_a_cold_start_asks_without_a_single_label(pool, tmp_path, use):
    made, space = recipe(pool(())[0], tmp_path, {"use": use}), Workspace(tmp_path / "w")
    run(made, space.folder)
    ids, card = asked(made, space)
    assert len(ids) == 7
    assert "accuracy" not in card
    assert "no row has a label yet" in card["notes"][0]


def test_a_pool_smaller_than_the_batch_is_asked_for_as_a_whole_and_then_nothing_is_left(pool, tmp_path):
    path, names = pool()
    made, space = recipe(path, tmp_path, {"batch": 500}), Workspace(tmp_path / "w")
    run(made, space.folder)
    ids, card = asked(made, space)
    assert sorted(ids) == [f"i{i:03d}" for i in range(30, 90)]
    assert card["notes"] == ["60 rows are left to ask for, fewer than the batch of 500"]
    DecisionLog(space.folder).add(ids, "relabel", [names[int(i[1:])] for i in ids])
    run(made, space.folder)
    ids, card = asked(made, space)
    assert ids == []
    assert card["notes"] == ["every item has a label: there is nothing left to choose from"]


@pytest.mark.parametrize(
    ("grow", "sentence"),
    [
        ({"use": "magic"}, "there is no querie 'magic'|there is no query 'magic'"),
        ({"batch": 0}, "batch = 0"),
        ({"candidates": "some"}, "candidates = 'some'"),
        ({"student": "heda"}, "there is no student 'heda'.*head"),
        ({"simulate": {"strategies": ["marginn"]}}, "marginn.*margin"),
        ({"simulate": {"round": 3}}, "round = 3"),
    ],
)
def test_a_wrong_word_in_the_recipe_is_one_line(pool, tmp_path, grow, sentence):
    with pytest.raises(RecipeError, match=sentence):
        recipe(pool()[0], tmp_path, grow)


# -- simulation -------------------------------------------------------------------------------------------------------


def test_a_simulation_brings_random_and_everything_labelled_beside_and_is_kept(pool, tmp_path):
    simulate = {"start": 1, "rounds": 2, "seeds": 2, "strategies": ["typiclust"]}
    made = recipe(pool()[0], tmp_path, {"batch": 5, "simulate": simulate})
    outcome = run(made, tmp_path / "w")
    cells = {(row["method"], row["seed"]) for row in outcome.growth}
    assert cells == {(name, seed) for name in ("margin", "typiclust", "random", "full") for seed in (0, 1)}
    for method in ("margin", "typiclust", "random"):
        lines = [row for row in outcome.growth if (row["method"], row["seed"]) == (method, 0)]
        assert [line["labels"] for line in lines] == [3, 8, 13]
    starts = {row["accuracy"] for row in outcome.growth if row["seed"] == 0 and row["labels"] == 3}
    assert len(starts) == 1, "all begin with the same labels"
    assert {row["labels"] for row in outcome.growth if row["method"] == "full"} == {30}
    again = run(made, tmp_path / "w")
    assert all(step["cached"] for step in again.steps)
    assert again.growth == outcome.growth


def test_a_strategy_that_cannot_start_cold_fails_alone_with_its_reason(pool, tmp_path):
    made = recipe(pool()[0], tmp_path, {"batch": 5, "simulate": {"start": 0, "rounds": 1, "seeds": 1}})
    outcome = run(made, tmp_path / "w")
    by_name = {row["method"]: row["failed"] for row in outcome.growth}
    assert "k_center, probcover, random or typiclust" in by_name["margin"]
    assert by_name["random"] is None
    assert len(outcome.failed) == 1


def test_a_concept_in_simulation_counts_what_was_found_and_what_could_be(pool, tmp_path):
    simulate = {"start": 2, "others": 6, "rounds": 2, "seeds": 1}
    grow = {
        "use": "entropy",
        "concept": "bee",
        "candidates": "seals",
        "neighbours": 3,
        "batch": 5,
        "simulate": simulate,
    }
    recipe_ = recipe(pool()[0], tmp_path, grow)
    outcome = run(recipe_, tmp_path / "w")
    lines = [row for row in outcome.growth if row["method"] == "entropy"]
    assert [line["labels"] for line in lines] == [8, 13, 18]
    assert lines[0]["positives"] == 2
    assert 0 < lines[-1]["fraction_considered"] < 1
    space = Workspace(tmp_path / "w")
    made = plan(recipe_, space)
    full = next(step for step in made.of("growth") if step.shown["method"] == "full")
    assert 0 < space.card("growth", full.key)["reachable"] <= 1


def test_the_recipe_with_a_simulation_written_in_full_reads_back_equal(pool, tmp_path):
    made = recipe(pool()[0], tmp_path, {"use": "badge", "simulate": {"outside": ["cow"], "noise": 0.1}})
    assert parse_recipe(tomllib.loads(made.toml())) == made


def test_the_store_knows_who_is_in_the_pool_and_who_is_taught(pool, tmp_path):
    made, space = recipe(pool()[0], tmp_path), Workspace(tmp_path / "w")
    DecisionLog(space.folder).add(["i040"], "relabel", "bee")
    run(made, space.folder)
    the_plan = plan(made, space)
    store = ResultReader(space, the_plan.find("source").key, the_plan.effective)
    assert store.pool.tolist() == list(range(90))
    assert store.train.tolist() == [*range(30), 40]


def test_what_the_next_labels_are_worth_is_said_only_where_there_is_a_curve():
    assert "after 4 batches; so far there are 1" in own_labels.worth([{"labelled": 10, "accuracy": 0.5}]).sentence
    flat = [{"labels": n, "accuracy": 0.8} for n in (10, 20, 30, 40, 50)]
    assert own_labels.worth(flat).gain is None
    law = [{"labels": n, "accuracy": 0.9 - 2 * n**-0.5} for n in (50, 100, 200, 400, 800)]
    assert own_labels.worth(law, 800).gain == pytest.approx(2 * (800**-0.5 - 1600**-0.5), abs=1e-3)
