"""Pruners against literal, slow readings of their papers."""

import numpy as np
import pytest

from curation.data.view import View
from curation.methods.pruners import by_score, ccs, k_center, moderate


def rng(seed=0):
    return np.random.default_rng(seed)


def scored(**scores):
    n = len(next(iter(scores.values())))
    return View.of(labels=np.zeros(n, int), scores=scores)


# -- by score -------------------------------------------------------------------------------------------------


def test_by_score_takes_the_ends_and_windows_of_the_order():
    view = scored(aum=[5.0, 1.0, 4.0, 2.0, 3.0])
    assert by_score.select(view, 3, rng=rng()).tolist() == [0, 2, 4]
    assert by_score.select(view, 3, rng=rng(), order="easy").tolist() == [1, 3, 4]
    assert by_score.select(view, 2, rng=rng(), order="window", start=0.4).tolist() == [4, 2]


def test_a_window_that_does_not_fit_is_moved_down_not_cut_short():
    view = scored(aum=[0.0, 1.0, 2.0, 3.0, 4.0])
    for budget in range(1, 6):
        taken = by_score.select(view, budget, rng=rng(), order="window", start=0.6)
        start = min(3, 5 - budget)
        assert sorted(taken.tolist()) == list(range(start, start + budget))


def test_equal_scores_are_taken_by_the_seed():
    view = scored(aum=[1.0] * 10)
    assert {tuple(by_score.select(view, 3, rng=rng(seed))) for seed in range(9)} != {(0, 1, 2)}


# -- moderate -------------------------------------------------------------------------------------------------


def published_window(distance, keep):
    """Ranks round(n (1/2 - f/2)) to round(n (1/2 + f/2)) of the ascending distances."""
    n = len(distance)
    order = np.argsort(distance)
    return set(order[round(n * (0.5 - keep / 2)) : round(n * (0.5 + keep / 2))].tolist())


@pytest.mark.parametrize("keep", [0.1, 0.3, 0.5, 0.8, 1.0])
def test_moderate_keeps_the_published_window(keep):
    x, labels = rng().normal(size=(100, 4)).astype(np.float32), rng(1).integers(3, size=100)
    distance = np.array(
        [np.sqrt(((x[i] - [np.median(x[labels == labels[i], c]) for c in range(4)]) ** 2).sum()) for i in range(len(x))]
    )
    taken = moderate.select(View.of(embeddings=x, labels=labels), round(keep * 100), rng=rng())
    assert set(taken.tolist()) == published_window(distance, keep)


# -- CCS ------------------------------------------------------------------------------------------------------


def literal_ccs_counts(score, budget, bins):
    """How many to take from every bin, as the paper's Algorithm 1 spends its budget."""
    edges = np.linspace(score.min(), score.max(), bins + 1)
    members = [np.flatnonzero((score >= edges[b]) & (score < edges[b + 1])) for b in range(bins)]
    members[-1] = np.flatnonzero(score >= edges[bins - 1])
    counts, left = np.zeros(bins, int), budget
    open_bins = sorted(range(bins), key=lambda b: len(members[b]))
    for visited, b in enumerate(open_bins):
        counts[b] = min(len(members[b]), left // (bins - visited))
        left -= counts[b]
    return counts, members


@pytest.mark.parametrize("budget", [1, 3, 17, 60, 133, 200, 269, 270])
def test_ccs_spends_its_budget_bin_by_bin_as_published(budget):
    score = rng().gamma(2.0, size=300)  # crowded at the easy end, a long hard tail
    view = scored(aum=score)
    kept = np.argsort(score)[:270]  # beta = 0.1: the 30 hardest are cut
    counts, members = literal_ccs_counts(score[kept], budget, 20)
    taken = ccs.select(view, budget, rng=rng(), beta=0.1, bins=20)
    assert counts.sum() == budget
    assert set(taken) <= set(kept)
    assert [len(np.intersect1d(taken, kept[m])) for m in members] == counts.tolist()


def test_ccs_cuts_by_one_score_and_covers_another():
    aum, el2n = rng().permutation(100).astype(float), rng(1).random(100)
    taken = ccs.select(scored(aum=aum, el2n=el2n), 70, rng=rng(), by="el2n", beta=0.3)
    assert set(taken) == set(np.flatnonzero(aum < 70))


def test_a_budget_beyond_the_cut_brings_back_the_easiest_of_the_cut():
    aum = np.arange(10.0)
    assert set(ccs.select(scored(aum=aum), 7, rng=rng(), beta=0.5)) == set(range(7))


def test_ccs_works_on_scores_that_are_all_negative_or_all_equal():
    low = scored(aum=-1.0 - rng().random(50))
    assert len(set(ccs.select(low, 20, rng=rng()))) == 20
    assert len(set(ccs.select(scored(aum=np.full(50, -2.0)), 20, rng=rng()))) == 20


def test_ccs_draws_differently_for_another_seed_but_as_many_from_every_bin():
    view = scored(aum=rng().random(400))
    a, b = (ccs.select(view, 100, rng=rng(seed), beta=0, bins=10) for seed in (0, 1))
    assert set(a) != set(b)
    bins = [np.bincount((view.score("aum")[rows] * 10).astype(int), minlength=10) for rows in (a, b)]
    assert np.abs(bins[0] - bins[1]).max() <= 1


# -- k-center -------------------------------------------------------------------------------------------------


def test_k_center_starts_at_the_centre_and_walks_as_the_plain_loop_does():
    x = rng().normal(size=(150, 6)).astype(np.float32)
    picks = [int(((x - x.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    while len(picks) < 40:
        gap = np.sqrt(((x[:, None] - x[picks][None]) ** 2).sum(axis=2)).min(axis=1)
        picks.append(int(gap.argmax()))
    assert k_center.select(View.of(embeddings=x), 40, rng=rng()).tolist() == picks


def test_the_covering_radius_never_grows():
    x = rng().normal(size=(200, 3)).astype(np.float32)
    order = k_center.select(View.of(embeddings=x), 200, rng=rng(), start="random")
    gap, radius = np.full(200, np.inf), []
    for pick in order:
        gap = np.minimum(gap, ((x - x[pick]) ** 2).sum(axis=1))
        radius.append(gap.max())
    assert (np.diff(radius) <= 1e-6).all()


def test_trimmed_items_come_last():
    x = np.concatenate([rng().normal(size=(95, 4)) + 6, -6 * np.eye(5, 4) - 3]).astype(np.float32)
    view = View.of(embeddings=x)
    assert set(range(95, 100)) & set(k_center.select(view, 10, rng=rng()).tolist())
    order = k_center.select(view, 100, rng=rng(), trim=0.05)
    assert set(order[-5:].tolist()) == set(range(95, 100))
