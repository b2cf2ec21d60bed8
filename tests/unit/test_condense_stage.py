"""The stages of [[condense]]: what they plan, make, judge and write, what they refuse, and how they go on."""

from __future__ import annotations

import errno
import importlib.util
import json
import shutil
import tomllib

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from curation.engine import against_real, results
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.stages import condense, judge
from curation.errors import InputError, RecipeError
from curation.maths import uncertainty

DIGITS = load_digits()
QUICK = {"use": "convnet", "width": 4, "steps": 6, "augment": "none"}
SECTION = {"use": "dm", "per_class": [2], "seeds": 1, "students": [QUICK], "size": 8, "iterations": 3, "width": 4}
BESIDE = ("random_real", "random_real + soft", "medoids", "centroids")


@pytest.fixture(autouse=True)
def hasty_experts(monkeypatch):
    """Who gives soft labels is not what is tested here, and takes seconds."""
    monkeypatch.setattr("curation.training.experts.STEPS", 3)


@pytest.fixture
def recipe(tmp_path):
    """`recipe({"use": "dm"}, flag=[...])`: 150 digits in a file, condensed as SECTION says, changed by each dict."""
    images, labels = (DIGITS.images[:200] * 15.9).astype(np.uint8), DIGITS.target[:200]
    split = np.where(np.arange(200) < 150, "train", "test")
    np.savez(tmp_path / "digits.npz", images=images, features=DIGITS.data[:200], labels=labels, split=split)

    def of(*sections, **more):
        asked = {"source": {"use": "arrays", "path": str(tmp_path / "digits.npz")}, "encode": {"use": "precomputed"}}
        return parse_recipe({**asked, "condense": [{**SECTION, **s} for s in sections or ({},)], **more})

    return of


def folders(outcome, the_plan, method="dm"):
    """The folders of a method's condensed sets, in the plan's order."""
    steps = [step for step in the_plan.of("condense") if step.shown["method"] == method]
    return [outcome.workspace / "condense" / step.key for step in steps]


def test_every_set_is_judged_beside_real_ones_and_a_grid_goes_on_where_it_stopped(recipe, tmp_path):
    first = run(recipe(), tmp_path / "ws", device="cpu")
    made = run(recipe({"seeds": 2}), tmp_path / "ws", device="cpu")
    new = [step["name"] for step in made.steps if not step["cached"]]
    assert new
    assert all("seed 1" in name for name in new)
    figures = ("method", "per_class", "student", "seed", "accuracy", "items", "bytes")
    few = lambda rows: [[row[name] for name in figures] for row in rows]  # noqa: E731
    assert few(row for row in made.condense if row["seed"] == 0) == few(first.condense)
    assert [row["method"] for row in first.condense] == ["dm", *BESIDE, "full"]
    for row in made.condense:
        whole = row["method"] == "full"
        assert (row["per_class"], row["items"], row["failed"]) == ((None, 150, None) if whole else (2, 20, None))
        assert row["bytes"] == (None if whole else 20 * 64 + (2 * 200 if "soft" in row["method"] else 40))
        assert row["real"] == (row["method"] in ("random_real", "random_real + soft", "medoids"))
        assert (row["gain"] is None) == (whole or row["real"])
        assert (row["accuracy_8bit"] is None) == (row["method"] != "dm")
    assert judge.table(made.condense)[1][0] == "2"
    json.dumps(made.json())


def test_a_condensation_killed_on_the_way_goes_on_to_the_same_bytes(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(condense, "SNAPSHOT_SECONDS", 0.0)
    asked = recipe({"iterations": 6})
    straight = run(asked, tmp_path / "straight", targets=["condense"], device="cpu")
    seen = []

    def killed(progress):
        seen.append(progress.message)
        if "iteration 4" in progress.message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(asked, tmp_path / "ws", targets=["condense"], device="cpu", on_progress=killed)
    seen.clear()
    made = run(asked, tmp_path / "ws", targets=["condense"], device="cpu", on_progress=lambda p: seen.append(p.message))
    assert any("iteration 5" in message for message in seen)
    assert not any("iteration 2," in message for message in seen)
    (one,), (other,) = (folders(outcome, plan(asked, outcome.workspace)) for outcome in (straight, made))
    assert (one / "value.npy").read_bytes() == (other / "value.npy").read_bytes()
    assert not (other / "state.npz").exists()
    assert len(list((other / "snapshots").iterdir())) == 7


def test_a_full_disk_ends_the_snapshots_and_is_said_and_the_set_is_made(recipe, tmp_path, monkeypatch):
    def full(path, arrays):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("curation.training.condensing._write", full)
    made = run(recipe(), tmp_path / "ws", device="cpu")
    (row,) = (row for row in made.condense if row["method"] == "dm")
    assert row["failed"] is None
    assert any("No space left on device" in note for note in row["notes"])


def test_a_pruned_and_a_cleaned_set_are_condensed_from_their_own_items(recipe, tmp_path):
    part = {"prune": "few", "name": "dm of few", "use": "random_real"}
    clean = {"without": ["confident_learning"], "name": "clean", "use": "random_real", "per_class": [3]}
    for section in (part, clean):
        section |= {"iterations": None, "width": None}
    few = [{"use": "random", "name": "few", "keep": 30, "balance": True}]
    sections = [{k: v for k, v in {**SECTION, **s}.items() if v is not None} for s in (part, clean)]
    asked = parse_recipe({**recipe().model_dump(include=set()), **_raw(tmp_path), "condense": sections, "prune": few,
                          "flag": [{"use": "confident_learning"}]})  # fmt: skip
    made = run(asked, tmp_path / "ws", device="cpu")
    the_plan = plan(asked, tmp_path / "ws")
    kept = np.load(tmp_path / "ws" / "prune" / the_plan.find("prune").key / "rows.npy")
    flag = tmp_path / "ws" / "flag" / the_plan.find("flag").key
    bad = np.load(flag / "rows.npy")[np.load(flag / "flagged.npy")]
    for step in the_plan.of("condense"):
        rows = results.load_condensed(tmp_path / "ws" / "condense" / step.key).rows
        if step.shown["of"] == "few" and rows is not None:
            assert set(rows) <= {*kept, -1}
        elif step.shown["of"] == "without confident_learning" and rows is not None:
            assert not set(rows) & set(bad)
    assert {row["of"] for row in made.condense} == {"", "few", "without confident_learning"}
    assert {row["method"] for row in made.condense if row["of"] == "few"} >= {"dm", "medoids"}


def _raw(folder):
    return {"source": {"use": "arrays", "path": str(folder / "digits.npz")}, "encode": {"use": "precomputed"}}


def test_soft_labels_are_paid_for_and_real_items_of_as_many_bytes_stand_beside(recipe, tmp_path):
    plain = {"iterations": None, "width": None, "name": "mine", "use": "herding", "soft": True, "per_class": [10]}
    recipe()
    section = {key: value for key, value in {**SECTION, **plain}.items() if value is not None}
    asked = parse_recipe({**_raw(tmp_path), "condense": [section]})
    made = run(asked, tmp_path / "ws", device="cpu")
    mine = next(row for row in made.condense if row["method"] == "mine")
    like = next(row for row in made.condense if row["like"] == "mine")
    assert (mine["bytes"], mine["soft"]) == (100 * (64 + 20), True)
    assert (like["items"], like["bytes"]) == (120, 120 * 66)


def test_sets_of_embeddings_are_judged_by_a_head(recipe, tmp_path):
    section = {"use": "centroids", "space": "embeddings", "per_class": [2], "seeds": 1}
    made = run(
        parse_recipe({**_raw(tmp_path), "condense": [section]}) if recipe() else None, tmp_path / "ws", device="cpu"
    )
    assert {row["student"] for row in made.condense} == {"head"}
    assert {row["method"] for row in made.condense} == {
        "centroids",
        "random_real",
        "random_real + soft",
        "medoids",
        "full",
    }
    assert all(row["bytes"] == 2 * 64 * 20 + (400 if row["soft"] else 40) for row in made.condense if row["bytes"])


def test_small_classes_give_what_they_have_and_it_is_said(recipe, tmp_path):
    recipe()
    labels = np.array(["rare", *DIGITS.target[:199].astype(str)], object).astype(str)
    split = np.where(np.arange(200) < 150, "train", "test")
    np.savez(tmp_path / "digits.npz", images=DIGITS.images[:200].astype(np.uint8), features=DIGITS.data[:200],
             labels=labels, split=split)  # fmt: skip
    made = run(recipe({"per_class": [5]}), tmp_path / "ws", device="cpu")
    row = made.condense[0]
    assert row["items"] == 51
    assert any("fewer than 5 items" in note and '"rare"' in note for note in row["notes"])


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"use": "dn"}, "[[condense]]: there is no condenser 'dn'"),
        ({"per_class": [0]}, "per_class.0 = 0"),
        ({"per_class": []}, "per_class"),
        ({"students": ["head"]}, "hold pixels and the student head reads embeddings; use one of: cnn, convnet"),
        ({"students": ["command"]}, "the student command reads files of real items; use one of: cnn, convnet"),
        ({"students": ["convnett"]}, "did you mean 'convnet'"),
        ({"students": ["convnet", "convnet"]}, "'convnet' stands there twice"),
        ({"students": [{"use": "convnet", "wide": 3}]}, "convnet has no parameter 'wide'"),
        ({"prune": "half"}, "prune = 'half' names no [[prune]] of this recipe"),
        ({"without": ["duplicates"]}, "without = 'duplicates' names no [[flag]] of this recipe"),
    ],
)
def test_a_mistake_is_said_in_one_line_before_any_work(recipe, section, sentence):
    own = section.get("use", "dm") == "dm"
    made = {key: value for key, value in {**SECTION, **section}.items() if own or key in ("use", "size")}
    with pytest.raises(RecipeError) as error:
        parse_recipe({"source": {"use": "sample"}, "condense": [made]})
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_source_without_test_rows_or_images_is_refused_in_a_sentence(recipe, tmp_path):
    recipe()
    np.savez(tmp_path / "digits.npz", features=DIGITS.data[:200], labels=DIGITS.target[:200])
    with pytest.raises(InputError, match="has features only"):
        run(recipe(), tmp_path / "ws", device="cpu")
    none = parse_recipe({**_raw(tmp_path), "condense": [SECTION]})
    none.source.holdout = 0.0
    with pytest.raises(InputError, match="needs test rows"):
        run(none, tmp_path / "ws2", device="cpu")


def test_the_recipe_is_written_in_full_and_read_back_as_it_was(recipe):
    asked = recipe({"students": ["mlp", QUICK], "seconds": 2.5, "path": "out/dm"})
    assert parse_recipe(tomllib.loads(asked.toml())) == asked


# -- files ----------------------------------------------------------------------------------------------------


def test_a_set_is_written_in_every_format_read_back_and_written_again(recipe, tmp_path):
    asked = recipe({"path": str(tmp_path / "out")})
    made = run(asked, tmp_path / "ws", device="cpu")
    folder = tmp_path / "out" / "2-per-class"
    assert made.condensed_files == [str(folder)]
    said = json.loads((folder / "about.json").read_text())
    by = said["students"]["convnet"]
    assert by["loss_of_rounding"] == pytest.approx(by["accuracy"] - by["accuracy_8bit"])
    with np.load(folder / "condensed.npz") as kept:
        assert np.abs(kept["values"] - kept["images"]).max() <= 0.5
        images, labels = kept["images"], kept["labels"]
    picture = np.asarray(Image.open(folder / "images" / "3" / "0001.png"))
    assert (picture == images[labels == 3][1]).all()
    assert len((folder / "manifest.csv").read_text().splitlines()) == 21
    assert Image.open(folder / "grid.png").size == (2 * 58 + 2, 10 * 58 + 2)
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    loader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loader)
    x, y = loader.load().tensors
    assert (tuple(x.shape), y.tolist()) == ((20, 3, 8, 8), labels.tolist())
    assert np.allclose(x.permute(0, 2, 3, 1).numpy() * 255, images)
    back = {"source": {"use": "arrays", "path": str(folder / "condensed.npz"), "holdout": 0}}
    assert len(run(parse_recipe(back), tmp_path / "ws3", device="cpu").steps) == 1
    before = (folder / "condensed.pt").read_bytes()
    shutil.rmtree(folder / "images")
    run(asked, tmp_path / "ws", device="cpu")
    assert (folder / "images" / "3" / "0001.png").exists()
    assert (folder / "condensed.pt").read_bytes() == before
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt, which Winnow did not write"):
        run(asked, tmp_path / "ws", device="cpu")


# -- against real items ---------------------------------------------------------------------------------------


def rows_of(**accuracies):
    """method -> accuracy per seed, 10 per class; answers of 100 test items. Names end in what they are."""
    made, answers = [], {}
    for method, values in accuracies.items():
        for seed, value in enumerate(values):
            key = f"{method}{seed}"
            soft, real = method.endswith("_soft"), method.startswith("real")
            made.append({"method": method, "like": "", "per_class": 10, "of": "", "student": "convnet", "seed": seed,
                         "key": key, "accuracy": value, "items": 100, "bytes": 1200 if soft else 1000, "seconds": 1.0,
                         "passes": {"synthetic": 5}, "real": real, "baseline": real, "soft": soft,
                         "parts": 1, "realism": None})  # fmt: skip
            answers[key] = np.arange(100) < round(100 * value)
    return made, answers


def test_a_set_is_better_only_where_it_beats_every_real_set_of_its_number():
    runs, answers = rows_of(
        dm=[0.9, 0.91, 0.9], real=[0.5, 0.51, 0.5], real_b=[0.7, 0.72, 0.7], real_soft=[0.95, 0.96, 0.95]
    )
    found = against_real.compare(runs, answers)
    dm = found.find("dm", 10, "convnet")
    assert (dm.number.other, dm.number.better) == ("real_b", True)
    assert dm.number.gain == uncertainty.difference(
        *(np.stack([answers[f"{m}{s}"] for s in range(3)]) for m in ("dm", "real_b"))
    )
    assert dm.storage.other == "real_b"  # soft labels take a fifth more bytes
    assert found.compared == 2
    for row in runs:
        row["bytes"] = 1000
    dm = against_real.compare(runs, answers).find("dm", 10, "convnet")
    assert (dm.storage.other, dm.storage.better) == ("real_soft", False)
    close, answers = rows_of(dm=[0.71, 0.72, 0.71], real=[0.5, 0.51, 0.5], real_b=[0.7, 0.72, 0.7])
    assert against_real.compare(close, answers).find("dm", 10, "convnet").number.better is False


def test_one_seed_is_compared_and_proves_nothing():
    found = against_real.compare(*rows_of(dm=[0.9], real=[0.5]))
    assert found.find("dm", 10, "convnet").number.better is None
    assert found.compared == 0
