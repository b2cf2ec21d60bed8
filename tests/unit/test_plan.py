import numpy as np
import pytest

from curation.data.decisions import DecisionLog
from curation.data.workspace import Workspace
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.stage import until
from curation.errors import RecipeError, SourceError

PRUNE = {"name": "half", "use": "by_score", "by": "aum", "keep": 0.5}


def recipe(**changes):
    raw = {
        "source": {"use": "sample"},
        "encode": {"use": "pixels"},
        "flag": [{"use": "knn_vote"}],
        "map": {"use": "pca"},
        "prune": [PRUNE],
    }
    return parse_recipe({k: v for k, v in {**raw, **changes}.items() if v is not None})


def keys(made):
    return {(s.stage, s.name): s.key for s in made.steps}


def test_what_a_method_needs_is_planned_in_before_it(tmp_path):
    names = [(s.stage, s.name) for s in plan(recipe(), Workspace(tmp_path)).steps]
    for first, then in [
        (("source", "sample"), ("encode", "pixels")),
        (("encode", "pixels"), ("evidence", "neighbours")),
        (("evidence", "neighbours"), ("flag", "knn_vote")),
        (("evidence", "dynamics"), ("score", "aum")),
        (("score", "aum"), ("prune", "half")),
    ]:
        assert names.index(first) < names.index(then)
    assert len(names) == len(set(names))


def test_a_relabel_renews_what_reads_labels_and_leaves_the_rest(tmp_path):
    space = Workspace(tmp_path)
    before = keys(plan(recipe(), space))
    DecisionLog(tmp_path).add(["0003"], "relabel", "7")
    after = keys(plan(recipe(), space))
    changed = {name for name in before if before[name] != after[name]}
    assert {("flag", "knn_vote"), ("evidence", "dynamics"), ("score", "aum"), ("prune", "half")} <= changed
    assert not {("source", "sample"), ("encode", "pixels"), ("evidence", "neighbours"), ("map", "pca")} & changed


def test_a_drop_renews_the_subset_only(tmp_path):
    space = Workspace(tmp_path)
    before = keys(plan(recipe(), space))
    DecisionLog(tmp_path).add(["0003"], "drop")
    after = keys(plan(recipe(), space))
    assert {name for name in before if before[name] != after[name]} == {("prune", "half")}


def test_undo_brings_the_old_keys_back(tmp_path):
    space, log = Workspace(tmp_path), DecisionLog(tmp_path)
    before = keys(plan(recipe(), space))
    log.add(["0003"], "relabel", "7")
    log.undo()
    assert keys(plan(recipe(), space)) == before


def test_the_seed_is_part_of_the_key_only_where_it_matters(tmp_path):
    space = Workspace(tmp_path)

    def key(use, seed, **more):
        return plan(recipe(prune=[{"use": use, "keep": 0.5, "seed": seed, **more}]), space).of("prune")[0].key

    assert key("random", 0) != key("random", 1)
    placed = [plan(recipe(map={"use": "pca", "seed": s}), space).find("map").key for s in (0, 1)]
    assert placed[0] == placed[1]  # a principal axis has no seed


def test_verification_always_brings_random_and_full_beside_every_subset(tmp_path):
    made = plan(recipe(verify={"use": "head", "seeds": 3, "keeps": [0.1, 0.5]}), Workspace(tmp_path))
    cells = {(s.shown["method"], s.shown["keep"], s.seed) for s in made.of("verify")}
    assert cells == {(m, k, s) for m in ("half", "random") for k in (0.1, 0.5) for s in range(3)} | {
        ("full", 1.0, s) for s in range(3)
    }


def test_embeddings_without_an_encoder_are_asked_for_in_words(tmp_path):
    with pytest.raises(RecipeError, match=r"needs embeddings and the recipe has no \[encode\]; add one"):
        plan(recipe(encode=None), Workspace(tmp_path))


def test_a_missing_path_is_named_before_anything_runs(tmp_path):
    with pytest.raises(SourceError, match=r"\[source\]: path = '.*nowhere' does not exist"):
        plan(recipe(source={"use": "folder", "path": str(tmp_path / "nowhere")}), Workspace(tmp_path / "w"))


def test_a_changed_file_is_another_source(tmp_path):
    def write(labels):
        np.savez(tmp_path / "data.npz", images=np.zeros((len(labels), 4, 4), np.uint8), labels=np.array(labels))
        source = {"use": "arrays", "path": str(tmp_path / "data.npz")}
        return plan(recipe(source=source), Workspace(tmp_path / "w")).find("source").key

    assert write([0, 1, 0, 1]) != write([0, 1, 0, 1, 1, 0])


def test_an_unknown_stage_suggests_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'score'"):
        until("scores")
