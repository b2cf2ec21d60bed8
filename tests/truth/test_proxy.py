"""Selection via proxy: the paper's own times, and Spearman's rho against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from curation.errors import InputError
from curation.maths.accounting.savings import break_even
from curation.maths.fitting.proxy import break_even_share, rank_correlation, speed_up, time_to, total_time

TIMES = {"full": 229, "proxy": 28}  # minutes: ResNet-164 and its proxy ResNet-20 on CIFAR-10


def test_the_worked_example_is_142_minutes_and_1_6_times_faster():
    assert total_time(**TIMES, kept=0.5) == 142.5
    assert speed_up(**TIMES, kept=0.5) == pytest.approx(1.607, abs=5e-4)


def test_scoring_and_ranking_count_and_many_trainings_share_the_cost():
    assert speed_up(100, 20, score=5, rank=5, kept=0.5) == pytest.approx(100 / 80)
    assert speed_up(100, 20, score=5, rank=5, kept=0.5, trainings=10) == pytest.approx(1000 / 530)
    assert speed_up(100, 20, score=5, rank=5, kept=0.5, trainings=10**6) == pytest.approx(2, rel=1e-3)


def test_at_the_break_even_share_nothing_is_won_or_lost():
    share = break_even_share(229, 28, 3, 2)
    assert speed_up(229, 28, 3, 2, kept=share) == pytest.approx(1)
    assert speed_up(229, 28, 3, 2, kept=share - 0.05) > 1 > speed_up(229, 28, 3, 2, kept=share + 0.05)
    assert break_even_share(10, 15) < 0  # no subset is small enough
    assert break_even(10, 0.5, 15) == 3
    assert break_even_share(10, 15, trainings=3) == pytest.approx(0.5)


def test_times_to_an_accuracy_replace_equal_epochs():
    seconds, full, subset = [10, 20, 30], [0.5, 0.8, 0.9], [0.6, 0.9, 0.91]
    made = speed_up(time_to(0.9, seconds, full), proxy=4, subset=time_to(0.9, np.array(seconds) / 2, subset))
    assert made == pytest.approx(30 / 14)
    assert speed_up(30, proxy=4, subset=time_to(0.95, seconds, subset)) == 0
    with pytest.raises(InputError, match="never reaches this accuracy"):
        speed_up(time_to(0.95, seconds, full), proxy=4, subset=10)


@pytest.mark.parametrize("ties", [False, True])
def test_rho_is_scipys_with_and_without_ties(ties):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    y = x + rng.normal(size=300)
    if ties:
        x, y = x.round(), np.floor(y)
    made = rank_correlation(x, y, draws=2)
    assert made.rho == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)


def test_the_band_is_that_of_ranking_every_draw_anew():
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = (x + rng.normal(size=60)).round(1)
    made = rank_correlation(x, y, rng=np.random.default_rng(5))
    again = np.random.default_rng(5)
    slow = [stats.spearmanr(x[i], y[i]).statistic for i in (again.integers(60, size=60) for _ in range(500))]
    assert (made.low, made.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])), abs=1e-9)
    assert made.low < made.rho < made.high


def test_the_band_holds_the_true_rho_about_as_often_as_it_says():
    truth = 6 / math.pi * math.asin(0.6 / 2)  # Spearman's rho of a normal pair with Pearson's r = .6
    held = []
    for seed in range(100):
        pair = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=200)
        made = rank_correlation(*pair.T, draws=200)
        held.append(made.low <= truth <= made.high)
    assert 0.88 <= np.mean(held) <= 0.99


@pytest.mark.parametrize(
    ("proxy", "target", "words"),
    [
        ([1, 2, 3], [1, 2], "3 proxy and 2 target"),
        ([1, 2], [1, 2], "3 or more items"),
        ([1, 2, np.nan], [1, 2, 3], "proxy score is not a finite"),
        ([1, 2, 3], [4, 4, 4], "Every target score is 4"),
    ],
)
def test_scores_without_an_order_are_refused(proxy, target, words):
    with pytest.raises(InputError, match=words):
        rank_correlation(np.array(proxy), np.array(target))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"full": 0}, "Training on the full data takes 0 seconds"),
        ({"proxy": -1}, "time for proxy is -1"),
        ({"kept": 0}, "share kept is 0"),
        ({"trainings": 0}, "trainings is 0"),
        ({"subset": -2}, "subset is -2"),
    ],
)
def test_times_that_make_no_sense_are_refused(changed, words):
    with pytest.raises(InputError, match=words):
        speed_up(**{**TIMES, **changed})
