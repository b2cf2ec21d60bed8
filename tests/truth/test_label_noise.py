"""The label-noise model against data it is true of, and its parts against loops written from their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from curation.maths.label_noise.anchors import SURE, judge
from curation.maths.label_noise.noise import bayes, confusions
from curation.maths.label_noise.small_classes import too_small
from curation.maths.label_noise.suspects import suspects
from curation.maths.label_noise.votes import distinct, vote_weights, votes

MIXED = np.array([[0.9, 0.1, 0.0], [0.0, 0.7, 0.3], [0.05, 0.05, 0.9]])


def posterior(prior, labels):
    """(p(true class | item, given label), p(given | true))."""
    mixed = confusions(prior, labels)
    return bayes(prior, labels, mixed), mixed


def drawn(n: int, mixed: np.ndarray, seed: int = 0):
    """prior [n, C], true class and given label, drawn from the model: class from the prior, label from its row."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.full(len(mixed), 0.3), size=n)
    truth = (prior.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return prior, truth, (mixed[truth].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def uniform(classes: int, share: float) -> np.ndarray:
    """[C, C]: a share of every class's labels goes to the others, to each as often."""
    return np.full((classes, classes), share / (classes - 1)) + (1 - share - share / (classes - 1)) * np.eye(classes)


def too_sure(prior: np.ndarray, power: float = 2.0) -> np.ndarray:
    """What multiplying an opinion by itself makes of it."""
    made = prior**power
    return made / made.sum(axis=1, keepdims=True)


# -- expectation maximisation ---------------------------------------------------------------------------------------


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
    assert judge(np.ones((4, 1)), np.zeros(4, int), np.arange(4), np.arange(4)).wrong.tolist() == [0.0] * 4


def test_an_opinion_of_zero_everywhere_says_nothing():
    after, _ = posterior(np.array([[0.0, 0.0], [0.9, 0.1], [0.1, 0.9]]), np.array([0, 0, 1]))
    assert np.isfinite(after).all()


# -- anchors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_of_opinions_twice_too_sure_the_temperature_and_the_number_of_mistakes_are_found(share):
    prior, truth, given = drawn(20_000, uniform(6, share))
    found = judge(too_sure(prior), given, np.arange(20_000), np.arange(20_000))
    assert found.temperature == pytest.approx(0.5, abs=0.1)
    assert found.wrong.sum() == pytest.approx((truth != given).sum(), rel=0.25)
    for low, high in ((0.05, 0.2), (0.4, 0.6), (0.9, 1.01)):
        here = (found.wrong >= low) & (found.wrong < high)
        assert (truth != given)[here].mean() == pytest.approx(found.wrong[here].mean(), abs=0.1)


def test_clean_labels_and_opinions_too_sure_give_no_mistakes_where_fitting_alone_gives_many():
    prior, truth, _ = drawn(20_000, np.eye(6))
    opinion = too_sure(prior)
    alone = 1 - posterior(opinion, truth)[0][np.arange(20_000), truth]
    found = judge(opinion, truth, np.arange(20_000), np.arange(20_000))
    assert (alone > SURE).mean() > 0.03
    assert (found.wrong > SURE).mean() < 0.002
    assert found.wrong.mean() < 0.01


def test_opinions_that_are_right_about_themselves_stay_as_they_are():
    prior, _, given = drawn(5_000, uniform(4, 0.2))
    found = judge(prior, given, np.arange(5_000), np.arange(5_000))
    assert found.temperature == 1.0
    after = posterior(prior, given)[0]
    assert np.allclose(found.wrong, 1 - after[np.arange(5_000), given], atol=0.04)


def test_twenty_items_are_too_few_to_say_that_opinions_are_too_sure():
    prior, _, given = drawn(20, uniform(2, 0.1))
    assert judge(too_sure(prior), given, np.arange(20), np.arange(20)).temperature == 1.0


def test_the_order_is_that_of_the_sharp_opinions_and_the_values_those_of_the_soft_ones():
    prior, _, given = drawn(3_000, uniform(5, 0.3))
    opinion = too_sure(prior)
    found = judge(opinion, given, np.arange(3_000), np.arange(3_000))
    each = np.arange(3_000)

    def bayes(of):
        joint = of * found.mixing[:, given].T
        return 1 - joint[each, given] / joint.sum(axis=1)

    soft = opinion**found.temperature
    assert np.allclose(np.sort(found.wrong), np.sort(bayes(soft / soft.sum(axis=1, keepdims=True))), atol=1e-9)
    sharp = bayes(opinion)
    order = np.argsort(sharp)
    apart = np.diff(sharp[order]) > 1e-12
    assert (np.diff(found.wrong[order])[apart] >= 0).all()


def test_the_order_of_the_rows_changes_nothing():
    prior, _, given = drawn(500, uniform(3, 0.2))
    opinion, other = np.repeat(prior[:250], 2, axis=0), np.random.default_rng(1).permutation(500)
    first = judge(opinion, given, np.arange(500), np.arange(500)).wrong
    assert np.allclose(
        judge(opinion[other], given[other], np.arange(500), np.arange(500)).wrong, first[other], atol=1e-9
    )


# -- votes ------------------------------------------------------------------------------------------------------------


def weights_by_hand(indices, labels, groups):
    made = np.zeros(indices.shape)
    for i, row in enumerate(indices):
        others = len({groups[j] for j in range(len(labels)) if labels[j] == labels[i]}) - 1
        asked = []  # contents, nearest first
        for j in row:
            if j >= 0 and groups[j] != groups[i] and groups[j] not in asked:
                asked.append(groups[j])
        for place, j in enumerate(row):
            if j >= 0 and groups[j] in asked[:others]:
                made[i, place] = 1 / sum(groups[h] == groups[j] for h in row if h >= 0)
    return made


def test_of_every_group_and_label_the_first_row_is_found():
    rng = np.random.default_rng(0)
    labels, groups = rng.integers(0, 4, 300), rng.integers(-3, 40, 300)
    seen: dict[tuple[int, int], int] = {}
    for row, pair in enumerate(zip(labels.tolist(), groups.tolist(), strict=True)):
        seen.setdefault(pair, row)
    assert distinct(labels, groups).tolist() == sorted(seen.values())
    assert distinct(labels[:0], groups[:0]).tolist() == []


def test_each_different_neighbour_has_one_vote_and_no_more_are_asked_than_the_class_has_members():
    rng = np.random.default_rng(0)
    groups = rng.integers(25, size=60)
    labels = np.minimum(rng.geometric(0.4, size=60) - 1, 5)
    # Copies are as near as each other, so they stand side by side.
    near = [rng.permutation(25) for _ in range(60)]
    indices = np.array([[j for g in near[i] for j in np.flatnonzero(groups == g) if j != i][:12] for i in range(60)])
    indices[rng.random(indices.shape) < 0.1] = -1
    by_hand = weights_by_hand(indices, labels, groups)
    assert (by_hand == 0.5).any()
    assert (by_hand.sum(axis=1) < 3).any()
    np.testing.assert_allclose(vote_weights(indices, labels, groups), by_hand)
    counted = np.full((60, 6), 0.5)
    for i in range(60):
        for place, j in enumerate(indices[i]):
            counted[i, labels[j]] += by_hand[i, place]
    np.testing.assert_allclose(votes(indices, labels, groups, 6), counted / counted.sum(axis=1, keepdims=True))


# -- small classes and suspects ---------------------------------------------------------------------------------------


def test_a_small_class_is_judged_where_half_of_it_is_recognised_and_a_large_one_always():
    labels = np.repeat([0, 1, 2, 3, 4], [30, 11, 11, 2, 4])
    seen = np.concatenate([np.full(30, 1), [1] * 6 + [0] * 5, [2] * 5 + [0] * 6, [3, 3], [4] * 4])
    groups = np.arange(len(labels))
    assert too_small(np.eye(5)[seen], labels, groups).tolist() == [2, 3]
    groups[-4:] = groups[-1]  # four copies are one item
    assert too_small(np.eye(5)[seen], labels, groups).tolist() == [2, 3, 4]


def test_no_class_loses_more_than_half_of_its_items():
    wrong = np.array([0.9, 0.8, 0.7, 0.2, 0.9, 0.1])
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert suspects(wrong, labels).tolist() == [True, True, False, False, True, False]


def test_a_model_fitted_to_some_of_the_items_judges_all_as_one_fitted_to_all(monkeypatch):
    from curation.maths.label_noise import anchors

    prior, _, given = drawn(8_000, uniform(4, 0.1))
    each = np.arange(8_000)
    whole = judge(too_sure(prior), given, each, each)
    monkeypatch.setattr(anchors, "_FITTED", 4_000)
    some = judge(too_sure(prior), given, each, each)
    assert abs(some.wrong.mean() - whole.wrong.mean()) < 0.02
    assert np.corrcoef(some.wrong, whole.wrong)[0, 1] > 0.99
