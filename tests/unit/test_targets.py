"""Targets: a plan and a job hold what was asked for and what it needs, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from curation.data.workspace import Workspace
from curation.engine.jobs import Jobs
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.stage import analysis, stages
from curation.errors import RecipeError

RECIPE = {
    "source": {"use": "sample", "labelled": 5},
    "encode": {"use": "pixels"},
    "score": [{"use": "aum"}, {"use": "knn_shapley"}],
    "flag": [{"use": "knn_vote"}, {"name": "twins", "use": "duplicates"}],
    "map": {"use": "pca"},
    "grow": {"use": "margin", "simulate": {"seeds": 1, "rounds": 1}},
    "prune": [
        {"name": "half", "use": "by_score", "by": "aum", "keep": 0.5},
        {"name": "spread", "use": "k_center", "keep": 0.2, "without": ["twins"]},
    ],
    "verify": {"use": "head", "seeds": 1},
    "export": [{"use": "csv", "path": "a.csv"}, {"use": "jsonl", "path": "b.jsonl", "prune": "spread"}],
}


def steps(tmp_path, *targets: str) -> set[str]:
    return {step.label for step in plan(parse_recipe(RECIPE), Workspace(tmp_path), targets).steps}


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("encode", {"encode pixels"}),
        ("score:knn_shapley", {"encode pixels", "score knn_shapley"}),
        ("prune:half", {"encode pixels", "evidence dynamics", "score aum", "prune half"}),
        ("prune:spread", {"encode pixels", "evidence neighbours", "flag twins", "prune spread"}),
        ("query", {"encode pixels", "query margin"}),
        ("growth:random, seed 0", {"encode pixels", "growth random, seed 0"}),
        ("evidence:neighbours", {"encode pixels", "evidence neighbours"}),
        ("score:margin", {"encode pixels", "evidence probabilities", "score margin"}),  # with its defaults
    ],
)
def test_a_target_brings_what_it_needs_and_nothing_else(tmp_path, target, wanted):
    assert steps(tmp_path, target) == {"source sample", *wanted}


def test_a_star_and_the_bare_name_are_all_the_recipe_wants_of_a_stage(tmp_path):
    assert {label for label in steps(tmp_path, "flag:*") if label.startswith("flag")} == {"flag knn_vote", "flag twins"}
    assert steps(tmp_path, "flag") == steps(tmp_path, "flag:*")
    assert steps(tmp_path, *stages()) == {s.label for s in plan(parse_recipe(RECIPE), Workspace(tmp_path)).steps}


def test_an_export_is_named_by_its_place_and_simulates_and_maps_nothing(tmp_path):
    second = steps(tmp_path, "export:1")
    assert {label for label in second if label.startswith(("export", "prune"))} == {
        "export jsonl b.jsonl",
        "prune spread",
    }
    assert not {label.split()[0] for label in second} & {"map", "query", "growth", "verify"}


def test_the_analysis_asks_for_no_batch_and_trains_no_trial(tmp_path):
    assert not {label.split()[0] for label in steps(tmp_path, *analysis())} & {"prune", "query", "growth", "verify"}


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("prun:half", "target 'prun:half': there is no stage 'prun'; did you mean 'prune'?"),
        ("prune:hlaf", "target 'prune:hlaf': the recipe has no prune 'hlaf'; did you mean 'half'?"),
        ("export:7", "the recipe has no export '7'; expected one of: csv a.csv, jsonl b.jsonl"),
        ("map:pool", "the recipe has no map 'pool'; expected one of: pca"),  # before anything is read
    ],
)
def test_a_target_that_is_not_there_is_named_and_the_nearest_suggested(tmp_path, target, sentence):
    with pytest.raises(RecipeError) as caught:
        steps(tmp_path, target)
    assert sentence in str(caught.value)


def test_a_run_with_a_target_computes_no_more_than_its_plan(tmp_path):
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(0).normal(size=(40, 4)), labels=np.arange(40) % 2)
    raw = {**RECIPE, "source": {"use": "arrays", "path": str(tmp_path / "d.npz")}, "encode": {"use": "precomputed"}}
    outcome = run(parse_recipe(raw), tmp_path / "w", targets=["prune:spread"], device="cpu")
    there = [path.parents[1].name for path in (tmp_path / "w").glob("*/*/card.json")]
    assert sorted(there) == ["encode", "evidence", "flag", "prune", "source"]
    assert [step["stage"] for step in outcome.steps] == ["source", "encode", "evidence", "flag", "prune"]
    assert outcome.verify == outcome.exports == []


def test_a_part_of_a_recipe_is_what_its_plan_comes_from(tmp_path):
    part = plan(parse_recipe(RECIPE), Workspace(tmp_path), ["export:0"]).part
    assert [prune.name for prune in part.prune] == ["half"]
    assert [export.use for export in part.export] == ["csv"]
    assert part.verify is part.grow is part.map is None
    assert part.encode == parse_recipe(RECIPE).encode
    whole = plan(parse_recipe(RECIPE), Workspace(tmp_path)).part
    assert whole == parse_recipe(RECIPE)


def test_a_job_remembers_its_targets_and_an_older_table_learns_to(tmp_path):
    space = Workspace(tmp_path / "w")
    jobs = Jobs(space.folder)
    with jobs._writing() as db:  # as version 0.1 made it, with a job in it
        db.execute("ALTER TABLE job DROP COLUMN asked")
        db.execute("INSERT INTO job (title, state) VALUES ('an old one', 'done')")
    assert [(job.title, job.targets) for job in jobs.all()] == [("an old one", None)]
    job = jobs.start(parse_recipe({"source": {"use": "sample"}}), "Read", ["source"])
    assert job.targets == ("source",)
    jobs.cancel(job.number)
    assert [job.targets for job in jobs.all()] == [("source",), None]


def test_what_a_run_knows_of_is_remembered_only_when_the_whole_analysis_is_there(tmp_path):
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(0).normal(size=(40, 4)), labels=np.arange(40) % 2)
    recipe = parse_recipe(
        {
            "source": {"use": "arrays", "path": str(tmp_path / "d.npz")},
            "encode": {"use": "precomputed"},
            "flag": [{"use": "duplicates"}],
            "prune": [{"use": "k_center", "keep": 0.5}],
        }
    )
    run(recipe, tmp_path / "w", targets=["prune"])
    assert not (tmp_path / "w" / "last.json").exists()
    run(recipe, tmp_path / "w", targets=analysis())
    assert (tmp_path / "w" / "last.json").exists()
