"""Samplers that draw by lot or by one look at the losses, against numbers worked out by hand and expectations."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy.special import softmax

from curation import sampler
from curation.data.view import View
from curation.training.rule import Rule
from tests.truth.rules import rule


def streamed(name: str, n: int, epochs: int, keep: float, **params) -> list[int]:
    s, seen = sampler(name, n=n, epochs=epochs, keep=keep, **params), []
    while not s.finished:
        seen += list(s)
        s.end_epoch()
    return seen


# -- random parts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "keep"), [(10, 0.3), (97, 0.5), (97, 0.34), (50, 1.0), (3, 0.1)])
def test_rs2_is_the_stream_of_training_on_everything_for_fewer_epochs(n, keep):
    assert streamed("rs2", n, 12, keep) == streamed("full_short", n, 12, keep)


def test_rs2_uses_items_equally_often_to_within_one():
    counts = np.bincount(streamed("rs2", 97, 9, 0.3), minlength=97)
    assert counts.max() - counts.min() == 1


def test_rs2_with_replacement_draws_every_epoch_afresh():
    """The number of epochs an item is in is then binomial: 200 epochs at 0.3."""
    counts = np.bincount(streamed("rs2", 200, 200, 0.3, replacement=True), minlength=200)
    assert abs(counts.var() - 200 * 0.3 * 0.7) < 9


def test_full_takes_everything_and_ignores_keep():
    counts = np.bincount(streamed("full", 20, 5, 0.3), minlength=20)
    assert (counts == 5).all()


def test_static_never_sees_the_rest():
    counts = np.bincount(streamed("static", 50, 6, 0.3), minlength=50)
    assert sorted(set(counts.tolist())) == [0, 6]
    assert (counts == 6).sum() == 15


# -- InfoBatch ------------------------------------------------------------------------------------------------

LOSSES = np.array([0.1, 0.2, 0.3, 2.0, 3.0, 4.0], np.float32)  # mean 1.6


def test_infobatch_keeps_half_of_the_easy_items_rounded_down_and_all_hard_ones():
    r = rule("infobatch", 6)
    r.update(np.arange(6), LOSSES, None)
    rows, weights = r.begin_epoch(0, 18)
    assert {3, 4, 5} < set(rows.tolist())
    assert len(rows) == 4
    assert weights[rows >= 3].tolist() == [1.0, 1.0, 1.0]
    assert weights[rows < 3].tolist() == [3.0]  # three easy items stand behind one


def test_infobatch_keeps_the_expected_gradient_of_everything():
    """2,000 draws: the weighted sum of any numbers agrees with the plain sum to three standard errors."""
    n, draws = 60, 2000
    rng = np.random.default_rng(0)
    losses, gradient = rng.exponential(size=n).astype(np.float32), rng.normal(size=(n, 3))
    r, sums, totals = rule("infobatch", n), [], []
    r.update(np.arange(n), losses, None)
    for _ in range(draws):
        rows, weights = r.begin_epoch(0, 1000)
        sums.append(weights @ gradient[rows])
        totals.append(weights.sum())
        r.end_epoch()
    error = np.std(sums, axis=0, ddof=1) / np.sqrt(draws)
    assert (np.abs(np.mean(sums, axis=0) - gradient.sum(axis=0)) < 3 * error).all()
    assert np.allclose(totals, n)


def test_infobatch_starts_and_ends_with_everything():
    r = rule("infobatch", 6)
    assert len(r.begin_epoch(0, 18)[0]) == 6
    r.update(np.arange(6), LOSSES, None)
    assert len(r.begin_epoch(0.87 * 18, 18)[0]) == 4
    rows, weights = r.begin_epoch(0.875 * 18, 18)
    assert (len(rows), weights) == (6, None)


def test_infobatch_forced_to_the_budget_takes_it_as_long_as_easy_items_last():
    n = 1000
    r = rule("infobatch", n, keep=0.5, forced=True)
    r.update(np.arange(n), np.repeat([0.1, 10.0], [700, 300]).astype(np.float32), None)
    rows, weights = r.begin_epoch(0, 10 * n)
    assert len(rows) == 500
    assert weights.max() == pytest.approx(700 / 200)


# -- OrderDP --------------------------------------------------------------------------------------------------


def gamma(j: int, n: int, s: int, q: int) -> float:
    """Chance of the j-th largest loss to be among the q largest of s candidates: sum over the places it may have."""
    places = range(max(1, s - n + j), min(q, j) + 1)
    return sum(comb(j - 1, place - 1) * comb(n - j, s - place) for place in places) / comb(n, s)


def test_gamma_is_the_published_table():
    assert [round(gamma(j, 6, 4, 2), 6) for j in range(1, 7)] == [0.666667, 0.666667, 0.466667, 0.2, 0, 0]


def test_orderdp_takes_the_j_th_hardest_as_often_as_the_theory_says():
    n, draws = 6, 20_000
    r, counts = rule("orderdp", n, keep=1 / 3, pool=4 / 6), np.zeros(n)
    r.update(np.arange(n), np.arange(n, 0, -1).astype(np.float32), None)  # item 0 is the hardest
    for _ in range(draws):
        counts[r.begin_epoch(0, 1)[0]] += 1
        r.end_epoch()
    assert np.abs(counts / draws - [gamma(j, n, 4, 2) for j in range(1, 7)]).max() < 0.01


def test_orderdp_draws_its_pool_by_the_root_of_keep():
    assert rule("orderdp", 1000, keep=0.25).pool == 500


# -- RePB -----------------------------------------------------------------------------------------------------


def test_repb_keeps_what_reached_the_mean_of_its_batch_and_half_of_the_rest():
    n = 4000
    r = rule("repb", n)
    losses = np.tile([0.0, 1.0], n // 2).astype(np.float32)
    for at in range(0, n, 100):
        r.update(np.arange(at, at + 100), losses[at : at + 100], None)
    r.end_epoch()
    rows, weights = r.begin_epoch(n, 8 * n)
    assert set(np.flatnonzero(losses == 1)) <= set(rows)
    assert abs((losses[rows] == 0).sum() - n / 4) < 3 * np.sqrt(n / 8)
    assert (weights == 1).all(), "everything was used once in one epoch"


def test_repb_brings_half_of_those_left_out_back_and_weighs_them_up():
    n = 4000
    r = rule("repb", n)
    r.update(np.arange(n), np.arange(n, dtype=np.float32), None)
    for _ in range(3):  # three epochs of which only the first half is used
        r.end_epoch()
        r.update(np.arange(n // 2), np.zeros(n // 2, np.float32), None)
    r.end_epoch()
    rows, weights = r.begin_epoch(0, 1)
    left_out = rows[rows >= n // 2]
    assert abs(len(left_out) - n / 4) < 3 * np.sqrt(n / 8)
    assert (weights[rows >= n // 2] == 4.0).all(), "four epochs, used once"
    assert (weights[rows < n // 2] == 1.0).all()


# -- RCAP -----------------------------------------------------------------------------------------------------


def rcap(sizes: list[int], losses: list[float], keep: float) -> Rule:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    r = rule("rcap", keep=keep, view=View.of(labels=labels))
    r.largest = np.inf  # the table has a class of mean loss 2, more than guessing among three costs
    r.update(np.arange(len(labels)), np.repeat(losses, sizes).astype(np.float32), None)
    return r


def test_rcap_splits_its_budget_as_worked_out_by_hand():
    assert rcap([10, 40, 50], [2.0, 1.0, 0.5], 0.4).quota().tolist() == [10, 17, 13]
    assert rcap([10, 40, 50], [2.0, 1.0, 0.5], 0.8).quota().tolist() == [10, 39, 31]


def test_rcap_spends_its_budget_and_takes_no_more_than_a_class_has():
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = rng.integers(1, 40, 5)
        r = rcap(sizes.tolist(), rng.exponential(size=5).tolist(), rng.uniform(0.1, 1.0))
        assert r.quota().sum() == r.size
        assert (r.quota() <= sizes).all()
        rows = r.begin_epoch(0, 1)[0]
        assert len(set(rows.tolist())) == r.size
        assert (np.bincount(r.labels[rows], minlength=5) == r.quota()).all()


def test_rcap_draws_the_first_item_of_a_class_by_softmax_of_its_losses():
    losses, draws = np.array([0.1, 0.3, 0.6], np.float32), 6000
    r, counts = rule("rcap", keep=2 / 4, view=View.of(labels=np.array([0, 0, 0, 1]))), np.zeros(3)
    r.update(np.arange(4), np.append(losses, 0.0).astype(np.float32), None)
    r.quota = lambda: np.array([1, 1])
    for _ in range(draws):
        rows = r.begin_epoch(0, 1)[0]
        counts[rows[rows < 3]] += 1
        r.end_epoch()
    assert np.abs(counts / draws - softmax(losses)).max() < 3 * 0.5 / np.sqrt(draws)
