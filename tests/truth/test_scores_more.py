"""Scores from probabilities, embeddings and neighbours, against cleanlab, scikit-learn and loops from the formulas."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import per_class_zscore
from curation.methods.scores import clip_alignment, knn_shapley, memorization, prototype_distance
from tests import toy

# -- memorization ---------------------------------------------------------------------------------------------


def test_memorization_is_what_seeing_an_item_adds_to_its_label():
    rng = np.random.default_rng(0)
    out, seen, labels = rng.dirichlet(np.ones(4), 50), rng.dirichlet(np.ones(4), 50), rng.integers(4, size=50)
    view = View.of(probabilities=out, in_fold=seen, labels=labels)
    slow = [seen[i][y] - out[i][y] for i, y in enumerate(labels)]
    assert memorization.score(view).tolist() == slow
    right = [int(max(seen[i]) == seen[i][y]) - int(max(out[i]) == out[i][y]) for i, y in enumerate(labels)]
    assert memorization.score(view, measure="correctness").tolist() == right


def test_a_label_that_can_only_be_learnt_by_heart_is_the_most_memorised():
    """A real student on three clouds with planted mistakes, through the evidence itself."""
    from functools import partial

    from curation.methods.evidence import probabilities
    from curation.methods.students import head

    given = toy.arrays()
    view = View.of(
        embeddings=np.hstack([given["embeddings"], np.eye(toy.N, dtype=np.float32)]),  # a column each to learn by heart
        labels=given["labels"],
        groups=np.arange(toy.N),
        students={"head": partial(head.train, device="cpu", l2=0)},
    )
    found, _ = probabilities.gather(view, rng=np.random.default_rng(0))
    made = memorization.score(View.of(probabilities=found.values, in_fold=found.in_fold, labels=given["labels"]))
    clean = np.delete(made, toy.MISTAKES)
    assert (made[toy.MISTAKES][:, None] > clean).mean() > 0.95


# -- k-NN Shapley ---------------------------------------------------------------------------------------------


def labelled_cloud(n=120, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(n, 5)), rng.integers(classes, size=n)
    x[:, 0] += 3 * labels
    return x, labels


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_knn_shapley_is_the_shapley_value_itself(k):
    """By its definition: what an item adds to the vote of the k nearest, averaged over all orders of arrival."""
    rng = np.random.default_rng(3)
    others = 5
    x, labels = rng.normal(size=(others + 1, 3)), np.array([0, 1, 0, 1, 1, 0])
    graph = toy.neighbours(x, others)
    expected = np.zeros(others + 1)
    for i in range(others + 1):

        def value(coalition, i=i):
            ranked = [j for j in graph.indices[i] if j in coalition]
            return sum(labels[j] == labels[i] for j in ranked[:k]) / k

        orders = list(itertools.permutations(j for j in range(others + 1) if j != i))
        for order in orders:
            for at, j in enumerate(order):
                expected[j] += (value(order[: at + 1]) - value(order[:at])) / len(orders)
    np.testing.assert_allclose(knn_shapley.score(View.of(embeddings=x, labels=labels), k=k), -expected, atol=1e-9)


def test_knn_shapley_in_blocks_is_the_published_recursion(monkeypatch):
    monkeypatch.setattr(knn_shapley, "_BLOCK", 500)  # four items at a time
    x, labels = labelled_cloud()
    n, k = len(labels), 10
    expected = np.zeros(n)
    for i, near in enumerate(toy.neighbours(x, n - 1).indices):
        match = labels[near] == labels[i]
        worth = match[-1] / (n - 1)
        expected[near[-1]] += worth
        for place in range(n - 2, 0, -1):  # from 1, as in theorem 1
            worth += (float(match[place - 1]) - match[place]) / k * min(k, place) / place
            expected[near[place - 1]] += worth
    np.testing.assert_allclose(knn_shapley.score(View.of(embeddings=x, labels=labels), k=k), -expected, atol=1e-9)


def test_an_item_that_stands_among_strangers_is_harmful():
    x, labels = labelled_cloud()
    labels[0] = (labels[0] + 1) % 3
    made = knn_shapley.score(View.of(embeddings=x, labels=labels))
    assert made[0] > np.quantile(made, 0.9)


# -- CLIP alignment -------------------------------------------------------------------------------------------


def cosine(a, b) -> float:
    return float(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))


@pytest.mark.parametrize("measure", ["similarity", "margin", "probability"])
def test_clip_alignment_follows_its_formula(measure):
    rng = np.random.default_rng(1)
    x, names, labels = rng.normal(size=(40, 7)), rng.normal(size=(3, 7)), rng.integers(3, size=40)

    def slow(i, y):
        all_ = [cosine(x[i], name) for name in names]
        if measure == "similarity":
            return 1 - all_[y]
        if measure == "margin":
            return max(v for c, v in enumerate(all_) if c != y) - all_[y]
        powers = [math.exp(100 * (v - max(all_))) for v in all_]
        return 1 - powers[y] / sum(powers)

    view = View.of(embeddings=x, class_embeddings=names, labels=labels)
    expected = np.array([slow(i, y) for i, y in enumerate(labels)])
    np.testing.assert_allclose(clip_alignment.score(view, measure=measure, within_class=False), expected, atol=2e-5)
    for c in range(3):
        own = expected[labels == c]
        made = clip_alignment.score(view, measure=measure)[labels == c]
        np.testing.assert_allclose(made, (own - own.mean()) / own.std(), atol=1e-3)


def test_a_class_whose_name_fits_badly_does_not_make_all_of_its_items_suspicious():
    x = np.concatenate([np.tile([1.0, 0.1], (10, 1)), np.tile([0.3, 1.0], (10, 1))])
    x += 0.01 * np.random.default_rng(0).normal(size=x.shape)
    x[0] = x[15]  # the one wrong label
    labels, names = np.repeat([0, 1], 10), np.array([[1.0, 0.0], [1.0, 0.8]])
    view = View.of(embeddings=x, class_embeddings=names, labels=labels)
    assert clip_alignment.score(view, measure="similarity").argmax() == 0
    assert (clip_alignment.score(view, measure="similarity")[10:] < 2.5).all()


def test_clip_alignment_says_when_pictures_and_names_cannot_be_compared():
    view = View.of(embeddings=np.ones((3, 4)), class_embeddings=np.ones((2, 5)), labels=np.array([0, 1, 0]))
    with pytest.raises(InputError, match="4 dimensions and class names 5"):
        clip_alignment.score(view)
    alone = View.of(embeddings=np.ones((3, 4)), class_embeddings=np.ones((1, 4)), labels=np.zeros(3, int))
    with pytest.raises(InputError, match="choose similarity"):
        clip_alignment.score(alone)
    assert clip_alignment.score(alone, measure="similarity").tolist() == [0, 0, 0]


def test_standardised_values_have_mean_zero_and_deviation_one_in_every_class_that_varies():
    rng = np.random.default_rng(0)
    values, codes = rng.normal(5, 2, size=300), rng.choice([0, 2, 5], size=300)
    values[codes == 2] = 0.1 + 1e-9 * values[codes == 2]
    made = per_class_zscore(values, codes)
    for c in (0, 5):
        assert made[codes == c].mean() == pytest.approx(0, abs=1e-12)
        assert made[codes == c].std() == pytest.approx(1)
    assert (made[codes == 2] == 0).all()


# -- prototypes -----------------------------------------------------------------------------------------------


def test_prototype_distance_is_that_to_the_nearest_centre_of_a_clustering_as_good_as_scikit_learns():
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    x = (np.repeat(rng.normal(size=(6, 8)), 40, axis=0) + 0.3 * rng.normal(size=(240, 8))).astype(np.float32)
    ball = x / np.linalg.norm(x, axis=1, keepdims=True)
    made = prototype_distance.score(View.of(embeddings=x), rng=np.random.default_rng(0), clusters=6)
    theirs = KMeans(6, n_init=10, random_state=0).fit(ball)
    centres = theirs.cluster_centers_ / np.linalg.norm(theirs.cluster_centers_, axis=1, keepdims=True)
    distance = 1 - (ball @ centres.T).max(axis=1)
    assert made.mean() <= distance.mean() * 1.01
    np.testing.assert_allclose(made, distance, atol=0.02)


def test_prototype_distance_to_the_own_class_is_that_to_its_mean_direction():
    given = toy.arrays()
    x, labels = given["embeddings"].astype(float), given["labels"]
    made = prototype_distance.score(toy.view(), rng=np.random.default_rng(0), of="class")
    for i in range(toy.N):
        mean = np.mean([x[j] / math.sqrt(x[j] @ x[j]) for j in range(toy.N) if labels[j] == labels[i]], axis=0)
        assert made[i] == pytest.approx(1 - cosine(x[i], mean), abs=1e-5)
    assert made[toy.MISTAKES].min() > np.delete(made, toy.MISTAKES).max()


def test_clusters_need_no_labels():
    class Unlabelled(View):
        @property
        def labels(self):
            raise AssertionError("nobody asked for labels")

    given = toy.arrays()
    view = Unlabelled({"embeddings": lambda rows: given["embeddings"][rows]}, np.arange(toy.N), classes="abc")
    assert len(prototype_distance.score(view, rng=np.random.default_rng(0))) == toy.N
