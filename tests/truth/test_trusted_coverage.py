"""The hybrid against its definition, written out item by item with nothing of curation/maths in it."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given as drawing
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from curation.data.view import View
from curation.maths.selection.weighted_facility_location import weighted_facility_location
from curation.methods.evidence import dynamics, probabilities, second_opinion
from curation.methods.pruners import trusted_coverage
from curation.methods.students import head
from tests import toy

STUDENTS = {"head": partial(head.train, device="cpu")}


def view(**changes):
    return View.of(**{**toy.arrays(), **changes}, students=STUDENTS)


def select(the_view, budget, **params):
    return trusted_coverage.select(the_view, budget, **params).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_coverage_is_greedy_by_the_definition(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(25, 5))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    asked, offer = rng.random(25), rng.random(25)
    s = 0.5 + 0.5 * x.astype(float) @ x.T.astype(float)
    taken = [3, 8]
    for _ in range(10):
        covered = s[:, taken].max(axis=1)
        gain = {j: offer[j] * sum(asked * np.maximum(s[j] - covered, 0)) for j in range(25) if j not in taken}
        taken.append(max(gain, key=gain.get))
    assert weighted_facility_location(x, 10, asked, offer, np.array([3, 8])).tolist() == taken[2:]


def test_a_large_class_is_covered_nearly_as_well_in_shards_and_in_an_order_that_stays_nested(monkeypatch):
    from curation.maths.selection import weighted_facility_location as module

    rng = np.random.default_rng(0)
    x = (rng.normal(size=(20, 8))[rng.integers(0, 20, 1500)] + 0.5 * rng.normal(size=(1500, 8))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    asked, offer = rng.random(1500), rng.uniform(0.5, 1, 1500)
    exact = weighted_facility_location(x, 300, asked, offer)
    monkeypatch.setattr(module, "_WHOLE", 1000)
    monkeypatch.setattr(module, "_SHARD", 500)
    monkeypatch.setattr(module, "_BEGIN", 50)
    whole = weighted_facility_location(x, 1500, asked, offer)
    assert sorted(whole.tolist()) == list(range(1500))
    for few in (0, 1, 49, 50, 51, 300, 1401):
        assert weighted_facility_location(x, few, asked, offer).tolist() == whole[:few].tolist()
    similar = 0.5 + 0.5 * x @ x.T

    def covered(rows):
        return asked @ similar[:, rows].max(axis=1)

    drawn = np.mean([covered(rng.choice(1500, 300, replace=False)) for _ in range(5)])
    assert (covered(whole[:300]) - drawn) / (covered(exact) - drawn) > 0.8
    # Rows taken before are rows of any shard.
    more = weighted_facility_location(x, 700, asked, offer, np.sort(whole[:700]))
    assert not np.intersect1d(more, whole[:700]).size
    assert len(np.unique(more)) == 700


def test_without_feedback_it_is_coverage_weighted_by_what_the_neighbours_say():
    """Noise model of two classes solved on a grid; coverage of each class by exhaustive greedy."""
    rng = np.random.default_rng(3)
    truth = np.arange(40) % 2
    x = (3 * np.eye(2, 4)[truth] + rng.normal(size=(40, 4))).astype(np.float32)
    labels = truth.copy()
    labels[[4, 11, 20]] = 1 - truth[[4, 11, 20]]
    given = {"labels": labels, "embeddings": x, "neighbours": toy.neighbours(x, 10)}
    given |= {"groups": np.arange(40), "copies": np.arange(40)}
    made = trusted_coverage.select(View.of(**given), 12, feedback="none", k=10)

    likes = np.full((40, 2), 0.5)
    for i in range(40):
        for j in given["neighbours"].indices[i]:
            likes[i, labels[j]] += 1
    likes /= likes.sum(axis=1, keepdims=True)
    sharp = likes**4 / (likes**4).sum(axis=1, keepdims=True)
    mixed = np.array([[0.9, 0.1], [0.1, 0.9]])
    for _ in range(100):  # expectation maximisation, one pseudo-item per kind of confusion at the overall rate
        after = np.array([sharp[i] * mixed[:, labels[i]] for i in range(40)])
        after /= after.sum(axis=1, keepdims=True)
        wrong = 1 - after[np.arange(40), labels].mean()
        rate = [(after[labels != t, t].sum() + 2 * wrong) / (after[:, t].sum() + 2) for t in (0, 1)]
        mixed = np.array([[1 - rate[0], rate[0]], [rate[1], 1 - rate[1]]])
    after = np.array([sharp[i] * mixed[:, labels[i]] for i in range(40)])
    trust = (after / after.sum(axis=1, keepdims=True))[np.arange(40), labels]
    centred = x.astype(float) - x.astype(float).mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    for code in (0, 1):
        own = np.flatnonzero((labels == code) & (trust >= 0.5))
        s = 0.5 + 0.5 * unit[own] @ unit[own].T
        asks, gives = trust[own] * likes[own, code], trust[own]
        mine = [int(np.flatnonzero(own == row)[0]) for row in made if labels[row] == code]
        assert len(mine) >= 4
        for done, taken in enumerate(mine):
            covered = s[:, mine[:done]].max(axis=1) if done else np.zeros(len(own))
            gain = [gives[j] * (asks * np.maximum(s[j] - covered, 0)).sum() for j in range(len(own))]
            assert gain[taken] >= 0.999 * max(gain)  # the noise model stops a hair before it has settled


def test_what_the_student_of_the_subset_knows_asks_for_less():
    """One class is two blobs; a student who knows the big one makes the small one ask for the next item."""
    rng = np.random.default_rng(0)
    x = np.concatenate([np.eye(3)[0] + 0.1 * rng.normal(size=(60, 3)), np.eye(3)[1] + 0.1 * rng.normal(size=(20, 3)),
                        np.eye(3)[2] + 0.1 * rng.normal(size=(80, 3))]).astype(np.float32)  # fmt: skip
    labels = np.repeat([0, 0, 1], [60, 20, 80])
    asked = []

    def knowing(view, seed=0, record=None, progress=None):
        """Sure of everything near the first blob, and of class 1; it has never heard of the second blob."""
        asked.append(len(view))

        class Fitted:
            passes = 1

            def logits(self, of):
                near = of.embeddings @ np.eye(3, dtype=np.float32)
                return np.stack([8 * near[:, 0], 8 * near[:, 2] + 4 * near[:, 1]], axis=1)

        return Fitted()

    given = {"labels": labels, "embeddings": x, "neighbours": toy.neighbours(x, 20)}
    given |= {"groups": np.arange(160), "copies": np.arange(160)}
    the_view = View.of(**given, students={"head": knowing})
    plain = trusted_coverage.select(the_view, 16, feedback="none")
    fed = trusted_coverage.select(the_view, 16, feedback="representatives")
    second = np.arange(60, 80)
    assert asked == [8], "once, before the subset doubles from four items per class to sixteen"
    assert np.array_equal(plain[:8], fed[:8])
    assert np.isin(fed, second).sum() > np.isin(plain, second).sum()


@pytest.fixture(scope="module")
def digits():
    """(view of 900 handwritten digits, every seventh label wrong, with evidence gathered; which labels are wrong)."""
    x, truth = load_digits(return_X_y=True)
    x, truth = (x[:900] / 16).astype(np.float32), truth[:900]
    wrong = np.arange(900) % 7 == 3
    labels = np.where(wrong, (truth + 1 + np.arange(900) % 9) % 10, truth)
    bare = View.of(embeddings=x, labels=labels, groups=np.arange(900), students=STUDENTS)
    p, _ = probabilities.gather(bare, rng=np.random.default_rng(0), folds=3)
    run, _ = dynamics.gather(bare, rng=np.random.default_rng(0))
    given = {"embeddings": x, "labels": labels, "neighbours": toy.neighbours(x, 20)}
    given |= {"groups": np.arange(900), "copies": np.arange(900)}
    first = View.of(**given, probabilities=p.values, dynamics=run, students=STUDENTS)
    told, _ = second_opinion.gather(first, rng=np.random.default_rng(0), folds=3)
    return View.of(**given, second_opinion=told.values, students=STUDENTS), wrong


@pytest.mark.parametrize("feedback", ["out_of_fold", "representatives", "none"])
def test_wrong_labels_come_last_and_classes_keep_their_shares(digits, feedback):
    the_view, wrong = digits
    order = trusted_coverage.select(the_view, 900, feedback=feedback)
    assert wrong[order[-wrong.sum() :]].mean() > 0.85
    assert wrong[order[:600]].mean() < 0.02
    counts = np.bincount(the_view.labels[order[:300]], minlength=10)
    assert np.abs(counts - np.bincount(the_view.labels) / 3).max() <= 1


def test_copies_are_not_both_taken_before_everything_else_is():
    order = select(view(), toy.N)
    for first, twin in ((0, 1), (2, 3)):
        assert max(order.index(first), order.index(twin)) >= len(order) // 2


def test_the_student_that_is_named_is_the_one_that_is_asked():
    heard = []

    def listening(view, seed=0, record=None, progress=None):
        heard.append(seed)
        return head.train(view, seed=seed, device="cpu", epochs=2)

    the_view = View.of(**toy.arrays(), students={"other": listening})
    trusted_coverage.select(the_view, 40, student="other")
    assert len(heard) == 2  # subsets of 12 and 24 items


@st.composite
def any_set(draw):
    """Classes of any sizes, anywhere, some copied, labels as wrong as they come; and a share of it to keep."""
    sizes = draw(st.lists(st.integers(1, 25), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    x = draw(st.sampled_from([0.0, 0.5, 5.0])) * rng.normal(size=(len(sizes), 4))[truth] + rng.normal(
        size=(len(truth), 4)
    )
    wrong = rng.random(len(truth)) < draw(st.sampled_from([0.0, 0.1, 0.5, 0.9]))
    labels = np.where(wrong, rng.integers(len(sizes), size=len(truth)), truth)
    groups = np.minimum(np.arange(len(truth)), draw(st.integers(0, len(truth))))  # the last ones are all one item
    x[groups == groups[-1]] = x[groups == groups[-1]][0]
    opinion = (
        rng.dirichlet(np.ones(len(sizes)), size=len(truth))
        + draw(st.sampled_from([0, 1, 9])) * np.eye(len(sizes))[truth]
    )
    told = opinion / opinion.sum(axis=1, keepdims=True)
    view = View.of(
        labels=labels, groups=groups, copies=groups, embeddings=x.astype(np.float32), neighbours=toy.neighbours(x, 20),
        second_opinion=told, classes=[str(c) for c in range(len(sizes))],
    )  # fmt: skip
    return view, draw(st.integers(1, len(truth)))


@drawing(any_set(), st.sampled_from(["out_of_fold", "none"]))
@settings(max_examples=60, deadline=None)
def test_no_class_is_lost_and_none_is_far_from_its_share_on_any_set(drawn, feedback):
    the_view, budget = drawn

    def nobody(view, seed=0, record=None, progress=None):
        class Fitted:
            passes = 1

            def logits(self, of):
                return np.zeros((len(of), len(of.classes)), np.float32)

        return Fitted()

    the_view._students = lambda name, **params: nobody
    order = trusted_coverage.select(the_view, budget, feedback=feedback)
    assert len(set(order.tolist())) == budget
    present = np.bincount(the_view.labels)
    kept = np.bincount(the_view.labels[order], minlength=len(present))
    if budget >= (present > 0).sum():
        assert (kept[present > 0] > 0).all()
    else:
        assert kept.max() == 1
    if budget <= len(the_view) / 2:  # every class has half of its items to give
        assert (np.abs(kept - budget * present / len(the_view)) <= (present > 0).sum()).all()
