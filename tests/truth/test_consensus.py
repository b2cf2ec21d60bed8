"""The label-noise model against data it is true of, and consensus against its parts."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from curation.data.results import Dynamics
from curation.data.view import View
from curation.maths.label_noise.expert_product import votes
from curation.maths.label_noise.noise import posterior
from curation.maths.similarity.exact import nearest
from curation.methods.evidence import dynamics, probabilities, second_opinion
from curation.methods.flags import confident_learning, consensus, knn_vote
from curation.methods.students import head

STUDENTS = {"head": partial(head.train, device="cpu")}


def drawn(n: int, mixed: np.ndarray, seed: int = 0):
    """prior [n, C], true class and given label, drawn from the model: class from the prior, label from its row."""
    rng = np.random.default_rng(seed)
    c = len(mixed)
    prior = rng.dirichlet(np.full(c, 0.3), size=n)
    truth = (prior.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return prior, truth, (mixed[truth].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


MIXED = np.array([[0.9, 0.1, 0.0], [0.0, 0.7, 0.3], [0.05, 0.05, 0.9]])


def test_the_confusions_labels_were_drawn_with_are_found_again():
    prior, _, given = drawn(20_000, MIXED)
    assert np.allclose(posterior(prior, given)[1], MIXED, atol=0.02)


def test_what_it_calls_seventy_percent_wrong_is_wrong_seven_times_in_ten():
    prior, truth, given = drawn(50_000, MIXED)
    after, _ = posterior(prior, given)
    wrong = 1 - after[np.arange(len(given)), given]
    for low, high in ((0.05, 0.2), (0.4, 0.6), (0.65, 0.75), (0.9, 1.0)):
        here = (wrong >= low) & (wrong < high)
        assert (truth != given)[here].mean() == pytest.approx(wrong[here].mean(), abs=0.03)
    assert wrong.sum() == pytest.approx((truth != given).sum(), rel=0.03)


def test_the_posterior_is_bayes_rule_with_the_confusions_it_reports():
    prior, _, given = drawn(300, MIXED)
    after, mixed = posterior(prior, given)
    by_hand = np.array([prior[i] * mixed[:, given[i]] for i in range(300)])
    assert np.allclose(after, by_hand / by_hand.sum(axis=1, keepdims=True))
    assert np.allclose(mixed.sum(axis=1), 1)


def test_one_class_is_never_wrong():
    after, mixed = posterior(np.ones((4, 1)), np.zeros(4, int))
    assert after.tolist() == [[1.0]] * 4
    assert mixed.tolist() == [[1.0]]


def test_an_opinion_of_zero_everywhere_says_nothing():
    after, _ = posterior(np.array([[0.0, 0.0], [0.9, 0.1], [0.1, 0.9]]), np.array([0, 0, 1]))
    assert np.isfinite(after).all()


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
    full = {"embeddings": x, "labels": labels, "groups": np.arange(600), "neighbours": nearest(x, 20)}
    return told(View.of(probabilities=p, dynamics=run, students=STUDENTS, **full)), labels != truth


def told(view: View, seed: int = 0) -> View:
    """The view with the second opinion on its items."""
    needs = ("embeddings", "labels", "groups", "neighbours", "probabilities")
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
    bare = view_of(blobs[0].embeddings, blobs[0].labels)
    first, again, other = (told(bare, seed).second_opinion for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def view_of(x: np.ndarray, labels: np.ndarray, groups: np.ndarray | None = None) -> View:
    n, c = len(labels), int(labels.max()) + 1
    p = np.full((n, c), 1 / c)
    return View.of(
        embeddings=x.astype(np.float32),
        labels=labels,
        groups=np.arange(n) if groups is None else groups,
        neighbours=nearest(x.astype(np.float32), 20),
        probabilities=p,
        dynamics=Dynamics(np.log(p)[None], "train"),
        students=STUDENTS,
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


def test_no_class_loses_more_than_half_of_its_items_before_the_second_round():
    wrong = np.array([0.9, 0.8, 0.7, 0.2, 0.9, 0.1])
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert second_opinion.left_out(wrong, labels).tolist() == [True, True, False, False, True, False]


def test_copies_have_no_vote():
    near, labels, groups = np.array([[1, 2], [0, 2], [1, 0], [2, 0]]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 2])
    heard = votes(near, labels, groups, 2)
    assert heard[0].tolist() == [0.75, 0.25]  # item 2 alone, with half a vote for each class
