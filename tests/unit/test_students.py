"""Students on inputs small enough to check by eye, and the head against scikit-learn on real digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from curation.data.view import View
from curation.engine import registry
from curation.errors import InputError, RunError
from curation.methods.students import cnn, head
from curation.training import loop
from curation.training.augment import crop_flip
from tests.unit.small_students import DATA, ON_PIXELS, OWN, SMALL, Spy, accuracy, blobs, stripes, students


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    """A person's file of networks in the current folder."""
    (tmp_path / "winnow_own_nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def digits():
    """Train and test view of scikit-learn's digits."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    whole = View.of(embeddings=x.astype(np.float32), labels=y)
    return whole.subset(order[:1400]), whole.subset(order[1400:])


def logistic_regression(train: View, test: View, l2: float):
    """Converged scikit-learn probabilities for the test view."""
    centre, scale = train.embeddings.mean(axis=0), np.sqrt(train.embeddings.var(axis=0).mean())
    model = LogisticRegression(C=1 / l2, max_iter=5000, tol=1e-8)
    return model.fit((train.embeddings - centre) / scale, train.labels).predict_proba(
        (test.embeddings - centre) / scale
    )


def test_the_head_is_as_good_on_digits_as_a_converged_logistic_regression(digits):
    train, test = digits
    reference = (logistic_regression(train, test, l2=1).argmax(axis=1) == test.labels).mean()
    assert abs(accuracy(head.train(train, seed=0, device="cpu"), test) - reference) <= 0.01


def test_a_head_that_is_trained_to_the_end_is_scikit_learns_logistic_regression(digits):
    train, test = digits
    train = train.subset(np.arange(300))  # one batch: every step sees all rows
    logits = head.train(train, seed=0, device="cpu", l2=10, epochs=1000).logits(test)
    assert np.allclose(softmax(logits, axis=1), logistic_regression(train, test, l2=10), atol=2e-3)


def test_twenty_items_still_train_a_head_properly(digits):
    train, test = digits
    few = np.concatenate([np.flatnonzero(train.labels == c)[:2] for c in range(10)])
    assert accuracy(head.train(train.subset(few), seed=0, device="cpu"), test) > 0.6


def test_a_hidden_layer_tells_apart_what_no_line_can():
    x = np.array([[0, 0], [1, 1], [0, 1], [1, 0]] * 10, dtype=np.float32)
    view = View.of(embeddings=x, labels=np.array([0, 0, 1, 1] * 10))
    assert accuracy(head.train(view, seed=0, device="cpu", l2=0), view) < 0.8
    assert accuracy(head.train(view, seed=0, device="cpu", l2=0, hidden=32), view) == 1.0


def test_the_cnn_learns_rows_from_columns_it_has_not_seen():
    view = stripes(64)
    student = cnn.train(view.subset(np.arange(32)), seed=0, device="cpu", width=4, batch=16)
    assert accuracy(student, view.subset(np.arange(32, 64))) >= 0.9


@students
def test_same_seed_same_student_and_no_global_state_is_touched(name):
    view = DATA[name]()
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what must stay
    first, again, other = (SMALL[name](view, seed=seed).logits(view) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    assert torch.equal(before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # noqa: NPY002
    assert torch.get_num_threads() == threads


@students
def test_every_epoch_shows_every_row_exactly_once(name):
    view, spy = DATA[name](), Spy()
    student = SMALL[name](view, record=spy)
    assert all(sorted(position for position, _ in epoch) == list(range(len(view))) for epoch in spy.epochs)
    assert student.passes == len(spy.epochs) * len(view)
    assert np.allclose(spy.clean[-1], student.logits(view), atol=1e-5)


def test_train_logits_are_those_before_the_update():
    spy = Spy()
    head.train(blobs(), seed=0, device="cpu", record=spy)  # one batch per epoch, and a head starts from zero weights
    first, second = (np.stack([logits for _, logits in epoch]) for epoch in spy.epochs[:2])
    assert (first == 0).all()
    assert (second != 0).any()


@students
def test_recording_does_not_change_the_student(name):
    view = DATA[name]()
    assert (SMALL[name](view).logits(view) == SMALL[name](view, record=Spy()).logits(view)).all()


@students
def test_a_subset_is_trained_on_its_own_rows_only(name):
    view, rows = DATA[name](), np.array([5, 0, 7, 1, 2, 3])
    alone = {key: getattr(view, key)[rows] for key in ("labels", "pixels" if name in ON_PIXELS else "embeddings")}
    part, fresh = view.subset(rows), View.of(classes=view.classes, **alone)
    assert (SMALL[name](part).logits(view) == SMALL[name](fresh).logits(view)).all()


@students
def test_a_class_that_is_absent_keeps_its_output_and_is_not_predicted(name):
    view = DATA[name]()
    part = View.of(
        labels=view.labels * 2,
        classes=["a", "b", "c", "d", "e"],
        **{"pixels": view.pixels} if name in ON_PIXELS else {"embeddings": view.embeddings},
    )
    logits = SMALL[name](part).logits(part)
    assert logits.shape == (len(view), 5)
    assert logits.dtype == np.float32
    if not name.startswith("resnet"):  # two steps teach it nothing yet
        assert set(logits.argmax(axis=1)) <= set(part.labels)


@students
def test_an_item_is_predicted_alike_alone_and_among_others(name):
    view = DATA[name]()
    student = SMALL[name](view)
    assert np.allclose(student.logits(view)[[4]], student.logits(view.subset([4])), atol=1e-4)
    assert len(student.features(view)) == len(view)


@students
def test_a_student_without_rows_or_with_one_class_says_so(name):
    view = DATA[name]()
    with pytest.raises(InputError, match="no rows to train"):
        SMALL[name](view.subset(np.array([], dtype=int)))
    view.classes = ("only",)
    with pytest.raises(InputError, match="a student needs at least two classes; there is 1"):
        SMALL[name](view)


def test_embeddings_that_are_not_numbers_are_refused():
    view = blobs()
    view.embeddings[3, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        head.train(view, seed=0, device="cpu")


def test_identical_embeddings_do_not_break_the_head():
    view = View.of(embeddings=np.ones((6, 3), dtype=np.float32), labels=np.array([0, 1] * 3))
    assert np.isfinite(head.train(view, seed=0, device="cpu").logits(view)).all()


def test_a_student_that_diverges_says_when_and_what_to_change():
    net = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e30)
    x, y = torch.full((4, 2), 1e30), torch.tensor([0, 1, 0, 1])
    with pytest.raises(RunError, match=r"diverged.*epoch \d of 6.*lower learning rate"):
        loop.fit(net, x, y, optimiser=optimiser, epochs=6, batch=2, seed=0, schedule=loop.cosine)


def test_progress_counts_epochs_to_the_end():
    told = []
    head.train(blobs(), seed=0, device="cpu", progress=lambda done, total, message="": told.append((done, total)))
    assert told[0] == (1, len(told))
    assert told[-1] == (len(told), len(told))


def test_the_cost_of_training_grows_with_the_rows_above_the_floor():
    assert [loop.epochs_for(m, 512, 20, 300) for m in (20, 512, 5_120, 50_000)] == [300, 300, 30, 20]


def test_schedules_end_at_nothing():
    assert (loop.cosine(0), loop.cosine(1)) == (1, 0)
    assert loop.triangle(0) == pytest.approx(0.1)
    assert (loop.triangle(0.25), loop.triangle(1)) == (1, 0)


def test_augmented_images_are_shifted_mirrored_copies_and_not_all_the_same_one():
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="reflect")  # an eighth of 8 is one pixel
    shifted = [padded[y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
    flipped = [picture[:, ::-1] for picture in shifted]
    batch = torch.from_numpy(image).expand(200, 8, 8, 3)

    def found(flip: bool, pictures) -> set[int]:
        seen = crop_flip(batch, torch.Generator().manual_seed(0), flip=flip).numpy()
        where = [[i for i, picture in enumerate(pictures) if (picture == one).all()] for one in seen]
        assert all(where)
        return {i for i, *_ in where}

    assert found(True, shifted + flipped) == set(range(18))
    assert found(False, shifted) == set(range(9))


def test_small_images_are_flipped_but_not_shifted():
    image = torch.arange(4 * 4 * 3).reshape(1, 4, 4, 3)
    assert torch.equal(crop_flip(image, torch.Generator().manual_seed(0), flip=False), image)


# -- how long ---------------------------------------------------------------------------------------------------


def test_every_student_can_go_by_epochs_or_by_steps():
    for name, student in registry.methods("students").items():
        if "exact" in student.card.tags:  # solved to its optimum: the same for every subset
            continue
        if name == "command":  # a trainer of one's own, which has its own ways
            continue
        defaults = student.params().model_dump()
        assert defaults["epochs"] >= 1, name
        assert defaults["steps"] == 0, name


@students
def test_steps_are_the_same_for_every_subset_and_the_last_epoch_is_finished(name):
    view = DATA[name](40)
    seen = {}
    for m in (40, 12):
        spy = Spy()
        more = {"steps": 4} if name in ("head", "hidden") else {"steps": 4, "batch": 16}
        student = SMALL[name](view.subset(np.arange(m)), record=spy, **more)
        assert student.passes == len(spy.epochs) * m
        seen[m] = len(spy.epochs)
    a_time = 1 if name in ("head", "hidden") else 3  # steps an epoch of 40 items takes; of 12 it is one
    assert seen == {40: -(-4 // a_time), 12: 4}


# -- predictions that are no numbers ----------------------------------------------------------------------------


def test_logits_that_are_not_finite_are_reported_as_divergence():
    class Broken(torch.nn.Linear):
        def forward(self, x):
            logits = super().forward(x)
            return logits if self.training else torch.where(x[:, :1] > 0.5, torch.inf, logits)

    net = torch.nn.Sequential(Broken(2, 2))
    made = loop.predictor(net, lambda view: torch.as_tensor(view.embeddings), passes=1)
    view = View.of(embeddings=np.array([[1, 0], [0, 1], [1, 1]], np.float32), labels=np.array([0, 1, 0]))
    with pytest.raises(RunError, match=r"diverged: its predictions for 2 of 3 items are not numbers.*lower learning"):
        made.logits(view)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    x, y = torch.as_tensor(view.embeddings), torch.as_tensor(view.labels)
    with pytest.raises(RunError, match="2 of 3 items"):
        loop.fit(net, x, y, optimiser=optimiser, epochs=1, batch=3, seed=0, schedule=loop.cosine, record=Spy())
