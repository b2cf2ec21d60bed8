"""The engine end to end on a small array dataset: contracts of run, cache, resume, manifest."""

import json
import multiprocessing
import random
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.csv as pc
import pytest

from curation.data.decisions import DecisionLog
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.stage import stages
from curation.errors import InputError, RunError, StepError, UnavailableError

ROOT = Path(__file__).resolve().parents[2]
STAGES = {"source", "encode", "evidence", "score", "flag", "map", "prune", "export"}


@pytest.fixture
def blobs(tmp_path):
    """120 points in three classes with features of their own, 90 train and 30 test; two of class 2 are twins."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 3
    features = (np.eye(3)[labels] * 4 + rng.normal(size=(120, 3))).astype(np.float32)
    features[5] = features[2]
    path = tmp_path / "blobs.npz"
    np.savez(
        path,
        features=features,
        labels=np.array(["ant", "bee", "cow"])[labels],
        split=np.where(np.arange(120) < 90, "train", "test"),
        ids=np.array([f"item-{i:03d}" for i in range(120)]),
    )
    return path


def raw(path, out, **changes):
    """Everything but a map, which is drawn by a process of its own: a second in every run."""
    recipe = {
        "source": {"use": "arrays", "path": str(path)},
        "encode": {"use": "precomputed"},
        "evidence": {"dynamics": {"epochs": 5}, "probabilities": {"student": "logistic", "folds": 2}},
        "score": [{"use": "aum"}],
        "flag": [{"use": "confident_learning"}, {"use": "duplicates"}],
        "prune": [{"name": "third", "use": "by_score", "by": "aum", "order": "easy", "keep": 1 / 3, "balance": True}],
        "export": [{"use": "csv", "path": str(out)}],
    }
    return {k: v for k, v in {**recipe, **changes}.items() if v is not None}


def test_a_run_gives_the_manifest_and_a_second_run_does_no_work(blobs, tmp_path):
    out = tmp_path / "out" / "pruned.csv"
    recipe = parse_recipe(raw(blobs, out, map={"use": "pca"}))
    first = run(recipe, tmp_path / "w")
    assert {step["stage"] for step in first.steps} == STAGES
    assert not any(step["cached"] for step in first.steps)
    manifest = out.read_bytes()
    table = pc.read_csv(out)
    assert table.num_rows == 120
    assert table["id"].to_pylist()[:2] == ["item-000", "item-001"]
    kept = [k for k, s in zip(table["kept"].to_pylist(), table["split"].to_pylist(), strict=True) if s == "train"]
    assert sum(kept) == 30
    second = run(recipe, tmp_path / "w")
    assert all(step["cached"] for step in second.steps)
    assert out.read_bytes() == manifest
    assert second.exports == first.exports


def test_every_card_says_where_its_numbers_come_from(blobs, tmp_path):
    run(parse_recipe(raw(blobs, tmp_path / "m.csv", map={"use": "pca"})), tmp_path / "w")
    cards = [json.loads(p.read_text()) for p in (tmp_path / "w").glob("[!.]*/*/card.json")]
    assert {c["stage"] for c in cards} == STAGES
    for card in cards:
        wanted = {"stage", "use", "version", "params", "inputs", "seconds", "device", "seed", "versions", "created"}
        assert wanted <= set(card)


def test_the_recipe_beside_an_export_replays_it_elsewhere_decisions_included(blobs, tmp_path):
    from curation.engine.recipe import load_recipe

    recipe = parse_recipe(raw(blobs, tmp_path / "a" / "m.csv"))
    log = DecisionLog(tmp_path / "w")
    run(recipe, tmp_path / "w", targets=["source"])
    log.add(["item-004"], "relabel", "cow", why="clearly a cow")
    log.add(["item-010"], "drop", why="blurred")
    log.add(["item-011"], "keep")
    run(recipe, tmp_path / "w")
    text = (tmp_path / "a" / "m.csv.recipe.toml").read_text().replace(str(tmp_path / "a"), str(tmp_path / "b"))
    (tmp_path / "replay.toml").write_text(text)
    run(load_recipe(tmp_path / "replay.toml"), tmp_path / "elsewhere")
    assert (tmp_path / "b" / "m.csv").read_bytes() == (tmp_path / "a" / "m.csv").read_bytes()
    row = dict(zip(*[pc.read_csv(tmp_path / "b" / "m.csv")[c].to_pylist() for c in ("id", "reason")], strict=True))
    assert row["item-010"] == "dropped by hand: blurred"
    assert row["item-011"].startswith("kept by hand")
    assert "relabelled by hand from bee" in row["item-004"]


def test_dropped_rows_are_never_taken_and_pinned_ones_always(blobs, tmp_path):
    log = DecisionLog(tmp_path / "w")
    log.add([f"item-{i:03d}" for i in range(0, 30, 3)], "drop")
    log.add(["item-001"], "keep")
    prune = [{"use": "by_score", "by": "aum", "order": "hard", "keep": 0.1}]
    run(parse_recipe(raw(blobs, tmp_path / "m.csv", prune=prune)), tmp_path / "w")
    table = pc.read_csv(tmp_path / "m.csv").to_pylist()
    taken = [row for row in table if row["rank"]]
    assert len(taken) == 8  # a tenth of the 80 train rows that are left
    assert {r["id"] for r in taken if r["rank"] == 1} == {"item-001"}
    assert not {r["id"] for r in taken} & {f"item-{i:03d}" for i in range(0, 30, 3)}


def test_rows_a_flag_speaks_against_can_be_left_out_and_the_manifest_says_why(blobs, tmp_path):
    prune = [{"use": "random", "keep": 1.0, "without": ["duplicates"]}]
    run(parse_recipe(raw(blobs, tmp_path / "m.csv", prune=prune)), tmp_path / "w")
    rows = {r["id"]: r for r in pc.read_csv(tmp_path / "m.csv").to_pylist()}
    twins = [rows["item-002"], rows["item-005"]]
    assert sorted(t["kept"] for t in twins) == [False, True]
    gone, stays = sorted(twins, key=lambda t: t["kept"])
    assert gone["reason"] == f"duplicate of {stays['id']}"
    assert gone["duplicate_of"] == stays["id"]


def test_a_file_somebody_deleted_is_written_again_from_the_stored_manifest(blobs, tmp_path):
    out = tmp_path / "m.csv"
    recipe = parse_recipe(raw(blobs, out))
    run(recipe, tmp_path / "w")
    before = out.read_bytes()
    out.write_text("spoilt")
    again = run(recipe, tmp_path / "w")
    assert [s["cached"] for s in again.steps if s["stage"] == "export"] == [False]
    assert out.read_bytes() == before


def test_an_export_whose_recipe_has_changed_since_is_written_once_and_then_cached(blobs, tmp_path):
    """The recipe beside the file is another text now; what is written again is remembered as it is written."""
    out = tmp_path / "m.csv"
    run(parse_recipe(raw(blobs, out)), tmp_path / "w")
    recipe = parse_recipe(raw(blobs, out, map={"use": "pca", "seed": 1}, verify={"use": "logistic", "seeds": 1}))
    out.unlink()
    cached = []
    for _ in range(3):
        steps = run(recipe, tmp_path / "w").steps
        cached.append([step["cached"] for step in steps if step["stage"] == "export"])
    assert cached == [[False], [True], [True]]
    assert "[verify]" in (tmp_path / "m.csv.recipe.toml").read_text()
    (tmp_path / "m.csv.summary.json").write_text("{}")
    assert [s["cached"] for s in run(recipe, tmp_path / "w").steps if s["stage"] == "export"] == [False]


def test_verification_draws_a_random_baseline_of_its_own_beside_a_random_subset(blobs, tmp_path):
    prune = [{"use": "random", "keep": 0.3, "without": ["duplicates"]}]
    verify = {"use": "logistic", "seeds": 2}
    wanted = raw(blobs, None, score=[], export=None, prune=prune, verify=verify)
    rows = run(parse_recipe(wanted), tmp_path / "w").verify
    assert {row["method"] for row in rows} == {"random (yours)", "random", "full"}
    same = raw(blobs, None, score=[], export=None, prune=[{"use": "random", "keep": 0.3, "balance": True}])
    rows = run(parse_recipe({**same, "verify": verify}), tmp_path / "w").verify
    assert {row["method"] for row in rows} == {"random", "full"}  # drawn as the baseline is: it is the baseline


def test_verification_shows_every_subset_beside_random_and_full(blobs, tmp_path):
    verify = {"use": "head", "seeds": 3, "keeps": [0.2]}
    outcome = run(parse_recipe(raw(blobs, tmp_path / "m.csv", verify=verify)), tmp_path / "w")
    assert len(outcome.verify) == 9
    assert {row["method"] for row in outcome.verify} == {"third", "random", "full"}
    for row in outcome.verify:
        assert {"method", "keep", "seed", "student", "accuracy", "worst_class", "passes", "seconds"} <= set(row)
        assert 0 <= row["worst_class"] <= row["accuracy"] <= 1
    full = [row["accuracy"] for row in outcome.verify if row["method"] == "full"]
    assert np.mean(full) > 0.9  # the blobs are well apart
    again = run(parse_recipe(raw(blobs, tmp_path / "m.csv", verify=verify)), tmp_path / "w")
    assert all(step["cached"] for step in again.steps)


def test_a_student_that_diverges_is_reported_and_the_grid_goes_on(blobs, tmp_path, monkeypatch):
    from curation.training import loop

    fit = loop.fit

    def unlucky(net, inputs, labels, **options):
        if options["seed"] == 1 and len(labels) == 27:  # 30 % of 90
            raise RunError("the student diverged")
        fit(net, inputs, labels, **options)

    monkeypatch.setattr(loop, "fit", unlucky)
    verify = {"use": "head", "seeds": 2, "keeps": [0.3, 0.6]}
    recipe = parse_recipe(raw(blobs, tmp_path / "out.csv", verify=verify))
    outcome = run(recipe, tmp_path / "w")
    failed = [(row["method"], row["keep"], row["seed"]) for row in outcome.verify if row["failed"]]
    assert sorted(failed) == [("random", 0.3, 1), ("third", 0.3, 1)]
    assert len(outcome.verify) == 10
    assert all("diverged" in said for said in outcome.failed)
    assert (tmp_path / "out.csv").exists(), "what does not depend on it is finished"
    monkeypatch.setattr(loop, "fit", fit)
    again = run(recipe, tmp_path / "w")
    assert not again.failed
    assert [row["failed"] for row in again.verify] == [None] * 10


def test_a_subset_one_method_cannot_choose_leaves_the_others_standing(blobs, tmp_path):
    prunes = [
        {"name": "third", "use": "by_score", "keep": 1 / 3},
        {"use": "cal", "k": 30, "keep": 1 / 3},  # more neighbours than were gathered
    ]
    recipe = parse_recipe(raw(blobs, tmp_path / "out.csv", prune=prunes[:1], verify={"use": "head", "seeds": 1}))
    assert not run(recipe, tmp_path / "w").failed
    both = parse_recipe(
        raw(blobs, tmp_path / "out.csv", prune=prunes, export=None, verify={"use": "head", "seeds": 1, "keeps": [0.5]})
    )
    with pytest.raises(InputError, match="asks for more neighbours"):
        run(both, tmp_path / "w")  # the recipe's own subset: there is nothing to go on with


def test_a_run_that_needs_no_device_loads_no_torch(blobs, tmp_path):
    wanted = raw(
        blobs,
        tmp_path / "m.csv",
        evidence=None,
        score=[],
        flag=[{"use": "duplicates"}],
        prune=[{"use": "random", "keep": 0.5}],
    )
    run(parse_recipe(wanted), tmp_path / "w")
    (tmp_path / "r.toml").write_text(parse_recipe({**wanted, "prune": [{"use": "random", "keep": 0.4}]}).toml())
    code = f"""
import sys
from curation.engine.recipe import load_recipe
from curation.engine.run import run
from curation.engine.stage import stages
run(load_recipe({str(tmp_path / "r.toml")!r}), {str(tmp_path / "w")!r})
print("torch" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout.split()[-1] == "False"


def test_a_pruner_may_train_students_with_their_parameters(blobs, tmp_path):
    prune = [{"use": "trusted_coverage", "keep": 0.4, "k": 10, "first": 2}]
    outcome = run(parse_recipe(raw(blobs, tmp_path / "out.csv", prune=prune)), tmp_path / "w")
    assert not outcome.failed
    kept = [line for line in (tmp_path / "out.csv").read_text().splitlines() if ",true," in line.lower()]
    assert kept, "the manifest names what was taken"


def test_without_feedback_no_student_is_trained(blobs, tmp_path):
    prune = [{"use": "trusted_coverage", "keep": 0.4, "k": 10, "feedback": "none"}]
    wanted = raw(blobs, None, prune=prune, export=None, score=[], flag=[], evidence=None)
    stages = {(step["stage"], step["use"]) for step in run(parse_recipe(wanted), tmp_path / "w").steps}
    assert {use for stage, use in stages if stage == "evidence"} == {"neighbours"}


@pytest.mark.parametrize(
    ("prune", "balance"),
    [({"use": "k_center"}, False), ({"use": "random"}, True), ({"use": "trusted_coverage", "k": 10}, True)],
)
def test_a_share_of_a_nested_pruner_is_taken_from_a_larger_one_that_is_there(blobs, tmp_path, prune, balance):
    def rows_of(space, *keeps):
        for keep in keeps:
            wanted = raw(blobs, None, prune=[{**prune, "keep": keep, "balance": balance}], export=None)
            key = next(s["key"] for s in run(parse_recipe(wanted), space).steps if s["stage"] == "prune")
        folder = space / "prune" / key
        return np.load(folder / "rows.npy").tolist(), json.loads((folder / "card.json").read_text())

    (alone, card), (after, later) = rows_of(tmp_path / "a", 0.3), rows_of(tmp_path / "b", 1.0, 0.3)
    assert after == alone
    assert "prefix_of" not in card
    assert later["prefix_of"]


def test_the_weights_of_a_subset_reach_the_student_that_is_trained_on_it(blobs, tmp_path, monkeypatch):
    from dataclasses import replace

    from curation.engine import registry

    seen, student = [], registry.get("students", "logistic")
    train = student.call

    def watched(view, **more):
        seen.append((len(view), None if view.weights is None else np.array(view.weights)))
        return train(view, **more)

    monkeypatch.setitem(student.__dict__, "call", watched)
    monkeypatch.setitem(student.__dict__, "card", replace(student.card, weights=False))  # a student that takes none
    prune = [{"use": "craig", "keep": 0.2}]
    wanted = raw(blobs, None, score=[], flag=[], evidence=None, export=None, prune=prune)
    recipe = parse_recipe({**wanted, "verify": {"use": "logistic", "seeds": 1}})
    unweighted = run(recipe, tmp_path / "w").verify
    assert [row["weighted"] for row in unweighted] == [False] * 3
    assert all(weights is None for _, weights in seen)

    monkeypatch.setitem(student.__dict__, "card", replace(student.card, weights=True))
    seen.clear()
    outcome = run(recipe, tmp_path / "w")
    assert {row["method"]: row["weighted"] for row in outcome.verify} == {"craig": True, "random": False, "full": False}
    assert [step["use"] for step in outcome.steps if not step["cached"]] == ["logistic"], "no other trial is renewed"
    ((count, weights),) = seen
    (folder,) = (path.parent for path in (tmp_path / "w" / "prune").glob("*/weights.npy"))
    by_row = dict(zip(np.load(folder / "rows.npy").tolist(), np.load(folder / "weights.npy").tolist(), strict=True))
    own = np.array([by_row[row] for row in sorted(by_row)])
    assert count == len(own)
    np.testing.assert_allclose(weights, own / own.mean())  # in the order of the rows the student sees


def test_verification_counts_the_wrong_labels_a_subset_keeps(tmp_path):
    raw = {
        "source": {"use": "sample", "mistakes": 0.1},
        "encode": {"use": "pixels"},
        "prune": [{"use": "by_score", "by": "aum", "order": "easy", "keep": 0.5}],
        "verify": {"use": "head", "seeds": 1, "epochs": 1},
    }
    rows = {row["method"]: row for row in run(parse_recipe(raw), tmp_path / "w").verify}
    assert rows["full"]["mislabels_kept"] == 1.0
    assert rows["random"]["mislabels_kept"] == pytest.approx(0.5, abs=0.15)
    assert rows["by_score"]["mislabels_kept"] < 0.2
    assert rows["by_score"]["select_seconds"] >= 0


def test_one_class_is_refused_before_anything_is_trained(tmp_path):
    np.savez(tmp_path / "one.npz", features=np.eye(8, dtype=np.float32), labels=np.array(["cat"] * 8))
    with pytest.raises(InputError, match=r"needs train rows of at least two classes; found: cat"):
        run(parse_recipe(raw(tmp_path / "one.npz", tmp_path / "m.csv")), tmp_path / "w")


def test_verify_without_test_rows_says_what_to_do(tmp_path):
    np.savez(tmp_path / "few.npz", features=np.eye(8, dtype=np.float32), labels=np.array(["cat", "dog"] * 4))
    source = {"use": "arrays", "path": str(tmp_path / "few.npz"), "holdout": 0.0}
    recipe = raw(tmp_path, tmp_path / "m.csv", source=source, verify={"use": "head"})
    with pytest.raises(InputError, match="needs test rows and the source has none"):
        run(parse_recipe(recipe), tmp_path / "w")


def test_a_step_that_fails_names_itself_and_the_log_and_keeps_what_was_finished(blobs, tmp_path, monkeypatch):
    from curation.engine import registry

    def broken(view, **_):
        raise ZeroDivisionError("no luck")

    method = registry.get("scores", "aum")
    monkeypatch.setitem(method.__dict__, "call", broken)
    with pytest.raises(StepError, match=r"score aum failed: ZeroDivisionError: no luck; the log is .*\.log") as caught:
        run(parse_recipe(raw(blobs, tmp_path / "m.csv")), tmp_path / "w")
    log = Path(str(caught.value).rsplit(" ", 1)[1])
    assert "Traceback" in log.read_text()
    assert list((tmp_path / "w" / "encode").glob("*/card.json"))
    assert not list((tmp_path / "w" / "score").glob("[!.]*"))


def test_what_cannot_run_here_is_said_before_anything_starts(blobs, tmp_path, monkeypatch):
    from curation.engine import registry

    method = registry.get("flags", "confident_learning")
    monkeypatch.setattr(type(method), "missing", lambda self: ["cleanlab"] if self.kind == "flags" else [])
    with pytest.raises(UnavailableError, match=r"confident_learning needs the package cleanlab: pip install cleanlab"):
        run(parse_recipe(raw(blobs, tmp_path / "m.csv")), tmp_path / "w")
    assert not (tmp_path / "w" / "source").exists()


def ran(recipe: dict, folder: Path) -> None:
    run(parse_recipe(recipe), folder, device="cpu")


def test_killed_at_any_moment_the_next_run_gives_the_same_manifest(blobs, tmp_path, monkeypatch):
    """SIGKILL after random delays until a run gets through; its manifest equals that of an undisturbed run."""
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # AppTest leaves a page there, to be run again
    children = multiprocessing.get_context("forkserver")  # libraries are imported once for all of them
    children.set_forkserver_preload(["curation.engine.run", "sklearn.linear_model", "torch"])

    def start(name):
        recipe = raw(blobs, tmp_path / name / "m.csv", map={"use": "pca"})
        process = children.Process(target=ran, args=(recipe, tmp_path / name))
        process.start()
        return process

    def finished(process):
        process.join()
        return process.exitcode

    assert finished(start("warm")) == 0
    started = time.perf_counter()
    assert finished(start("calm")) == 0
    whole = time.perf_counter() - started
    delays = random.Random(1)
    for _ in range(2):  # `make soak` does a hundred
        process = start("killed")
        time.sleep(delays.uniform(0.3, 0.95) * whole)
        process.kill()
        process.join()
    assert finished(start("killed")) == 0
    assert (tmp_path / "killed" / "m.csv").read_bytes() == (tmp_path / "calm" / "m.csv").read_bytes()


def test_verification_keeps_the_answer_to_every_test_item_and_counts_the_items_in_its_intervals(blobs, tmp_path):
    recipe = parse_recipe(raw(blobs, None, export=None, verify={"use": "logistic", "seeds": 2}))
    rows = run(recipe, tmp_path / "w").verify
    for row in rows:
        bits = np.load(tmp_path / "w" / "verify" / row["key"] / "correct.npy")
        assert len(bits) == 4  # 30 test items
        assert np.unpackbits(bits)[:30].mean() == pytest.approx(row["accuracy"])
        assert row["accuracy_low"] < row["accuracy_mean"] <= row["accuracy_high"]
        assert row["items_counted"]
    full = [row for row in rows if row["method"] == "full"]
    assert full[0]["gain"] is full[0]["better"] is None
    table = stages()["verify"].table(rows)
    assert [line[1] for line in table[1:]] == ["random", "third", "full"]
    assert " to " in table[1][2]

    for path in (tmp_path / "w" / "verify").glob("*/correct.npy"):  # as an older Winnow left them
        path.unlink()
    again = run(recipe, tmp_path / "w")
    assert all(step["cached"] for step in again.steps)
    assert not any(row["items_counted"] for row in again.verify)
    assert "older Winnow" in stages()["verify"].table(again.verify)[-1][1]
    json.dumps(again.json())


def test_a_network_tells_how_far_it_was_from_done(tmp_path):
    raw = {
        "source": {"use": "sample"},
        "evidence": {"pixels": {"use": "pixels", "size": 8}},
        "verify": {"use": "cnn", "seeds": 1, "steps": 46, "width": 4},
        "prune": [{"use": "random", "name": "tenth", "keep": 0.1}],
    }
    rows = run(parse_recipe(raw), tmp_path / "w", targets=["verify"], device="cpu").verify
    learnt = next(row["train_accuracy"] for row in rows if row["method"] == "full")
    assert len(learnt) == 2  # 46 updates are two epochs of 1,438 items
    assert 0 <= learnt[0] < learnt[1] < 0.95
