"""Held-out rows are looked at and have no say: whatever they are, what is chosen, trained and thought of others stays.

One data set twice, the second time with other test rows under other labels, and every flag, score and subset of both.
"""

from pathlib import Path

import numpy as np
import pytest

from curation.engine import registry, results
from curation.engine.compute import Call
from curation.engine.plan import Plan, plan
from curation.engine.recipe import parse_recipe
from curation.engine.results_reader import ResultReader
from curation.engine.run import run
from curation.maths.similarity.exact import nearest
from tests import toy

TRAIN, WAITING, HELD = 60, 12, 30  # rows of each split, in this order
ELSEWHERE = {"clip_alignment"}  # reads the text tower of an encoder that is not here
QUICK = {  # less work, the same promises
    "factors": {"steps": 20},
    "dynamics": {"epochs": 4},
    "probabilities": {"folds": 2},
    "second_opinion": {"folds": 2},
}
# Some order by a score of texts unless they are told otherwise.
FEWER = {"quota_by_score": {"by": "el2n"}, "importance": {"by": "el2n"}, "bilevel": {"candidates": 10, "steps": 5}}


def source(path: Path, seed: int) -> str:
    """An archive in which only the held-out rows depend on the seed."""
    same, other = np.random.default_rng(0), np.random.default_rng(seed)
    n = TRAIN + WAITING + HELD
    labels = np.arange(n) % 3
    images = np.clip(60 * labels[:, None, None] + same.normal(80, 35, (n, 12, 12)), 0, 255)
    labels[:TRAIN:9] = (labels[:TRAIN:9] + 1) % 3  # mistakes
    images[7] = images[4]  # a copy
    held = slice(TRAIN + WAITING, None)
    images[held] = np.clip(other.normal(128, 70, (HELD, 12, 12)), 0, 255)
    images[TRAIN + WAITING] = images[20]  # and a leak, of another label at times
    labels[held] = other.integers(0, 3, HELD)
    labels[TRAIN : TRAIN + WAITING] = -1
    split = np.repeat(["train", "unlabeled", "test"], [TRAIN, WAITING, HELD])
    np.savez(path, images=images.astype(np.uint8), labels=labels, split=split)
    return str(path)


def on_pictures(kind: str) -> list[str]:
    """Methods of a kind that can do without texts; those that read them are in test_chat."""
    read_texts = {"texts", "chats", "responses", "text_embeddings"}
    found = registry.methods(kind)
    cards = {name: method.card for name, method in found.items() if name not in ELSEWHERE}
    return [name for name, card in cards.items() if not read_texts & {*card.needs} and "brought" not in card.tags]


def everything(path: str) -> dict:
    scores, flags = on_pictures("scores"), on_pictures("flags")
    prunes = [{"name": name, "use": name, "keep": 0.4, **FEWER.get(name, {})} for name in on_pictures("pruners")]
    picky = {"name": "picky", "use": "random", "keep": 0.2, "without": flags}
    return {
        "source": {"use": "arrays", "path": path},
        "encode": {"use": "pixels"},
        "evidence": QUICK,
        "score": [{"use": name} for name in scores],
        "flag": [{"use": name} for name in flags],
        "map": {"use": "pca"},
        "prune": [*prunes, picky],
    }


def answered(recipe: dict, folder: Path) -> tuple[Plan, ResultReader]:
    parsed = parse_recipe(recipe)
    run(parsed, folder)
    the_plan = plan(parsed, folder)
    assert not the_plan.missing()
    return the_plan, ResultReader(the_plan.workspace, the_plan.find("source").key, the_plan.effective)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held")
    return [answered(everything(source(folder / f"{seed}.npz", seed)), folder / f"w{seed}") for seed in (1, 2)]


def both_of(both, stage: str, name: str) -> list[dict[str, np.ndarray]]:
    """The arrays of one result in either workspace."""
    folders = [the_plan.workspace.path(stage, the_plan.find(stage, name).key) for the_plan, _ in both]
    return [{path.stem: np.load(path) for path in folder.glob("*.npy")} for folder in folders]


@pytest.mark.parametrize("name", [*on_pictures("pruners"), "picky"])
def test_no_subset_depends_on_held_out_rows(both, name):
    one, other = both_of(both, "prune", name)
    assert one.keys() == other.keys()
    for part in one:
        assert np.array_equal(one[part], other[part]), part
    assert one["rows"].max() < TRAIN


@pytest.mark.parametrize("name", on_pictures("scores"))
def test_no_score_depends_on_held_out_rows(both, name):
    one, other = both_of(both, "score", name)
    assert np.array_equal(one["rows"], np.arange(TRAIN))
    assert np.array_equal(one["value"], other["value"])


@pytest.mark.parametrize("name", on_pictures("flags"))
def test_no_verdict_on_a_train_row_depends_on_held_out_rows_and_they_get_one_of_their_own(both, name):
    one, other = both_of(both, "flag", name)
    rows = registry.get("flags", name).card.rows
    splits = {"train": TRAIN, "labelled": TRAIN + HELD, "all": TRAIN + WAITING + HELD}
    assert len(one["rows"]) == splits[rows]
    for part in one:
        assert np.array_equal(one[part][:TRAIN], other[part][:TRAIN]), part
    assert np.isfinite(one["score"]).all()
    if rows != "train" and name != "conflicting_labels":  # which looks at exact copies, and there is one
        assert not np.array_equal(one["score"][-HELD:], other["score"][-HELD:])


def test_no_weight_of_a_recorded_student_depends_on_held_out_rows(both):
    one, other = both_of(both, "evidence", "dynamics")
    assert one["weights"].size > 0
    assert np.array_equal(one["weights"], other["weights"])
    assert np.array_equal(one["logits"], other["logits"])


@pytest.mark.parametrize("student", ["head", "logistic"])
def test_no_prediction_of_a_train_row_depends_on_held_out_rows(tmp_path, student):
    made = []
    for seed in (1, 2):
        recipe = {
            "source": {"use": "arrays", "path": source(tmp_path / f"{seed}.npz", seed)},
            "encode": {"use": "pixels"},
            "evidence": {"probabilities": {"student": student, "folds": 2}},
            "flag": [{"use": "confident_learning"}],
        }
        made.append(answered(recipe, tmp_path / f"w{seed}"))
    one, other = both_of(made, "evidence", "probabilities")
    assert np.array_equal(one["rows"], np.r_[:TRAIN, TRAIN + WAITING : TRAIN + WAITING + HELD])
    assert np.array_equal(one["value"][:TRAIN], other["value"][:TRAIN])
    assert np.array_equal(one["in_fold"][:TRAIN], other["in_fold"][:TRAIN])
    assert np.isnan(one["in_fold"][TRAIN:]).all(), "nobody was taught on them"


def test_a_graph_of_train_rows_is_the_one_there_would_be_without_held_out_rows(both):
    the_plan, store = both[0]
    step = next(s for s in the_plan.steps if "neighbours" in s.reads and s.method.card.rows == "train")
    seen = store.view(step, store.train).neighbours
    whole = results.load(store.folder("encode", the_plan.find("encode").key), "embeddings")
    alone = nearest(np.asarray(whole[:TRAIN], np.float32), 20)
    assert np.array_equal(seen.indices, alone.indices)


def training(kind: str) -> list[str]:
    """The methods of a kind that ask for a student."""
    found = registry.methods(kind).items()
    return [name for name, method in found if "students" in {ref.kind for ref in method.refs.values()}]


def test_whatever_trains_a_student_teaches_it_train_rows_only(tmp_path, monkeypatch):
    """Every method that asks for a student, whichever that is, in an analysis with held-out rows."""
    taught = []

    def spied(self, name, **override):
        def train(view, **options):
            taught.append((self.step.label, view.rows))
            return toy.student(view, record=options.get("record"))

        return train

    monkeypatch.setattr(Call, "student", spied)
    recipe = {
        "source": {"use": "arrays", "path": source(tmp_path / "1.npz", 1)},
        "encode": {"use": "pixels"},
        "evidence": QUICK,
        "flag": [{"use": name} for name in ["consensus", *training("flags")]],
        "prune": [{"name": name, "use": name, "keep": 0.4} for name in training("pruners")],
    }
    answered(recipe, tmp_path / "w")
    assert {"evidence probabilities", "evidence second_opinion", "evidence dynamics"} <= {label for label, _ in taught}
    assert all(rows.max() < TRAIN for _, rows in taught)
