"""Consensus and the second opinion against their parts, on clean labels, on few items and on copies."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from curation.data.provided import take
from curation.data.results import Dynamics
from curation.data.view import View
from curation.maths.similarity.exact import nearest
from curation.methods.evidence import dynamics, probabilities, second_opinion
from curation.methods.flags import confident_learning, consensus, knn_vote, simifeat
from curation.methods.students import head

STUDENTS = {"head": partial(head.train, device="cpu")}


@pytest.fixture(scope="module")
def blobs() -> tuple[View, np.ndarray]:
    """600 items of 4 overlapping classes in 12 dimensions; one in five labels is the next class. View, who is wrong."""
    rng = np.random.default_rng(0)
    truth = np.arange(600) % 4
    x = (2.0 * np.eye(4, 12)[truth] + rng.normal(size=(600, 12))).astype(np.float32)
    labels = np.where(rng.random(600) < 0.2, (truth + 1) % 4, truth)
    bare = View.of(embeddings=x, labels=labels, groups=np.arange(600), students=STUDENTS)
    p = probabilities.gather(bare, rng=rng)[0].values
    run, _ = dynamics.gather(bare, rng=rng)
    full = {"embeddings": x, "labels": labels, "neighbours": nearest(x, 20)}
    full |= {"groups": np.arange(600), "copies": np.arange(600)}
    return told(View.of(probabilities=p, dynamics=run, students=STUDENTS, **full)), labels != truth


def told(view: View, seed: int = 0) -> View:
    """The view with the second opinion on its items."""
    needs = ("embeddings", "labels", "groups", "copies", "neighbours", "probabilities")
    given = {need: getattr(view, need) for need in needs}
    opinion, _ = second_opinion.gather(view, rng=np.random.default_rng(seed))
    return View.of(second_opinion=opinion.values, classes=view.classes, **given)


def f1(flagged: np.ndarray, wrong: np.ndarray) -> float:
    return 2 * (flagged & wrong).sum() / (flagged.sum() + wrong.sum())


def test_it_is_better_than_each_of_its_parts(blobs):
    view, wrong = blobs
    ours = consensus.flag(view)
    for part in (confident_learning.flag(view), knn_vote.flag(view)):
        assert average_precision_score(wrong, ours.score) > average_precision_score(wrong, part.score)
        assert f1(ours.flagged, wrong) > f1(part.flagged, wrong)


def test_its_scores_add_up_to_about_the_number_of_mistakes(blobs):
    view, wrong = blobs
    assert consensus.flag(view).score.sum() == pytest.approx(wrong.sum(), rel=0.25)


def test_most_suggestions_are_the_true_label(blobs):
    view, wrong = blobs
    found = consensus.flag(view)
    fixed = wrong & found.flagged & (found.suggested >= 0)
    truth = np.arange(600) % 4
    assert (found.suggested[fixed] == truth[fixed]).mean() > 0.9
    assert (found.suggested[~found.flagged] == -1).all()


def test_the_second_opinion_is_nearer_to_the_truth_than_the_first(blobs):
    view, wrong = blobs
    truth = np.arange(600) % 4
    right = [(p.argmax(axis=1) == truth)[wrong].mean() for p in (view.probabilities, view.second_opinion)]
    assert right[1] > right[0]


def test_the_same_seed_gives_the_same_opinion(blobs):
    brief = {"head": partial(head.train, device="cpu", epochs=3)}
    bare = view_of(blobs[0].embeddings, blobs[0].labels, students=brief)
    first, again, other = (told(bare, seed).second_opinion for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def view_of(x: np.ndarray, labels: np.ndarray, students=STUDENTS) -> View:
    n, c = len(labels), int(labels.max()) + 1
    p = np.full((n, c), 1 / c)
    return View.of(
        embeddings=x.astype(np.float32),
        labels=labels,
        groups=np.arange(n),
        copies=np.arange(n),
        neighbours=nearest(x.astype(np.float32), 20),
        probabilities=p,
        dynamics=Dynamics(np.log(p)[None], "train"),
        students=students,
    )


@pytest.mark.parametrize(
    ("x", "labels"),
    [
        (np.ones((30, 3)), np.arange(30) % 2),  # all rows equal
        (np.eye(6, 3), np.array([0, 0, 0, 1, 1, 1])),  # zero rows, few items
        (np.random.default_rng(0).normal(size=(20, 3)), np.array([1] + [0] * 19)),  # a class of one
        (np.random.default_rng(0).normal(size=(6, 3)), np.arange(6)),  # as many classes as rows
    ],
)
def test_awkward_data_gives_finite_scores(x, labels):
    found = consensus.flag(told(view_of(x, labels)))
    assert np.isfinite(found.score).all()
    assert found.score.min() >= 0
    assert found.score.max() <= 1


# -- clean labels, small classes, copies ------------------------------------------------------------------------


def told_from_scratch(x: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None) -> View:
    """Every piece of evidence gathered as the engine does."""
    x, groups = x.astype(np.float32), np.arange(len(labels)) if groups is None else groups
    given = {"embeddings": x, "labels": labels, "neighbours": nearest(x, 20), "groups": groups, "copies": groups}
    bare = View.of(**given, students=STUDENTS)
    p = probabilities.gather(bare, rng=np.random.default_rng(0))[0].values
    run, _ = dynamics.gather(bare, rng=np.random.default_rng(0))
    return told(View.of(probabilities=p, dynamics=run, students=STUDENTS, classes=bare.classes, **given))


@pytest.fixture(scope="module")
def overlapping() -> tuple[np.ndarray, np.ndarray]:
    """1,500 items of 5 classes that overlap so much that a fifth of them look like another class; no label is wrong."""
    rng = np.random.default_rng(1)
    truth = np.arange(1500) % 5
    return (2.0 * np.eye(5, 10)[truth] + rng.normal(size=(1500, 10))).astype(np.float32), truth


def test_clean_labels_of_classes_that_overlap_are_left_alone(overlapping):
    view = told_from_scratch(*overlapping)
    found = consensus.flag(view)
    assert (view.second_opinion.argmax(axis=1) != view.labels).mean() > 0.18, "the classes do overlap"
    assert found.flagged.mean() <= 0.02
    assert found.score.mean() < 0.04
    assert second_opinion.gather(first_opinions(view), rng=np.random.default_rng(0))[1]["left_out"] <= 0.03 * len(view)


def first_opinions(view: View) -> View:
    needs = ("embeddings", "labels", "groups", "copies", "neighbours", "probabilities")
    run = Dynamics(np.log(view.probabilities)[None], "train")
    return View.of(**{need: getattr(view, need) for need in needs}, dynamics=run, students=STUDENTS)


@pytest.mark.parametrize(("classes", "items"), [(2, 5), (3, 5), (10, 3), (30, 5)])
def test_small_classes_far_apart_are_not_flagged(classes, items):
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(classes), items)
    x = 6 * rng.normal(size=(classes, 32))[labels] + 0.5 * rng.normal(size=(len(labels), 32))
    view = told_from_scratch(x, labels)
    for found in (
        consensus.flag(view),
        knn_vote.flag(view),
        simifeat.flag(view, rng=rng),
        simifeat.flag(view, rng=rng, method="vote"),
    ):
        assert not found.flagged.any()
        assert not found.notes, "their items know each other: they can be judged"


def test_mistakes_among_the_many_do_not_make_the_few_suspicious():
    """Two large classes with one label in ten wrong, and four of 3 to 10 items that nobody mislabelled."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(6), [150, 150, 3, 5, 8, 10])
    x = 6 * rng.normal(size=(6, 16))[truth] + rng.normal(size=(len(truth), 16))
    wrong = (rng.random(len(truth)) < 0.1) & (truth < 2)
    view = told_from_scratch(x, np.where(wrong, 1 - truth, truth))
    found = consensus.flag(view)
    assert f1(found.flagged, wrong) > 0.95
    assert not found.flagged[truth >= 2].any()


def test_a_class_too_small_to_judge_is_said_and_gets_the_rate_of_the_others():
    view, _ = toy_with_two_strangers()
    for found in (consensus.flag(view), knn_vote.flag(view), simifeat.flag(view, rng=np.random.default_rng(0))):
        assert not found.flagged[-2:].any()
        assert found.notes == ("1 class is too small to judge, so none of its labels is flagged: 2.",)
    score = consensus.flag(view).score
    assert score[-2:] == pytest.approx(score[:-2].mean())


def toy_with_two_strangers() -> tuple[View, np.ndarray]:
    """Two classes of 60, a tenth of them mislabelled, and two items in their midst whose class nobody else has."""
    rng = np.random.default_rng(0)
    truth = np.append(np.arange(120) % 2, [0, 1])
    x = (3 * np.eye(2, 4)[truth] + rng.normal(size=(122, 4))).astype(np.float32)
    labels = np.append(np.where(np.arange(120) % 10 == 3, 1 - truth[:120], truth[:120]), [2, 2])
    opinion = np.exp(3 * np.eye(3)[truth])
    given = {"labels": labels, "groups": np.arange(122), "copies": np.arange(122), "neighbours": nearest(x, 20)}
    return View.of(**given, second_opinion=opinion / opinion.sum(axis=1, keepdims=True)), truth


def test_a_mistake_copied_many_times_does_not_outvote_the_class():
    """Four wrong items of 160, one of them there 12 times: its neighbours keep their labels, its copies are flagged."""
    rng = np.random.default_rng(0)
    truth = np.arange(160) % 2
    x = 6 * np.eye(2, 8)[truth] + rng.normal(size=(160, 8))
    wrong = np.isin(np.arange(160), [0, 31, 70, 115])
    again = np.append(np.arange(160), np.zeros(11, int))
    found = consensus.flag(told_from_scratch(x[again], np.where(wrong, 1 - truth, truth)[again], groups=again))
    assert np.array_equal(found.flagged, wrong[again])
    assert np.ptp(found.score[again == 0]) < 1e-6


def test_students_are_taught_on_train_rows_and_once_on_copies(blobs):
    seen = []

    def spying(view, seed=0, **_):
        seen.append(view.rows)
        return head.train(view, seed=seed, device="cpu", epochs=1)

    view, _ = blobs
    given = {need: getattr(view, need) for need in ("embeddings", "labels", "neighbours", "probabilities")}
    given |= {"copies": np.where(np.arange(600) == 4, 0, np.arange(600))}  # of one class, see `blobs`
    given |= {"groups": given["copies"]}
    given["labels"] = np.where(np.isin(np.arange(600), [0, 4]), 0, given["labels"])
    train = np.flatnonzero(np.arange(600) % 3 > 0)
    provide = {name: (lambda rows, value=value: take(value, rows)) for name, value in given.items()}
    provide |= {"dynamics": lambda rows: take(Dynamics(np.log(view.probabilities)[None], "train"), rows)}
    provide |= {"train": lambda rows: np.flatnonzero(np.isin(rows, [0, *train]))}
    part = View(provide, np.arange(600), view.classes, students=lambda name, **_: spying)
    opinion, _ = second_opinion.gather(part, rng=np.random.default_rng(0))
    assert len(opinion.values) == 600, "everybody is judged"
    taught = np.unique(np.concatenate(seen))
    assert set(taught) <= {0, *train.tolist()} - {4}
    assert 0 in taught
