"""Intervals over test items and seeds, against scipy, analysis of variance by its definition, and simulation."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from curation.maths.uncertainty import accuracy, difference, holm, needed, over_seeds


def answers(rng, seeds, items, mean, by_item=1.0, by_seed=0.0, rest=0.0, hard=None):
    """bool [seeds, items] with effects of items, seeds and chance on a normal scale; and the accuracy to expect."""
    hard = rng.normal(size=items) if hard is None else hard
    x = mean + by_item * hard + by_seed * rng.normal(size=(seeds, 1)) + rest * rng.normal(size=(seeds, items))
    return x > 0, stats.norm.cdf(mean / np.sqrt(by_item**2 + by_seed**2 + rest**2))


def mean_squares(x):
    """Of items, seeds and the rest, of a table [seeds, items]."""
    seeds, items = x.shape
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    return (
        seeds * x.mean(axis=0).var(ddof=1),
        items * x.mean(axis=1).var(ddof=1),
        (rest**2).sum() / ((seeds - 1) * (items - 1)),
    )


def test_one_seed_has_the_t_interval_of_its_items_with_two_right_and_two_wrong_ones_added():
    right = np.random.default_rng(0).random(359) < 0.95
    low, high = accuracy(right[None]).interval()
    expected = stats.ttest_1samp([*right.astype(float), 0, 0, 1, 1], 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_seeds_that_all_answer_alike_count_as_one():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 200)) < [[0.9], [0.8]]
    found = difference(np.stack([a] * 4), np.stack([b] * 4))
    gains = [*(a.astype(float) - b), -1, 1]
    expected = stats.ttest_1samp(gains, 0, alternative="greater")
    assert found.same
    assert found.p_above() == pytest.approx(expected.pvalue)
    assert found.interval() == pytest.approx(tuple(stats.ttest_1samp(gains, 0).confidence_interval(0.95)))


@pytest.mark.parametrize("by_seed", [0.0, 0.5])
def test_the_error_is_that_of_a_two_way_analysis_of_variance(by_seed):
    rng = np.random.default_rng(2)
    a, _ = answers(rng, 5, 300, 1.0, by_seed=by_seed, rest=0.5)
    b, _ = answers(rng, 5, 300, 0.8, by_seed=by_seed, rest=0.5)
    for found, table, added in (
        (accuracy(a), a.astype(float), (0, 0, 1, 1)),
        (difference(a, b), a.astype(float) - b, (-1, 1)),
    ):
        items, seeds, rest = mean_squares(np.concatenate([table, np.tile(added, (5, 1))], axis=1))
        m = 300 + len(added)
        assert found.error**2 == pytest.approx((items + max(seeds - rest, 0)) / (5 * m))
        assert found.value == pytest.approx(table.mean())
        if seeds > rest:
            df = (items + seeds - rest) ** 2 / (seeds**2 / 4 + items**2 / (m - 1))
            assert found.df == pytest.approx(df)
            assert found.interval() == pytest.approx(stats.t.interval(0.95, df, found.centre, found.error))


def test_resampling_items_gives_the_same_error():
    rng = np.random.default_rng(3)
    a, b = answers(rng, 1, 2000, 1.0)[0], answers(rng, 1, 2000, 0.9)[0]
    gains = (a.astype(float) - b)[0]
    drawn = stats.bootstrap([gains], np.mean, n_resamples=2000, rng=rng, method="percentile")
    assert difference(a, b).error == pytest.approx(drawn.standard_error, rel=0.05)
    assert difference(a, b).interval() == pytest.approx(tuple(drawn.confidence_interval), abs=0.003)


@pytest.mark.parametrize(("mean", "by_seed"), [(1.5, 0.0), (1.5, 0.3), (3.4, 0.1)])
def test_intervals_of_three_seeds_cover_the_truth(mean, by_seed):
    """Resampling items and seeds covers 0.88, 0.87 and 0.68 of the last two (`python -m benchmarks.intervals`)."""
    rng, inside = np.random.default_rng(4), []
    for _ in range(500):
        hard = rng.normal(size=359)
        a, truth = answers(rng, 3, 359, mean, by_seed=by_seed, rest=0.5, hard=hard)
        b, other = answers(rng, 3, 359, mean - 0.2, by_seed=by_seed, rest=0.5, hard=hard)
        ends = accuracy(a).interval(), difference(a, b).interval()
        inside.append([ends[0][0] <= truth <= ends[0][1], ends[1][0] <= truth - other <= ends[1][1]])
    assert (np.mean(inside, axis=0) > 0.92).all()


def test_a_student_without_a_mistake_is_not_certain():
    low, high = accuracy(np.ones((3, 359), bool)).interval()
    assert high == 1
    assert 0.98 < low < 1 - 3 / 359  # the rule of three


def test_holms_correction_is_the_largest_of_all_sets_it_is_in():
    """The closed test by its definition: a hypothesis falls when every set that holds it falls by Bonferroni."""
    p = np.array([0.012, 0.2, 0.001, 0.03, 0.012])
    sets = [s for size in range(1, 6) for s in combinations(range(5), size)]
    expected = [max(min(len(s) * p[list(s)].min(), 1) for s in sets if i in s) for i in range(5)]
    assert holm(p) == pytest.approx(np.minimum(expected, 1))
    with_gaps = holm([np.nan, 0.04, np.nan, 0.01])
    assert with_gaps[[1, 3]] == pytest.approx([0.04, 0.02])
    assert np.isnan(with_gaps[[0, 2]]).all()


def test_with_the_items_said_to_be_needed_four_of_five_such_differences_are_proven():
    rng = np.random.default_rng(5)

    def pair(n):  # 6 % right against wrong, 3 % the other way round
        u = rng.random(n)
        return np.stack([u < 0.06] * 2), np.stack([(u >= 0.06) & (u < 0.09)] * 2)

    found = difference(*pair(100_000))
    n = needed(found, comparisons=3).items
    proven = [difference(*pair(n)).p_above() < 0.05 / 3 for _ in range(600)]
    assert 0.74 < np.mean(proven) < 0.86


def test_when_the_seeds_are_the_trouble_more_of_them_are_needed_and_not_items():
    rng = np.random.default_rng(6)
    a = rng.random((3, 5000)) < np.array([[0.80], [0.90], [0.85]])
    b = rng.random((3, 5000)) < np.array([[0.82], [0.78], [0.83]])
    asked = needed(difference(a, b))
    assert asked.items is None
    gains = a.mean(axis=1) - b.mean(axis=1)
    d = gains.mean() / gains.std(ddof=1)  # power of the t test over the seeds, as textbooks have it
    power = {n: stats.nct.sf(stats.t.ppf(0.95, n - 1), n - 1, d * np.sqrt(n)) for n in range(2, 100)}
    assert asked.seeds == pytest.approx(next(n for n, p in power.items() if p >= 0.8), abs=2)


def test_equal_accuracies_cannot_be_told_apart_by_any_number():
    same = np.ones((2, 50), bool)
    assert needed(difference(same, same)) == (None, None)
    assert np.isfinite(difference(same, same).p_above())


def test_one_seed_proves_nothing_and_old_results_have_the_interval_of_their_seeds():
    assert np.isnan(difference(np.ones((1, 99), bool), np.zeros((1, 99), bool)).p_above())
    values = [0.90, 0.91, 0.93]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert over_seeds(values).interval() == pytest.approx((expected.low, expected.high))
    assert np.isnan(over_seeds([0.9]).interval()).all()
    assert np.isnan(over_seeds([0.9, 0.9]).interval()).all()
    assert np.isnan(over_seeds([0.02, 0.02], (-1, 1)).p_above())


def test_gains_over_seeds_are_tested_by_t_tests_and_corrected_together():
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 0.01, 6) for mean in (0.03, 0.012, 0.008, 0.001)]
    p = [stats.ttest_1samp(group, 0, alternative="greater").pvalue for group in groups]
    adjusted = np.maximum.accumulate(np.sort(p) * [4, 3, 2, 1])[np.argsort(np.argsort(p))]
    found = holm([over_seeds(group, (-1, 1)).p_above() for group in [*groups, [0.02, 0.02], [0.4]]])
    np.testing.assert_allclose(found[:4], np.minimum(adjusted, 1))
    assert np.isnan(found[4:]).all()  # equal gains and single ones prove nothing and count as no comparison
    below = [stats.ttest_1samp(group, 0, alternative="less").pvalue for group in groups]
    np.testing.assert_allclose([over_seeds(group, (-1, 1)).p_below() for group in groups], below)
