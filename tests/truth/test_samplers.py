"""Samplers against numbers worked out by hand, and against expectations of the rules they follow."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy.special import softmax

from curation import sampler
from curation.data.results import Factors, Neighbours
from curation.data.view import View
from curation.engine.registry import get
from curation.maths import factors as factor_maths
from curation.maths.accounting.usage import gini
from curation.methods.samplers import divbs
from curation.training.rule import Rule
from curation.training.sampler import Sampler


def rule(name: str, n: int = 0, keep: float = 0.5, seed: int = 0, view: View | None = None, **params) -> Rule:
    method = get("samplers", name)
    view = View.of(labels=np.zeros(n, int)) if view is None else view
    return method.call(view, keep, seed=seed, **method.validated(params, name))


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


# -- those that follow the loss -------------------------------------------------------------------------------


def test_ucb_keeps_running_mean_and_variance_as_written_in_the_paper():
    r, seen = rule("ucb", 1, a=0.8), [1.0, 3.0, 2.0]
    for loss in seen:
        r.update(np.array([0]), np.array([loss], np.float32), None)
    mean, variance = seen[0], 0.0
    for loss in seen[1:]:
        variance = 0.2 * variance + 0.8 * (loss - mean) ** 2
        mean = 0.2 * mean + 0.8 * loss
    assert (r.mean[0], r.variance[0]) == (pytest.approx(mean), pytest.approx(variance))


@pytest.mark.parametrize("name", ["ucb", "epsilon_greedy", "orderdp", "hard_mining"])
def test_what_was_never_seen_comes_first(name):
    r = rule(name, 10, keep=0.5, **({"epsilon": 0.0} if name == "epsilon_greedy" else {}))
    r.update(np.arange(5), np.full(5, 9.0, np.float32), None)
    rows = r.begin_epoch(0, 1)[0]
    there = (rows >= 5).sum()
    assert there == 5 if name != "orderdp" else there >= 2  # whose pool need not hold all of them


def test_epsilon_greedy_draws_its_tenth_from_everything_else():
    r, drawn = rule("epsilon_greedy", 100, keep=0.2), set()
    r.update(np.arange(100), np.arange(100, dtype=np.float32), None)
    for _ in range(200):
        rows = r.begin_epoch(0, 1)[0]
        assert len(set(rows.tolist())) == 20
        assert set(range(82, 100)) <= set(rows.tolist())
        drawn |= set(rows.tolist())
        r.end_epoch()
    assert drawn == set(range(100))


def test_ies_rests_an_item_after_exactly_six_losses_that_stand_still():
    r = rule("ies", 2, quantile=0.0)
    for time in range(6):
        assert len(r.begin_epoch(0, 1)[0]) == 2, f"{time} losses"
        r.update(np.arange(2), np.array([0.7, time**2], np.float32), None)
    assert r.begin_epoch(0, 1)[0].tolist() == [1]


def test_ies_measures_the_bend_of_a_history_as_worked_out_by_hand():
    r = rule("ies", 1)
    for loss in (2.0, 1.5, 1.2, 1.0, 0.9, 0.85):
        r.update(np.array([0]), np.array([loss], np.float32), None)
    assert r.bend[0].mean() == pytest.approx(0.0833333, abs=1e-6)
    assert len(r.begin_epoch(0, 1)[0]) == 1


def test_ies_looks_at_what_rests_and_lets_it_come_back():
    r = rule("ies", 2, quantile=0.0)
    for time in range(6):
        r.update(np.arange(2), np.array([0.7, time**2], np.float32), None)
    r.begin_epoch(0, 1)
    assert r.forward_rows(0, 1).tolist() == [0]
    r.update(np.array([0]), np.array([3.0], np.float32), None)
    assert sorted(r.begin_epoch(0, 1)[0].tolist()) == [0, 1]


def test_an_item_at_rest_costs_a_third():
    """Half of the items at rest: an epoch costs (1 - e) + e / 3 of a full one, 2/3."""
    s, costs = sampler("ies", n=300, epochs=40, keep=1.0, quantile=0.0), []
    for epoch in range(8):
        before, ahead = s.spent, s.forward_rows
        losses = np.where(np.arange(300) < 150, epoch**2, 0.7).astype(np.float32)
        if len(ahead):
            s.update(ahead, losses[ahead], forward_only=True)
        rows = np.fromiter(s, np.int64)
        s.update(rows, losses[rows])
        s.end_epoch()
        costs.append(s.spent - before)
    assert costs == pytest.approx(
        [300] * 6 + [150, 200]
    )  # those that came to rest last epoch are looked at from the next


def test_self_paced_and_curriculum_widen_as_the_passes_go():
    paced = rule("self_paced", 100)
    paced.update(np.arange(100), np.arange(100, dtype=np.float32), None)
    course = rule("curriculum", view=View.of(labels=np.zeros(100, int), scores={"aum": np.arange(100.0)}), by="aum")
    for done, self_paced, curriculum in ((0.0, 50, 20), (0.35, 75, 55), (0.7, 100, 90), (0.9, 100, 100)):
        assert set(paced.begin_epoch(100 * done, 100)[0].tolist()) == set(range(self_paced))
        assert set(course.begin_epoch(100 * done, 100)[0].tolist()) == set(range(curriculum))


# -- tri-level ------------------------------------------------------------------------------------------------


def test_trilevel_counts_what_turned_from_right_to_wrong():
    labels = np.zeros(3, int)
    r = rule("trilevel_examples", keep=1.0, view=View.of(labels=labels))
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    for shown in ([right, right, wrong], [wrong, right, wrong], [right, right, wrong], [wrong, right, wrong]):
        r.update(np.arange(3), np.ones(3, np.float32), np.array(shown, np.float32))
    assert r.counts().tolist() == [2, 0, 4]  # forgotten twice, never, never learnt in four looks


def test_trilevel_swaps_the_least_forgotten_for_as_many_from_outside_at_a_tenth_of_the_passes():
    n = 100
    r = rule("trilevel_examples", keep=0.8, view=View.of(labels=np.zeros(n, int)))
    before = r.begin_epoch(0, 1000)[0]
    logits = np.zeros((n, 2), np.float32)
    logits[before[:10], 0] = 1.0  # ten items are right, all others wrong
    logits[:, 1] = 0.5
    r.update(before, np.ones(len(before), np.float32), logits[before])
    assert set(r.begin_epoch(99, 1000)[0]) == set(before)
    after = r.begin_epoch(100, 1000)[0]
    gone = set(before.tolist()) - set(after.tolist())
    assert len(after) == 80
    assert len(gone) == 5
    assert gone <= set(before[:10].tolist())
    assert r.counts().sum() == 0, "counts begin anew"


# -- DivBS ----------------------------------------------------------------------------------------------------


def drawn_by_gram_schmidt(g: np.ndarray, k: int, rng: np.random.Generator) -> list[int]:
    """The published loop on whole gradients: draw by |g . r|, orthogonalise, subtract."""
    r, basis, picks = g.mean(axis=0), [], []
    for _ in range(k):
        chance = np.abs(g @ r)
        chance[picks] = 0.0
        reach = np.cumsum(chance)
        pick = min(int(np.searchsorted(reach, rng.random() * reach[-1], side="right")), len(g) - 1)
        picks.append(pick)
        e = g[pick] - sum((g[pick] @ b) * b for b in basis)
        e = e / np.linalg.norm(e)
        basis.append(e)
        r = r - (e @ r) * e
    return picks


def test_divbs_draws_what_gram_schmidt_on_the_whole_gradients_draws():
    rng = np.random.default_rng(0)
    residual, h = rng.normal(size=(40, 4)), rng.normal(size=(40, 9))
    g = np.einsum("ic,id->icd", residual, h).reshape(40, -1)
    for seed in range(20):
        expected = drawn_by_gram_schmidt(g, 12, np.random.default_rng(seed))
        found = divbs.cover((residual @ residual.T) * (h @ h.T), 12, np.random.default_rng(seed))
        assert found.tolist() == expected


def test_divbs_fills_up_by_lot_when_nothing_is_left_to_explain():
    g = np.repeat([[1.0, 0.0], [0.0, 1.0]], 4, axis=0)
    found = divbs.cover(g @ g.T, 8, np.random.default_rng(0))
    assert sorted(found.tolist()) == list(range(8))


# -- SAE coverage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (0.0, [1, 1, 0, 0]),
        (0.5, [1, 0.8, 0.2, 0]),
        (1.0, [0.817, 0.717, 0.433, 0.033]),
        (2.0, [0.65, 0.617, 0.467, 0.267]),
    ],
)
def test_the_usage_penalty_spreads_use_as_worked_out_by_hand(beta, expected):
    r = rule("sae_coverage", view=View.of(factors=four()), beta=beta, tau=0.0, anneal=0.0)
    r.common = np.array([0.9, 0.8, 0.5, 0.1])  # the static scores of the table; t = 0 leaves the rare ones out
    for _ in range(60):
        r.begin_epoch(0, 120)
        r.end_epoch()
    assert (r.used / 60).round(3).tolist() == expected


def four() -> Factors:
    return Factors(np.zeros((4, 1), np.int16), np.ones((4, 1), np.float16), 1, 1.0)


def test_without_the_penalty_use_is_uneven_and_with_it_even():
    rng = np.random.default_rng(0)
    codes = Factors(rng.integers(0, 60, (300, 4)).astype(np.int16), rng.random((300, 4)).astype(np.float16), 60, 1.0)
    uneven, even = (rule("sae_coverage", view=View.of(factors=codes), keep=0.3, beta=b, anneal=0.0) for b in (0.0, 2.0))
    for t in range(60):
        for r in (uneven, even):
            r.begin_epoch(t * 90, 60 * 90)
            r.end_epoch()
    assert gini(uneven.used) > 0.5
    assert gini(even.used) < 0.2


def test_annealing_is_counted_in_the_bound_on_the_saving():
    """Kept share 0.3 and a tenth of the passes on everything, in passes: nothing is free."""
    codes = Factors(np.arange(100, dtype=np.int16)[:, None], np.ones((100, 1), np.float16), 100, 1.0)
    s = Sampler(rule("sae_coverage", view=View.of(factors=codes), keep=0.3), 20, "sae_coverage")
    lengths = []
    while not s.finished:
        lengths.append(len(s))
        s.end_epoch()
    assert sum(lengths) == s.planned == 600
    assert set(lengths[:18]) == {30}
    assert max(lengths) == 60  # the last epoch would take everything; the budget ends before


def test_common_and_rare_factors_by_a_plain_loop():
    rng = np.random.default_rng(1)
    n, m, k = 200, 30, 4
    indices = np.stack([rng.choice(m, k, replace=False, p=softmax(-np.arange(m) / 6)) for _ in range(n)])
    values = rng.random((n, k)).astype(np.float16)
    codes = Factors(indices.astype(np.int16), values, m, 1.0)
    z = np.zeros((n, m))
    np.put_along_axis(z, indices, values.astype(float), axis=1)
    f = (z > 0).mean(axis=0)
    live = [j for j in np.argsort(-f, kind="stable") if 0 < f[j] <= 0.5]
    common, held = [], 0.0
    for j in live:
        if held < 0.8 * sum(f[live]) - 1e-12:
            common.append(j)
            held += f[j]
    largest = np.where(z.max(axis=0) > 0, z.max(axis=0), 1.0)
    rep = np.array([sum(f[j] * z[i, j] / largest[j] for j in common) for i in range(n)]) / sum(f[common])
    rest = [j for j in live if j not in common and (z[:, j] > 0).sum() >= 3]
    rare = np.array([sum(np.log((1 + n) / (1 + n * f[j])) * z[i, j] / largest[j] for j in rest) for i in range(n)])
    rare = np.minimum(rare, np.quantile(rare, 0.99))
    assert np.allclose(factor_maths.commonness(codes), ranks(rep))
    assert np.allclose(factor_maths.rarity(codes), ranks(rare))


def ranks(values: np.ndarray) -> np.ndarray:
    """0 to 1, ties share their mean; by counting. Sums that differ by rounding are told apart by neither side."""
    values = values.round(9)
    below = np.array([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])
    return below / (len(values) - 1)


# -- cluster probe --------------------------------------------------------------------------------------------


def probe(keep: float = 0.2, n: int = 100) -> Rule:
    """Two clusters of 50 that point in two directions, one class each."""
    x = np.repeat(np.eye(2, dtype=np.float32), n // 2, axis=0)
    return rule(
        "cluster_probe", keep=keep, view=View.of(embeddings=x, labels=np.repeat([0, 1], n // 2)), clusters=2, period=1
    )


def test_cluster_probe_looks_at_three_of_every_cluster_and_splits_by_what_it_sees():
    r = probe()
    ahead = r.forward_rows(0, 200)
    assert 4 <= len(ahead) <= 6
    losses = np.where(ahead < 50, 1.0, 3.0).astype(np.float32)
    r.update(ahead, losses, None)
    rows, weights = r.begin_epoch(0, 200)
    # no spread within a cluster: parts as sqrt(0 + mean^2), 1 : 3, of 20
    assert np.bincount(r.label[rows], minlength=2)[r.label[[0, 99]]].tolist() == [5, 15]
    assert weights[rows < 50] == pytest.approx(2.0)
    assert weights[rows >= 50] == pytest.approx(2 / 3)


def test_cluster_probe_estimates_the_mean_gradient_without_bias_and_more_closely_than_lots():
    """Two blocks of 50, values 0 + .02 i and 5 + .02 i, 20 drawn: variance of the mean by hand .0034 against .2559."""
    values = np.concatenate([0.02 * np.arange(50), 5 + 0.02 * np.arange(50)])
    spread = values.reshape(2, 50).var(axis=1, ddof=1)
    stratified = (0.25 * spread / 10 * (1 - 10 / 50)).sum()
    simple = values.var(ddof=1) / 20 * (1 - 20 / 100)
    assert (round(stratified, 4), round(simple, 4)) == (0.0034, 0.2559)
    means = []
    for seed in range(300):
        r = rule("cluster_probe", keep=0.2, seed=seed, view=probe_view(), clusters=2, period=1)
        ahead = r.forward_rows(0, 200)
        r.update(ahead, np.ones(len(ahead), np.float32), None)  # equal losses: even parts
        rows, weights = r.begin_epoch(0, 200)
        means.append((weights * values[rows]).mean())
    assert np.mean(means) == pytest.approx(values.mean(), abs=4 * np.sqrt(stratified / 300))
    assert np.var(means) == pytest.approx(stratified, rel=0.3)


def probe_view() -> View:
    return View.of(embeddings=np.repeat(np.eye(2, dtype=np.float32), 50, axis=0), labels=np.repeat([0, 1], 50))


def test_cluster_probe_gives_a_mixed_cluster_a_quarter_of_its_part():
    x = np.repeat(np.eye(2, dtype=np.float32), 60, axis=0)
    labels = np.concatenate([np.zeros(60, int), np.arange(60) % 4])
    r = rule("cluster_probe", keep=0.25, view=View.of(embeddings=x, labels=labels), clusters=2, period=1)
    ahead = r.forward_rows(0, 200)
    r.update(ahead, np.ones(len(ahead), np.float32), None)
    rows, weights = r.begin_epoch(0, 200)
    assert (int((rows < 60).sum()), int((rows >= 60).sum())) == (24, 6)
    assert (weights == 1).all(), "the gate is no matter of bias and is not weighed up"


# -- gated rotation -------------------------------------------------------------------------------------------


def gated(keep: float = 0.5) -> Rule:
    """20 items in two blocks of 10, all neighbours within the block; items 9 and 19 carry the other block's label."""
    block = np.repeat([0, 1], 10)
    labels = block.copy()
    labels[[9, 19]] = 1 - labels[[9, 19]]
    graph = np.stack([np.setdiff1d(np.flatnonzero(block == block[i]), [i]) for i in range(20)]).astype(np.int32)
    view = View.of(neighbours=Neighbours(graph, np.full(graph.shape, 0.1, np.float32)), labels=labels)
    return rule("gated_rotation", keep=keep, view=view, k=9)


def test_gated_rotation_doubts_what_its_neighbours_contradict():
    assert np.flatnonzero(gated().suspects()).tolist() == [9, 19]


def test_gated_rotation_lets_the_network_clear_a_suspect_and_take_it_back():
    r, ids = gated(), np.array([9])
    believed, refuted = np.array([[0.0, 2.0]], np.float32), np.array([[9.0, 0.0]], np.float32)
    r.update(ids, np.ones(1, np.float32), believed)
    assert np.flatnonzero(r.suspects()).tolist() == [19]
    r.update(ids, np.ones(1, np.float32), refuted)
    own = 0.5 * softmax(believed)[0, 1] + 0.5 * softmax(refuted)[0, 1]
    assert r.own[9] == pytest.approx(own, abs=1e-6)
    assert np.flatnonzero(r.suspects()).tolist() == [9, 19]


def test_gated_rotation_takes_the_others_in_turn_and_a_few_suspects():
    r = gated(keep=0.45)
    suspects = 0
    for _ in range(20):
        rows = r.begin_epoch(0, 1)[0]
        assert len(rows) == len(set(rows.tolist())) == 9
        suspects += np.isin(rows, [9, 19]).sum()
        r.end_epoch()
    others = np.delete(r.used, [9, 19])
    assert others.max() - others.min() <= 1
    assert suspects == 0, "a twentieth of nine is none"
    wide = gated(keep=1.0)
    rows = wide.begin_epoch(0, 1)[0]
    assert len(rows) == 18, "no more than there are items above suspicion"
    assert np.isin(rows, [9, 19]).sum() == 1
