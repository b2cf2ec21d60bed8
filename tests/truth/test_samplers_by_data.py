"""Samplers that know factors, clusters or neighbours of the items, against plain loops and expectations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from curation.data.results import Factors, Neighbours
from curation.data.view import View
from curation.maths import factors as factor_maths
from curation.maths.accounting.usage import gini
from curation.training.rule import Rule
from curation.training.sampler import Sampler
from tests.truth.rules import rule

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
