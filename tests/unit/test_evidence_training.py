"""Evidence that comes from images and from trained students: pixels, out-of-fold probabilities, recorded runs."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from curation.data.items import make_items
from curation.data.view import Images, View
from curation.errors import InputError, RunError
from curation.methods.evidence import dynamics, pixels, probabilities
from curation.methods.students import head
from curation.training import folds
from curation.training.folds import assign
from curation.training.record import RunRecord
from curation.training.student import Predictor


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def images(array: np.ndarray) -> View:
    ids = [str(i) for i in range(len(array))]
    items = make_items(ids=ids, labels=["x"] * len(ids), splits=["train"] * len(ids), images=array)
    return View.of(images=Images(items, np.arange(len(array))))


def blobs(m: int = 30, groups=None, trainer=None) -> View:
    labels = np.arange(m) % 3
    x = (np.eye(3)[labels] * 6 + rng().normal(size=(m, 3))).astype(np.float32)
    trainer = trainer or partial(head.train, device="cpu")
    groups = np.arange(m) if groups is None else groups
    return View.of(embeddings=x, labels=labels, groups=groups, students={"head": trainer})


# -- pixels -----------------------------------------------------------------------------------------------------


def test_images_of_the_right_size_come_out_as_they_are_and_in_order():
    array = rng().integers(0, 256, size=(600, 8, 8, 3), dtype=np.uint8)  # more than one block per thread
    told = []
    out = pixels.gather(images(array), size=8, progress=lambda done, total, message="": told.append((done, total)))
    assert (out == array).all()
    assert told[-1] == (600, 600)


def test_the_middle_of_a_long_image_is_kept_and_its_shape_is_not_squeezed():
    array = np.zeros((1, 16, 48, 3), dtype=np.uint8)
    array[:, :, 16:32] = 255  # the middle square is white, both sides are black
    out = pixels.gather(images(array), size=8)
    assert out.shape == (1, 8, 8, 3)
    assert (out[:, :, 1:-1] == 255).all()
    assert (out > 200).all()  # smooth shrinking looks a little over the edge


def test_grey_and_small_images_are_brought_to_three_channels_and_the_same_size():
    out = pixels.gather(images(np.full((2, 5, 5), 77, dtype=np.uint8)), size=8)
    assert (out == 77).all()
    assert out.shape == (2, 8, 8, 3)


# -- folds ------------------------------------------------------------------------------------------------------


def test_folds_differ_by_at_most_one_row_overall_and_within_every_class():
    labels = np.repeat([0, 1, 2, 3], [50, 23, 7, 3])
    fold = assign(labels, np.arange(83), 5, rng())
    counts = np.array([np.bincount(fold[labels == c], minlength=5) for c in range(4)])
    assert (np.ptp(counts, axis=1) <= 1).all()
    assert np.ptp(counts.sum(axis=0)) <= 1


def test_copies_share_a_fold_even_where_their_labels_disagree():
    labels = rng().integers(0, 3, size=100)
    groups = rng().integers(0, 60, size=100) * 7
    fold = assign(labels, groups, 5, rng())
    assert all(len(set(fold[groups == g])) == 1 for g in groups)
    assert np.ptp(np.bincount(fold)) <= 4


def test_folds_are_the_same_however_many_groups_are_told_to_python_at_once(monkeypatch):
    labels, groups = rng().integers(0, 3, size=100), rng().integers(0, 60, size=100)
    whole = assign(labels, groups, 5, rng())
    monkeypatch.setattr(folds, "_BLOCK", 7)
    assert np.array_equal(assign(labels, groups, 5, rng()), whole)


def test_folds_are_drawn_from_the_generator():
    labels, groups = np.zeros(40, dtype=int), np.arange(40)
    first, again = (assign(labels, groups, 5, np.random.default_rng(1)) for _ in range(2))
    other = assign(labels, groups, 5, np.random.default_rng(2))
    assert (first == again).all()
    assert (first != other).any()


def test_there_are_never_more_folds_than_different_items():
    assert sorted(assign(np.array([0, 1, 1]), np.array([0, 1, 2]), 5, rng()).tolist()) == [0, 1, 2]
    with pytest.raises(InputError, match="at least two different items; there is one"):
        assign(np.array([0, 1]), np.array([4, 4]), 5, rng())


# -- probabilities ----------------------------------------------------------------------------------------------


class Watched:
    """A student that only remembers which rows it was trained on and asked about."""

    def __init__(self):
        self.trained, self.asked = [], []

    def __call__(self, view, *, seed, record=None, progress=None):
        self.trained.append(view.rows)

        def logits(other):
            self.asked.append(other.rows)
            return np.zeros((len(other), len(other.classes)), dtype=np.float32)

        return Predictor(logits=logits, features=logits, passes=len(view))


def test_groups_of_several_classes_are_spread_as_evenly_as_scikit_learn_spreads_them():
    from sklearn.model_selection import StratifiedGroupKFold

    left = []
    for seed in range(12):
        draw = np.random.default_rng(seed)
        groups = draw.choice(60, 1200, p=draw.dirichlet(np.ones(60)))
        labels = np.array([draw.choice(4, p=p) for p in draw.dirichlet(np.ones(4) * 0.5, size=60)[groups]])
        theirs = np.empty(1200, int)
        for fold, (_, rows) in enumerate(StratifiedGroupKFold(5).split(labels, labels, groups)):
            theirs[rows] = fold
        ours = assign(labels, groups, 5, np.random.default_rng(0))
        assert all(len(set(ours[groups == group])) == 1 for group in np.unique(groups))
        left.append((uneven(labels, ours), uneven(labels, theirs)))
    ours, theirs = np.mean(left, axis=0)
    assert ours <= theirs


def uneven(labels, fold):
    """Rows that are in another fold than an even spread of every class would put them."""
    table = np.histogram2d(labels, fold, bins=(4, 5), range=((0, 4), (0, 5)))[0]
    return np.abs(table - table.mean(axis=1, keepdims=True)).sum()


def test_every_row_is_predicted_once_by_a_student_that_knows_neither_it_nor_its_copies():
    groups = np.arange(30) // 2
    watched = Watched()
    _, notes = probabilities.gather(blobs(30, groups, watched), rng=rng(), folds=4)
    assert notes["folds"] == len(watched.trained) == 4
    held, taught = watched.asked[::2], watched.asked[1::2]
    assert sorted(np.concatenate(held).tolist()) == list(range(30))
    for trained, asked, again in zip(watched.trained, held, taught, strict=True):
        assert not set(groups[trained]) & set(groups[asked])
        assert np.array_equal(trained, again)


def test_in_fold_probabilities_are_those_of_the_students_that_saw_the_item():
    view = blobs(60)
    view.labels[0] = 1  # learnt by heart by those that saw it, unlikely to the one that did not
    view = View.of(
        embeddings=view.embeddings,
        labels=view.labels,
        groups=np.arange(60),
        students={"head": partial(head.train, device="cpu", hidden=64, epochs=200, l2=0.0)},
    )
    found = probabilities.gather(view, rng=rng())[0]
    assert np.allclose(found.in_fold.sum(axis=1), 1)
    assert found.in_fold[0, 1] > found.values[0, 1] + 0.1


def test_an_items_own_label_has_no_part_in_its_prediction(monkeypatch):
    fold = np.arange(30) % 5
    monkeypatch.setattr(probabilities, "assign_all", lambda *_: fold)  # folds are stratified, so they look at labels
    view, changed = blobs(), blobs()
    changed.labels[4] = 0
    assert view.labels[4] == 1
    before, after = (probabilities.gather(v, rng=rng())[0].values for v in (view, changed))
    assert (before[4] == after[4]).all()
    assert (before[fold != 4] != after[fold != 4]).any()


def test_probabilities_are_right_on_clear_data_and_sum_to_one():
    view = blobs()
    found, notes = probabilities.gather(view, rng=rng())
    p = found.values
    assert p.dtype == np.float64
    assert p.sum(axis=1) == pytest.approx(np.ones(30))
    assert notes["accuracy"] == (p.argmax(axis=1) == view.labels).mean() > 0.9


def test_a_class_of_one_item_is_predicted_by_students_that_never_saw_it():
    view = blobs()
    view.labels[view.labels == 2] = 1
    view.labels[0] = 2
    p = probabilities.gather(view, rng=rng())[0].values
    assert p[0, 2] < 0.05
    assert np.isfinite(p).all()


def test_the_same_generator_gives_the_same_probabilities():
    first, again = (probabilities.gather(blobs(), rng=rng())[0].values for _ in range(2))
    assert (first == again).all()


@pytest.mark.parametrize("gather", [probabilities.gather, dynamics.gather])
def test_a_single_class_is_refused_in_words(gather):
    view = blobs()
    view.labels[:] = 1
    with pytest.raises(InputError, match="at least two classes"):
        gather(view, rng=rng())


# -- dynamics ---------------------------------------------------------------------------------------------------


def test_a_recorded_run_holds_every_item_in_every_epoch_and_in_the_views_order():
    view = blobs()
    run, notes = dynamics.gather(view, rng=rng())
    assert run.logits.shape == (notes["epochs"], 30, 3)
    assert run.logits.dtype == np.float16
    assert run.mode == "train"
    assert (run.logits[-1].argmax(axis=1) == view.labels).all()
    assert (run.features == head.train(view, seed=1, device="cpu").features(view)).all()


def test_eval_mode_ends_with_what_the_finished_student_says():
    view, kept = blobs(), []

    def trainer(view, **asked):
        kept.append(head.train(view, device="cpu", **asked))
        return kept[0]

    view = blobs(trainer=trainer)
    run, _ = dynamics.gather(view, rng=rng(), mode="eval")
    assert run.mode == "eval"
    assert np.allclose(run.logits[-1], kept[0].logits(view), atol=0.02)


def test_the_number_of_epochs_can_be_asked_for():
    seen = []

    def trainer(view, *, epochs=3, record, **_):
        seen.append(epochs)
        for _ in range(epochs):
            record.batch(np.arange(len(view)), np.zeros((len(view), 3)))
            record.epoch(lambda: None)
        return Predictor(lambda v: None, lambda v: np.zeros((len(v), 1)), epochs * len(view))

    for asked, expected in ((0, 3), (7, 7)):
        run, notes = dynamics.gather(blobs(trainer=trainer), rng=rng(), epochs=asked)
        assert len(run.logits) == notes["epochs"] == expected
    assert seen == [3, 7]


def test_a_mislabelled_item_lags_behind_in_the_recorded_run():
    view = blobs(90)
    view.labels[0] = 1  # it looks like class 0
    run, _ = dynamics.gather(view, rng=rng())
    margin = run.logits[:, :, 1] - run.logits[:, :, 0]
    others = np.flatnonzero(view.labels == 1)[1:]
    assert margin[:, 0].mean() < margin[:, others].mean(axis=0).min()


def test_a_student_that_skips_an_item_is_found_out():
    run = RunRecord(3, 2, "train")
    run.batch(np.array([0, 2]), np.zeros((2, 2)))
    with pytest.raises(RunError, match="no logits for 1 of 3 items"):
        run.epoch(lambda: None)


def test_batches_are_put_where_their_items_stand():
    run = RunRecord(4, 1, "train")
    for epoch in (0, 10):
        run.batch(np.array([3, 0]), np.array([[epoch + 3], [epoch]]))
        run.batch(np.array([2, 1]), np.array([[epoch + 2], [epoch + 1]]))
        run.epoch(lambda: None)
    assert run.logits[..., 0].tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]
