"""Samplers that follow the losses of the items, against the papers' formulas and numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from curation import sampler
from curation.data.view import View
from curation.methods.samplers import divbs
from tests.truth.rules import rule

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
