"""Flags against cleanlab called directly, and against loops written from the formulas."""

import numpy as np
import pytest

from curation.data.results import Neighbours
from curation.data.view import View
from curation.errors import InputError
from curation.methods.flags import confident_learning, conflicting_labels, duplicates, knn_vote, outliers
from tests import toy

# -- confident learning ---------------------------------------------------------------------------------------

RULES = [
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_normalized_margin",
    "low_self_confidence",
]


def noisy(n=200, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    lean = 1.5 * np.eye(classes)[labels] + rng.normal(size=(n, classes))
    labels[:20] = (labels[:20] + 1) % classes
    return View.of(labels=labels, probabilities=toy.softmax(lean))


@pytest.mark.parametrize("rule", RULES)
def test_confident_learning_flags_what_cleanlab_flags(rule):
    from cleanlab.filter import find_label_issues

    view = noisy()
    made = confident_learning.flag(view, filter_by=rule)
    expected = find_label_issues(view.labels, view.probabilities, filter_by=rule)
    assert expected.any()
    assert np.array_equal(made.flagged, expected)
    guess = view.probabilities.argmax(axis=1)
    assert np.array_equal(made.suggested, np.where(expected & (guess != view.labels), guess, -1))


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@pytest.mark.parametrize("limit", [{"frac_noise": 0.5}, {"min_examples_per_class": 45}])
@pytest.mark.parametrize("rule", RULES[:3])
def test_the_limits_of_the_prune_rules_are_cleanlabs(rule, limit):
    from cleanlab.filter import find_label_issues

    view = noisy()
    made = confident_learning.flag(view, filter_by=rule, **limit)
    assert np.array_equal(made.flagged, find_label_issues(view.labels, view.probabilities, filter_by=rule, **limit))
    assert 0 < made.flagged.sum() < confident_learning.flag(view, filter_by=rule).flagged.sum()


@pytest.mark.parametrize("limit", [{"frac_noise": 0.5}, {"min_examples_per_class": 2}])
@pytest.mark.parametrize("rule", RULES[3:])
def test_other_rules_refuse_these_limits_in_words(rule, limit):
    with pytest.raises(InputError, match="limits the prune rules only"):
        confident_learning.flag(noisy(), filter_by=rule, **limit)


@pytest.mark.parametrize(
    ("quality", "adjust"),
    [("self_confidence", False), ("self_confidence", True), ("normalized_margin", True), ("normalized_margin", False)],
)
def test_the_score_is_one_minus_the_label_quality(quality, adjust):
    view = noisy()
    p, y = view.probabilities, view.labels
    if adjust:  # p - t + max(t), rows rescaled to sum to one; t = mean own probability of each class
        bar = np.array([p[y == c, c].mean() for c in range(4)])
        p = p - bar + bar.max()
        p = p / p.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    own = p[rows, y]
    rest = p.copy()
    rest[rows, y] = -1
    fits = own if quality == "self_confidence" else (own - rest.max(axis=1) + 1) / 2
    made = confident_learning.flag(view, quality=quality, adjust=adjust)
    np.testing.assert_allclose(made.score, 1 - fits, atol=1e-9)


def test_confidence_weighted_entropy_follows_its_formula_and_cannot_be_adjusted():
    view = noisy()
    p, y = view.probabilities, view.labels
    entropy = -(p * np.log(p)).sum(axis=1) / np.log(4)
    u = entropy / p[np.arange(len(y)), y]
    made = confident_learning.flag(view, quality="confidence_weighted_entropy")
    np.testing.assert_allclose(made.score, 1 - np.log(u + 1) / u, atol=1e-6)
    with pytest.raises(InputError, match="confidence_weighted_entropy"):
        confident_learning.flag(view, quality="confidence_weighted_entropy", adjust=True)


def test_one_class_is_refused_in_words():
    with pytest.raises(InputError, match="the same label"):
        confident_learning.flag(View.of(labels=np.zeros(3, int), probabilities=np.ones((3, 1))))


# -- k-NN vote ------------------------------------------------------------------------------------------------


def vote_by_hand(indices, distances, labels, groups, k, weights, even):
    score, suggested = [], []
    for i in range(len(labels)):
        votes, asked = {}, []
        others = len({groups[j] for j in range(len(labels)) if labels[j] == labels[i]}) - 1
        row = [(j, d) for j, d in list(zip(indices[i], distances[i], strict=True))[:k] if j >= 0]
        for j, d in row:
            if groups[j] == groups[i] or (groups[j] not in asked and len(asked) == others):
                continue
            asked += [groups[j]] if groups[j] not in asked else []
            w = {"uniform": 1.0, "similarity": max(1 - float(d), 0), "softmax": np.exp((1 - float(d)) / 0.07)}[weights]
            w /= sum(groups[h] == groups[j] for h, _ in row)  # copies share one vote
            votes[labels[j]] = votes.get(labels[j], 0) + w / (np.sum(labels == labels[j]) if even else 1)
        total = sum(votes.values())
        best = max(sorted(votes), key=votes.get) if total else labels[i]
        share = votes.get(labels[i], 0) / total if total else 1.0
        won = total and best != labels[i] and votes[best] / total >= 0.5 - 1e-12
        score.append(1 - share)
        suggested.append(best if won else -1)
    return np.array(score), np.array(suggested)


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("weights", ["uniform", "similarity", "softmax"])
def test_the_vote_is_the_one_counted_by_hand(weights, even):
    rng = np.random.default_rng(2)
    labels = rng.choice(3, size=60, p=[0.55, 0.25, 0.2])
    x = 0.8 * np.eye(3)[labels] + rng.normal(size=(60, 3))
    x[1], x[5] = x[0], x[4]
    labels[[0, 1]], labels[[4, 5]] = [0, 1], [2, 2]
    groups = np.arange(60)
    groups[[1, 5]] = [0, 4]
    graph = toy.neighbours(x, 15)
    view = View.of(neighbours=graph, labels=labels, groups=groups)
    made = knn_vote.flag(view, k=14, weights=weights, even=even)
    score, suggested = vote_by_hand(graph.indices, graph.distances, labels, groups, 14, weights, even)
    assert not made.notes
    assert 5 < made.flagged.sum() < 40
    np.testing.assert_allclose(made.score, score, atol=1e-6)
    assert np.array_equal(made.suggested, suggested)
    assert np.array_equal(made.flagged, suggested >= 0)


def test_a_class_of_one_or_two_is_named_and_not_judged():
    x = np.random.default_rng(0).normal(size=(20, 3))
    labels = np.array([0] * 17 + [1, 1, 2])
    view = View.of(neighbours=toy.neighbours(x, 10), labels=labels, groups=np.arange(20), classes=["a", "b", "c"])
    made = knn_vote.flag(view)
    assert not made.flagged[-3:].any()
    assert made.score[-3:].tolist() == [0.0] * 3
    assert made.notes == ("2 classes are too small to judge, so none of their labels is flagged: b, c.",)


# -- conflicting labels -----------------------------------------------------------------------------------------------


def test_conflicts_among_copies_are_those_counted_by_hand():
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(3, size=80), rng.integers(30, size=80)
    made = conflicting_labels.flag(View.of(labels=labels, copies=groups))
    for i in range(80):
        copies = [labels[j] for j in range(80) if groups[j] == groups[i]]
        counts = sorted(((copies.count(name), name) for name in set(copies)), reverse=True)
        winner = counts[0][1] if len(counts) == 1 or counts[0][0] > counts[1][0] else -1
        assert made.score[i] == pytest.approx(1 - copies.count(labels[i]) / len(copies))
        assert made.flagged[i] == (len(counts) > 1 and labels[i] != winner)
        assert made.suggested[i] == (winner if made.flagged[i] else -1)
    assert (made.suggested[made.flagged] == -1).any()
    assert (made.suggested >= 0).any()


def test_two_copies_that_disagree_are_both_flagged_and_the_neighbours_say_which_is_wrong():
    graph = Neighbours(np.array([[1, 2, 3], [0, 2, 3], [3, 4, 1], [2, 4, 1], [2, 3, 1]]), np.full((5, 3), 0.1))
    same = np.array([7, 7, 8, 9, 10])
    view = View.of(neighbours=graph, labels=np.array([0, 1, 1, 1, 1]), groups=same, copies=same)
    made = conflicting_labels.flag(view)
    assert made.flagged.tolist() == [True, True, False, False, False]
    assert made.suggested.tolist() == [-1] * 5
    assert not knn_vote.flag(view, k=3).flagged[1]


# -- duplicates -----------------------------------------------------------------------------------------------


def pictures(n):
    return np.array(["image"] * n, dtype=object)


def test_of_texts_only_exact_copies_count_however_close_their_embeddings():
    x = np.ones((4, 3)) + 1e-4 * np.eye(4, 3)  # "transfer from my account", "transfer to my account"
    given = {"neighbours": toy.neighbours(x, 2), "labels": np.zeros(4, int), "copies": np.array([0, 1, 2, 0])}
    found = duplicates.flag(View.of(**given, kinds=np.array(["text"] * 4, dtype=object)), share=1.0)
    assert found.duplicate_of.tolist() == [-1, -1, -1, 0]
    assert found.score.tolist() == [1, 0, 0, 1]
    assert duplicates.flag(View.of(**given, kinds=pictures(4)), share=1.0).flagged.sum() == 3


def test_exact_copies_are_grouped_and_the_first_with_the_common_label_is_kept():
    graph = toy.neighbours(np.random.default_rng(0).normal(size=(7, 5)), 3)
    groups, labels = np.array([0, 1, 0, 2, 0, 1, 3]), np.array([1, 0, 0, 0, 0, 0, 0])
    made = duplicates.flag(View.of(neighbours=graph, labels=labels, copies=groups, kinds=pictures(7)), within=0)
    assert made.duplicate_of.tolist() == [2, -1, -1, -1, 2, 1, -1]  # row 0 is outvoted by rows 2 and 4
    assert np.array_equal(made.flagged, made.duplicate_of >= 0)
    assert (made.score[[0, 1, 2, 4, 5]] == 1).all()
    assert (made.score[[3, 6]] < 1).all()


def groups_by_hand(indices, distances, groups, limit):
    """Union of everything near or equal, by repeated relabelling."""
    name = list(range(len(groups)))
    changed = True
    while changed:
        changed = False
        for i in range(len(groups)):
            linked = [j for j, d in zip(indices[i], distances[i], strict=True) if j >= 0 and d <= limit]
            linked += [j for j in range(len(groups)) if groups[j] == groups[i]]
            for j in linked:
                low = min(name[i], name[j])
                if name[i] != low or name[j] != low:
                    name[i] = name[j] = low
                    changed = True
    return name


def test_near_copies_are_the_connected_groups_found_by_hand():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(80, 6))
    x[40:50] = x[:10] + 0.01 * rng.normal(size=(10, 6))
    x[50:55] = x[40:45] + 0.01 * rng.normal(size=(5, 6))  # copies of copies
    groups = np.arange(80)
    groups[79] = 3
    graph = toy.neighbours(x, 5)
    view = View.of(neighbours=graph, labels=np.zeros(80, int), copies=groups, kinds=pictures(80))
    made = duplicates.flag(view, within=0.001, share=1.0)
    assert np.median(graph.distances[:, 0]) > 0.001  # so that `within` is the rule that decides
    name = groups_by_hand(graph.indices, graph.distances, groups, 0.001)
    expected = [-1 if name[i] == i else name[i] for i in range(80)]  # all labels equal: the lowest row is kept
    assert made.duplicate_of.tolist() == expected
    assert 15 < sum(made.flagged) < 25


def test_a_near_copy_must_also_be_near_for_this_data():
    line = np.stack([np.cos(a := np.linspace(0, 0.5, 40)), np.sin(a)], axis=1)  # evenly close: nobody is a copy
    graph = toy.neighbours(line, 5)
    view = View.of(neighbours=graph, labels=np.zeros(40, int), copies=np.arange(40), kinds=pictures(40))
    assert graph.distances[:, 0].max() < 0.001
    assert not duplicates.flag(view, within=0.02).flagged.any()
    assert duplicates.flag(view, within=0.02, share=1.0).flagged.any()


# -- outliers -------------------------------------------------------------------------------------------------


def test_outliers_are_those_of_cleanlab():
    from cleanlab.datalab.datalab import Datalab

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=(150, 5)) + 4, [[-9, 3, -2, 5, 1], [2, -8, 1, 0, -7]]])
    lab = Datalab({"y": [0, 1] * 76}, label_name="y", verbosity=0)
    lab.find_issues(features=x, issue_types={"outlier": {"k": 10, "metric": "cosine"}})
    theirs = lab.get_issues("outlier")
    ours = outliers.flag(View.of(neighbours=toy.neighbours(x, 12)), k=10)
    assert ours.flagged[-2:].all()
    assert np.array_equal(ours.flagged, theirs["is_outlier_issue"].to_numpy())
    np.testing.assert_allclose(1 - ours.score, theirs["outlier_score"], atol=1e-4)
