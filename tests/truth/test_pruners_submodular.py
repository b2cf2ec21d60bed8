"""Facility location, graph cut and log-determinant against their definitions, apricot-select, and exhaustive search."""

from itertools import combinations

import numpy as np
import pytest

from curation.data.view import View
from curation.maths.selection import facility_location as kernel
from curation.maths.selection import rank_one
from curation.methods.pruners import facility_location, graph_cut, log_det
from tests import toy


def rows(n, d=8, seed=0):
    """float32 [n, d], unit length, in ten loose clusters."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(10, d))[rng.integers(10, size=n)] + 0.7 * rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def cosines(x):
    return x.astype(np.float64) @ x.T.astype(np.float64)


def similarities(x, kind):
    return np.maximum(cosines(x), 0) if kind == "cosine" else 0.5 + 0.5 * cosines(x)


def pick(module, x, budget, **params):
    return module.select(View.of(embeddings=x), budget, **params).tolist()


def plain_greedy(value, n, budget):
    """Greedy by the definition: the set is valued anew for every candidate. Equal to six digits: the lowest number."""
    picks = []
    while len(picks) < budget:
        rest = [j for j in range(n) if j not in picks]
        worth = np.array([value([*picks, j]) for j in rest])
        picks.append(rest[first_of_the_best(worth)])
    return picks


def first_of_the_best(gain):
    return int(np.flatnonzero(gain >= gain.max() - 1e-6)[0])


def coverage(s):
    return lambda taken: s[:, taken].max(axis=1).sum()


def cut(s, likeness=1.0):
    return lambda taken: likeness * s[:, taken].sum() - s[np.ix_(taken, taken)].sum()


def volume(s, ridge=1.0):
    return lambda taken: np.linalg.slogdet(s[np.ix_(taken, taken)] + ridge * np.eye(len(taken)))[1]


def best_of_all(value, n, budget):
    return max(value(list(taken)) for taken in combinations(range(n), budget))


# -- facility location ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cosine", "shifted"])
def test_facility_location_picks_what_the_definition_picks(kind):
    x = rows(120)
    expected = plain_greedy(coverage(similarities(x, kind)), 120, 15)
    assert pick(facility_location, x, 15, similarity=kind) == expected


@pytest.mark.parametrize("kind", ["cosine", "shifted"])
def test_facility_location_goes_on_as_exactly_after_the_pairs_are_listed(kind, monkeypatch):
    x, s = rows(600, seed=1), similarities(rows(600, seed=1), kind)
    listed = []
    monkeypatch.setattr(kernel, "cover_lists", lambda *args, go_on=kernel.cover_lists: listed.append(1) or go_on(*args))
    covered = np.zeros(600)
    for row in pick(facility_location, x, 300, similarity=kind):  # every pick, after those before it, is a best one
        gain = np.maximum(s - covered[:, None], 0).sum(axis=0)
        assert gain[row] >= gain.max() - 1e-5
        covered = np.maximum(covered, s[:, row])
    assert listed, "the second way was not taken: this test says nothing of it"


@pytest.mark.parametrize(("n", "budget"), [(400, 40), (1500, 300)])
def test_facility_location_is_worth_what_apricot_reaches(n, budget):
    from apricot import FacilityLocationSelection

    x = rows(n, d=16, seed=2)
    s = similarities(x, "cosine")
    theirs = FacilityLocationSelection(budget, metric="precomputed", optimizer="lazy").fit(s).ranking
    ours = pick(facility_location, x, budget)
    assert coverage(s)(ours) == pytest.approx(coverage(s)(theirs), rel=1e-6)


def test_the_sparse_form_is_exact_for_what_every_item_counts():
    x, k = rows(300, seed=3), 6
    s = similarities(x, "cosine")
    sparse = np.zeros_like(s)
    for i in range(300):
        near = sorted(set(range(300)) - {i}, key=lambda j: -s[i, j])[:k]
        sparse[i, [i, *near]] = s[i, [i, *near]]
    expected = plain_greedy(coverage(sparse), 300, 25)
    assert pick(facility_location, x, 25, dense_up_to=0, neighbours=k) == expected


def test_the_sparse_form_with_all_neighbours_is_the_dense_form():
    x = rows(80, seed=4)
    for kind in ("cosine", "shifted"):
        sparse = pick(facility_location, x, 80, similarity=kind, dense_up_to=0, neighbours=79)
        assert sparse == pick(facility_location, x, 80, similarity=kind)


def test_similarities_made_again_each_time_give_the_same_picks_as_those_held():
    import torch

    s = torch.from_numpy(similarities(rows(500, seed=5), "cosine").astype(np.float32))
    held, made = (
        kernel.facility_location(lambda at, of, out: out.copy_(s[at, of]), 500, 200, hold=hold)
        for hold in (True, False)
    )
    assert held.picks == made.picks


def test_greedy_goes_on_from_rows_that_are_taken_as_from_its_own_picks():
    import torch

    s = torch.from_numpy(similarities(rows(500, seed=5), "cosine").astype(np.float32))
    picks = kernel.facility_location(lambda at, of, out: out.copy_(s[at, of]), 500, 200).picks
    for given in (1, 20, 120):
        cover = kernel.facility_location(
            lambda at, of, out: out.copy_(s[at, of]), 500, 200, taken=np.sort(picks[:given]).tolist()
        )
        assert cover.picks[given:] == picks[given:]


@pytest.mark.parametrize("budget", [3, 60, 400])
def test_a_cover_tells_the_nearest_pick_of_every_row(budget):
    import torch

    s = similarities(rows(400, seed=6), "shifted").astype(np.float32)
    cover = kernel.facility_location(lambda at, of, out: out.copy_(torch.from_numpy(s)[at, of]), 400, budget)
    np.testing.assert_allclose(cover.covered, s[:, cover.picks].max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(s[np.arange(400), cover.owner], cover.covered, rtol=1e-6)


def test_one_of_each_is_taken_before_any_copy_and_rows_of_zeros_come_last():
    x = np.concatenate([rows(40, seed=7), rows(40, seed=7), np.zeros((5, 8), np.float32)])
    for dense in (0, 1000):
        order = pick(facility_location, x, 85, dense_up_to=dense)
        assert sorted(row % 40 for row in order[:40]) == list(range(40))
        assert set(order[80:]) == set(range(80, 85))


def test_one_row_is_enough_for_the_sparse_form():
    assert pick(facility_location, rows(1), 1, dense_up_to=0) == [0]


# -- graph cut and log-determinant ----------------------------------------------------------------------------


@pytest.mark.parametrize("likeness", [0.2, 1.0, 3.0])
def test_graph_cut_picks_what_the_definition_picks(likeness):
    x = rows(60, seed=8)
    assert pick(graph_cut, x, 40, likeness=likeness) == plain_greedy(cut(cosines(x), likeness), 60, 40)


def test_graph_cut_is_the_same_for_shifted_cosines():
    x = rows(60, seed=9)
    assert pick(graph_cut, x, 25) == plain_greedy(cut(similarities(x, "shifted")), 60, 25)


def test_graph_cut_is_worth_what_apricot_reaches():
    from apricot import GraphCutSelection

    x = np.abs(rows(500, seed=10))  # apricot wants similarities that are not negative
    theirs = GraphCutSelection(50, metric="precomputed", optimizer="naive", alpha=1).fit(cosines(x)).ranking
    ours = pick(graph_cut, x, 50)
    assert cut(cosines(x))(ours) == pytest.approx(cut(cosines(x))(theirs), rel=1e-6)


@pytest.mark.parametrize("ridge", [1.0, 0.1, 0.001])
def test_log_det_picks_what_the_definition_picks(ridge):
    x = rows(60, seed=11)
    s = cosines(x)
    np.fill_diagonal(s, 1.0)  # all first picks are equal: the lowest number
    assert pick(log_det, x, 45, ridge=ridge) == plain_greedy(volume(s, ridge), 60, 45)


def test_a_pool_picks_what_updating_every_row_picks(monkeypatch):
    monkeypatch.setattr(rank_one, "_FEW", 4)
    applied = []
    monkeypatch.setattr(
        rank_one, "_apply", lambda *args, go_on=rank_one._apply: applied.append(len(args[2])) or go_on(*args)
    )
    x = rows(800, seed=12)
    vectors = x * np.random.default_rng(0).uniform(0.1, 0.4, size=(800, 1)).astype(np.float32)
    start = np.random.default_rng(1).uniform(5, 6, size=800)
    gain, expected = start.copy(), []
    for _ in range(400):
        expected.append(int(gain.argmax()))
        lost = x.astype(np.float64) @ vectors[expected[-1]]
        gain -= lost**2
        gain[expected[-1]] = -np.inf
    picks = rank_one.rank_one_greedy(x, start.copy(), 400, lambda row: vectors[row])
    assert picks == expected
    assert 1 < len(applied) < 400, "several pools, and fewer than picks"


# -- how good greedy is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_greedy_keeps_its_guarantee_against_the_best_set_there_is(seed):
    x = np.random.default_rng(seed).normal(size=(12, 3)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    s = similarities(x, "cosine")
    for module, value, params in (
        (facility_location, coverage(s), {}),
        (log_det, volume(cosines(x)), {}),
        (graph_cut, cut(similarities(x, "shifted"), 2.0), {"likeness": 2.0}),
    ):
        reached = value(pick(module, x, 4, **params))
        assert reached >= (1 - 1 / np.e) * best_of_all(value, 12, 4)


def test_facility_location_speaks_for_every_cluster_before_it_goes_into_detail():
    taken = pick(facility_location, toy.arrays()["embeddings"], 3)
    assert sorted(toy.TRUTH[taken]) == [0, 1, 2]
