"""How many labels are expected to be wrong: by the scores, and by what a person answered so far."""

import numpy as np
import pytest
from scipy.stats import beta

from curation.ui.review.outlook import expect, outlook
from tests.unit.test_queue import doubt, made, now


def test_before_any_answer_it_is_the_sum_of_the_scores():
    told = expect(np.array([0.95, 0.9, 0.6, 0.55]), np.array([]), 0, 0)
    assert told.expected == pytest.approx(3.0)
    assert str(told) == "About 3 of these 4 labels are expected to be wrong"


def test_answers_to_equal_scores_give_the_beta_posterior_itself():
    """All scores .8: the share of mistakes among the rest is the share among the answers, a Beta posterior."""
    told = expect(np.full(50, 0.8), np.full(20, 0.8), right=14, wrong=6)
    share = beta(4 * 0.8 + 6, 4 * 0.2 + 14)
    assert told.expected == pytest.approx(6 + 50 * share.mean())
    assert (told.low, told.high) == pytest.approx(tuple(6 + 50 * share.ppf((0.05, 0.95))))


def test_answers_to_the_most_suspicious_say_less_of_the_others():
    """The scores said nine in ten. Ten of ten right: the rest, at six in ten, is expected to be right as well. Ten of
    ten wrong: not all others are."""
    others = np.full(30, 0.6)
    before = expect(others, np.array([]), 0, 0).expected
    bad, good = (expect(others, np.full(10, 0.9), right=10 - wrong, wrong=wrong) for wrong in (0, 10))
    assert bad.expected < 0.2 * before
    assert before < good.expected - 10 < 30


def test_the_range_holds_the_truth_nine_times_in_ten():
    """Scores too high by one in log-odds; the 40 most suspicious of 150 are answered."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(200):
        scores = np.sort(rng.beta(2, 1, 150))[::-1]
        wrong = rng.random(150) < 1 / (1 + np.exp(1 - np.log(scores / (1 - scores))))
        told = expect(scores[40:], scores[:40], right=int((~wrong[:40]).sum()), wrong=int(wrong[:40].sum()))
        # The number of the rest is drawn itself, which the range does not count: half of its spread is added.
        inside += told.low - 4 <= wrong.sum() <= told.high + 4
    assert 0.85 <= inside / 200 <= 1


def test_a_surprise_among_the_surest_moves_the_others_by_little():
    told = expect(np.full(66, 0.9), np.full(7, 0.999), right=2, wrong=5)
    assert 0.5 < (told.expected - 5) / 66 < 0.9


def test_without_a_surprise_nothing_moves():
    told = expect(np.full(50, 0.99), np.full(20, 0.95), right=1, wrong=19)
    assert told.expected == pytest.approx(19 + 50 * 0.99, abs=0.5)


def test_the_range_narrows_with_the_answers():
    few, many = (expect(np.full(100, 0.7), np.full(n, 0.7), right=n // 2, wrong=n // 2) for n in (4, 40))
    assert many.high - many.low < (few.high - few.low) / 1.5


def test_one_answer_is_said_in_the_singular():
    assert str(expect(np.full(3, 0.9), np.array([0.9]), 0, 1)).startswith("1 of the 1 labels you judged was wrong;")


def test_extreme_answers_stay_within_the_queue():
    told = expect(np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0]), right=2, wrong=0)
    assert 0 <= told.low <= told.expected <= told.high <= 3


# -- from what the analysis found ------------------------------------------------------------------------------


def found(**changes):
    flags = {"one": doubt([0.9, 0.8, 0.7, 0.1], [1, 1, 1, 0], tags=("mislabel", "calibrated"))}
    return made(["cat"] * 4, flags, **changes)


def test_relabelled_counts_as_wrong_and_confirmed_as_right():
    told = outlook(found(), now(found(), ("a", "relabel", "dog"), ("b", "confirm")), np.array([0, 1, 2]))
    assert (told.total, told.answered, told.wrong) == (3, 2, 1)


def test_a_dropped_item_says_nothing_of_labels():
    told = outlook(found(), now(found(), ("a", "drop")), np.array([0, 1, 2]))
    assert (told.total, told.answered) == (2, 0)


def test_answers_the_analysis_knows_by_now_go_on_counting():
    later = found(known={"a": "dog"})
    told = outlook(later, now(later, ("a", "relabel", "dog"), ("b", "confirm")), np.array([1, 2]))
    assert (told.answered, told.wrong) == (2, 1)
    assert told.total == 3


def test_without_a_calibrated_flag_nothing_is_said():
    plain = made(["cat"] * 2, {"one": doubt([0.9, 0.8], [1, 1])})
    assert outlook(plain, now(plain), np.array([0, 1])) is None
