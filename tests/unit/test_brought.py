"""Evidence a person brings: their probabilities, and the run they recorded in their own loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import Recorder
from curation.data.view import View
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.errors import InputError, RecipeError
from curation.methods.evidence import dynamics_file, probabilities_file

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
VIEW = View.of(ids=np.array(["a", "b", "c"], dtype=object), classes=("cat", "dog", "emu"))


def probs(file: Path, **arrays) -> Path:
    np.savez(file, **{"ids": ["c", "a", "b"], "probabilities": P[[2, 0, 1]]} | arrays)
    return file


def test_probabilities_are_laid_in_the_items_order_by_id(tmp_path):
    found, notes = probabilities_file.gather(VIEW, path=probs(tmp_path / "p.npz"))
    assert np.allclose(found.values, P)
    assert (found.mode, notes["in_sample"], notes["order"]) == ("out_of_fold", False, "by id")


def test_rows_of_other_items_are_ignored_and_counted(tmp_path):
    file = probs(tmp_path / "p.npz", ids=["c", "a", "b", "x"], probabilities=P[[2, 0, 1, 0]])
    found, notes = probabilities_file.gather(VIEW, path=file)
    assert np.allclose(found.values, P)
    assert notes["ignored"] == 1


def test_classes_in_another_order_are_put_right(tmp_path):
    file = probs(tmp_path / "p.npz", classes=["emu", "cat", "dog"], probabilities=P[[2, 0, 1]][:, [2, 0, 1]])
    assert np.allclose(probabilities_file.gather(VIEW, path=file)[0].values, P)


def test_a_parquet_with_one_column_per_class_is_read(tmp_path):
    table = pa.table({"id": ["c", "a", "b"], "dog": P[[2, 0, 1], 1], "cat": P[[2, 0, 1], 0], "emu": P[[2, 0, 1], 2]})
    pq.write_table(table, tmp_path / "p.parquet")
    assert np.allclose(probabilities_file.gather(VIEW, path=tmp_path / "p.parquet")[0].values, P)


def test_an_npy_without_ids_stands_in_the_items_order(tmp_path):
    np.save(tmp_path / "p.npy", P)
    found, notes = probabilities_file.gather(VIEW, path=tmp_path / "p.npy")
    assert np.allclose(found.values, P)
    assert notes["order"] == "as the items stand"


def test_in_sample_probabilities_are_called_so(tmp_path):
    for file in (probs(tmp_path / "said.npz", mode="eval"), probs(tmp_path / "given.npz")):
        mode = None if file.stem == "said" else "eval"
        assert probabilities_file.gather(VIEW, path=file, mode=mode)[1]["in_sample"]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"ids": ["c", "a", "z"]}, "has no rows for 1 of 3 train items, the first is 'b'"),
        ({"ids": ["c", "a", "a"]}, "the id 'a' appears twice"),
        ({"ids": ["c", "a"]}, "2 ids for 3 rows"),
        ({"probabilities": P[:, :2]}, "has 2 columns and the data set 3 classes"),
        ({"probabilities": P[0]}, "expected numbers"),
        ({"probabilities": P * np.array([1, np.nan, 1])}, "NaN or infinity for 3 items, the first is 'a'"),
        ({"probabilities": P * 4}, "Apply a softmax if these are logits"),
        ({"classes": ["cat", "dog", "fox"]}, "has other classes than the data set"),
        ({"mode": "test"}, "mode = 'test'"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(tmp_path, arrays, sentence):
    with pytest.raises(InputError, match=sentence) as said:
        probabilities_file.gather(VIEW, path=probs(tmp_path / "p.npz", **arrays))
    assert "\n" not in str(said.value)


def test_a_pickle_inside_is_not_opened(tmp_path):
    np.savez(tmp_path / "p.npz", ids=["a", "b", "c"], probabilities=np.array([{"a": 1}, None, 3], dtype=object))
    with pytest.raises(InputError, match="never loaded"):
        probabilities_file.gather(VIEW, path=tmp_path / "p.npz")


def test_a_text_file_is_no_array(tmp_path):
    (tmp_path / "p.npz").write_text("not an archive")
    with pytest.raises(InputError, match=r"is not an \.npz file"):
        probabilities_file.gather(VIEW, path=tmp_path / "p.npz")


# -- the recorder -------------------------------------------------------------------------------------------------


def recorded(path: Path, epochs: int = 3) -> Recorder:
    record = Recorder(3, classes=3, path=path)
    for epoch in range(epochs):
        record(["b", "c"], np.full((2, 3), epoch + 0.5))
        record(["a"], [[epoch, 0, 0]])
        record.epoch()
    return record


def test_a_recorded_run_comes_back_in_the_items_order(tmp_path):
    found, notes = dynamics_file.gather(VIEW, path=recorded(tmp_path / "run").path)
    assert found.logits.shape == (3, 3, 3)
    assert found.logits[2].tolist() == [[2, 0, 0], [2.5] * 3, [2.5] * 3]
    assert (found.mode, notes["epochs"], notes["filled"]) == ("train", 3, 0)


def test_tensors_on_a_graph_and_integer_ids_are_taken(tmp_path):
    import torch

    record = Recorder(2, classes=2, path=tmp_path / "run")
    record(torch.tensor([7, 3]), torch.ones(2, 2, requires_grad=True) * 1e9)
    record.epoch()
    assert np.load(tmp_path / "run/ids.npy").tolist() == ["7", "3"]
    assert np.isfinite(np.load(tmp_path / "run/epoch-0000.npy")).all(), "half precision clips, it does not overflow"


def test_a_killed_run_keeps_its_whole_epochs_and_a_new_recorder_goes_on(tmp_path):
    record = recorded(tmp_path / "run", epochs=2)
    record(["a", "b"], np.zeros((2, 3)))  # the process ends here
    again = Recorder(3, classes=3, path=tmp_path / "run")
    assert again.epochs == 2
    again(["c", "b", "a"], np.full((3, 3), 9.0))
    again.epoch()
    found, _ = dynamics_file.gather(VIEW, path=tmp_path / "run")
    assert found.logits[:, 1, 0].tolist() == [0.5, 1.5, 9.0]


def test_items_an_epoch_did_not_show_take_the_epoch_before(tmp_path):
    record = recorded(tmp_path / "run", epochs=1)
    record(["a", "b"], np.full((2, 3), 4.0))  # "c" was in a batch that was dropped
    record.epoch()
    found, notes = dynamics_file.gather(VIEW, path=tmp_path / "run")
    assert found.logits[1].tolist() == [[4.0] * 3, [4.0] * 3, [0.5] * 3]
    assert notes["filled"] == 1


def test_an_item_no_epoch_shows_is_named(tmp_path):
    record = Recorder(3, classes=3, path=tmp_path / "run")
    record(["a", "b", "c"], [[0, 0, 0], [0, 0, 0], [np.nan, 0, 0]])
    record.epoch()
    with pytest.raises(InputError, match="no epoch has logits for 1 items, the first is 'c'"):
        dynamics_file.gather(VIEW, path=tmp_path / "run")


def test_the_recorder_says_what_is_wrong(tmp_path):
    record = Recorder(1, classes=2, path=tmp_path / "run")
    with pytest.raises(InputError, match=r"expected \[1 ids, 2 classes\]"):
        record(["a"], np.zeros((1, 3)))
    with pytest.raises(InputError, match="raise n"):
        record(["a", "b"], np.zeros((2, 2)))
    with pytest.raises(InputError, match="holds no finished epoch"):
        dynamics_file.gather(VIEW, path=tmp_path / "run")


# -- in a recipe ----------------------------------------------------------------------------------------------


def test_a_recipe_uses_brought_evidence_in_place_of_students(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4)).astype(np.float32)
    labels = np.array(["cat", "dog"])[np.arange(20) % 2]
    ids = np.array([f"item{i}" for i in range(20)])
    np.savez(tmp_path / "data.npz", features=x, labels=labels, ids=ids)
    p = np.where(np.arange(20)[:, None] % 2 == [0, 1], 0.9, 0.1)
    np.savez(tmp_path / "p.npz", ids=ids, probabilities=p)
    record = Recorder(20, classes=2, path=tmp_path / "run")
    record(ids, np.log(p))
    record.epoch()
    raw = {
        "source": {"use": "arrays", "path": str(tmp_path / "data.npz"), "holdout": 0.0},
        "evidence": {"probabilities": {"path": str(tmp_path / "p.npz")}, "dynamics": {"path": str(record.path)}},
        "score": [{"use": "entropy", "name": "entropy"}, {"use": "el2n"}],
        "flag": [{"use": "confident_learning"}],
    }
    made = run(parse_recipe(raw), tmp_path / "ws")
    used = {(step["stage"], step["use"]) for step in made.steps}
    assert {("evidence", "probabilities_file"), ("evidence", "dynamics_file")} <= used
    assert not any(stage == "encode" for stage, _ in used), "brought evidence needs no embeddings"
    recipe = parse_recipe(raw)
    assert "path" in recipe.toml()
    import tomllib

    assert parse_recipe(tomllib.loads(recipe.toml())).evidence == recipe.evidence
    with pytest.raises(RecipeError, match="a run brought by path has none"):
        run(parse_recipe(raw | {"score": [{"use": "loss_curvature"}]}), tmp_path / "ws")
