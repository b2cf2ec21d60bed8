"""Pruners that look at where items lie, against literal readings of their papers, scikit-learn and all subsets."""

from itertools import combinations

import numpy as np
import pytest

from curation.data.results import Neighbours
from curation.data.view import View
from curation.maths.arrays import apportioned_order
from curation.maths.clusters import spherical
from curation.maths.similarity.exact import mean_knn_distance
from curation.maths.similarity.graph import symmetric
from curation.methods.pruners import d2, density, herding, infomax, k_center, prototypes, semdedup, zcore
from tests import toy


def rng(seed=0):
    return np.random.default_rng(seed)


def clustered(n=120, d=5, groups=8, seed=0):
    draw = rng(seed)
    centres = draw.normal(size=(groups, d))
    return (centres[draw.integers(groups, size=n)] + 0.4 * draw.normal(size=(n, d))).astype(np.float32)


def unit_rows(x):
    x = x.astype(np.float64)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


# -- the graph, and taking in turn ----------------------------------------------------------------------------


def test_the_undirected_graph_joins_rows_where_either_lists_the_other():
    graph = toy.neighbours(clustered(40), 3)
    joined = {(i, int(j)) for i, row in enumerate(graph.indices) for j in row if j >= 0}
    start, column, distance = symmetric(graph.indices, graph.distances)
    found = {(i, int(j)) for i in range(40) for j in column[start[i] : start[i + 1]]}
    assert found == joined | {(j, i) for i, j in joined}
    assert len(found) == len(column)
    x = unit_rows(clustered(40))
    row = np.repeat(np.arange(40), np.diff(start))
    np.testing.assert_allclose(distance, 1 - (x[row] * x[column]).sum(axis=1), atol=1e-6)


@pytest.mark.parametrize("share", [None, [1.0, 5.0, 2.0]])
def test_taking_in_turn_always_serves_the_group_that_is_furthest_behind(share):
    group, priority = rng().choice(3, size=60, p=[0.6, 0.1, 0.3]), rng(1).random(60)
    weight = np.ones(3) if share is None else np.array(share)
    waiting = {g: sorted(np.flatnonzero(group == g), key=lambda i: priority[i]) for g in range(3)}
    taken, expected = np.zeros(3), []
    for _ in range(60):
        open_ = [g for g in range(3) if waiting[g]]
        g = min(open_, key=lambda g: ((taken[g] + 0.5) / weight[g], priority[waiting[g][0]]))
        expected.append(waiting[g].pop(0))
        taken[g] += 1
    assert apportioned_order(group, priority, share).tolist() == expected


# -- D2 -------------------------------------------------------------------------------------------------------


def literal_d2(x, score, k, gamma_f, gamma_r, budget, clamp=False):
    """Both passes on dense matrices, Euclidean distances between unit rows."""
    x, n = unit_rows(x), len(x)
    distance = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    joined = np.zeros((n, n), bool)
    for i in range(n):
        for j in np.argsort(distance[i] + np.where(np.arange(n) == i, np.inf, 0))[:k]:
            joined[i, j] = joined[j, i] = True
    hard = (score - score.min()) / (score.max() - score.min())
    value = hard + (joined * np.exp(-gamma_f * distance) * np.maximum(hard, 1e-7)).sum(axis=1)
    taken, at_first = [], value.copy()
    for _ in range(budget):
        best = max((i for i in range(n) if i not in taken), key=lambda i: (value[i], at_first[i]))
        taken.append(best)
        for j in range(n):
            if joined[best, j] and j != best:
                value[j] -= np.exp(-gamma_r * distance[best, j]) * value[best]
                if clamp and j not in taken:
                    value[j] = max(value[j], 0)
    return taken


@pytest.mark.parametrize(("k", "gamma_r"), [(1, 0.1), (5, 0.1), (5, 1.0), (10, 0.0)])
def test_d2_takes_what_the_dense_passes_take_even_when_values_rise_again(k, gamma_r):
    x, score = clustered(), rng(1).random(120)
    view = View.of(neighbours=toy.neighbours(x, 20), scores={"aum": score})
    made = d2.select(view, 120, rng=rng(), k=k, gamma_r=gamma_r)
    assert made.tolist() == literal_d2(x, score, k, 1.0, gamma_r, 120)


def test_d2_clamped_and_cut_off_as_read_from_the_formula():
    x, score, cut_by = clustered(), rng(1).random(120), rng(2).random(120)
    view = View.of(neighbours=toy.neighbours(x, 60), scores={"aum": score, "el2n": cut_by})
    pool = np.sort(np.argsort(cut_by)[:96])  # the hardest fifth goes
    made = d2.select(view, 40, rng=rng(), cut_by="el2n", beta=0.2, clamp=True)
    assert made.tolist() == pool[literal_d2(x[pool], score[pool], 5, 1.0, 0.1, 40, clamp=True)].tolist()
    everything = d2.select(view, 120, rng=rng(), cut_by="el2n", beta=0.2)
    assert everything[96:].tolist() == np.argsort(cut_by)[96:].tolist()


def test_d2_worked_numbers():
    # 0 and 1 are one spot (distance 0): each hears all of the other, 0.5 + 1 = 1.5. Items 2 (0) and 3 (0.7) are alone.
    # Taking one of the pair takes 1.5 off the other, which leaves 0, no more than item 2 has.
    graph = Neighbours(np.array([[1], [0], [-1], [-1]]), np.array([[0.0], [0.0], [np.inf], [np.inf]]))
    view = View.of(neighbours=graph, scores={"aum": [0.5, 1.0, 0.0, 0.7]})
    orders = [d2.select(view, 4, rng=rng(seed), k=1).tolist() for seed in range(20)]
    assert {order[0] for order in orders} == {0, 1}
    assert all(order[1] == 3 for order in orders)
    # At cosine distance 0.02, which is 0.2 between unit rows: 0.5 + exp(-0.2) = 1.3187, 1 + 0.5 exp(-0.2) = 1.4094;
    # then 1.3187 - exp(-0.1 * 0.2) * 1.4094 = -0.0628, below item 2.
    graph = Neighbours(graph.indices, np.array([[0.02], [0.02], [np.inf], [np.inf]]))
    view = View.of(neighbours=graph, scores={"aum": [0.5, 1.0, 0.0, 0.7]})
    assert d2.select(view, 4, rng=rng(), k=1).tolist() == [1, 3, 2, 0]


def test_d2_with_a_small_gamma_reaches_more_groups_than_the_score_alone():
    draw = rng(3)
    group = np.repeat(np.arange(10), 20)
    x = (3 * np.eye(10)[group] + 0.05 * draw.normal(size=(200, 10))).astype(np.float32)
    score = (group == 0) * 2.0 + draw.random(200)  # one group is the hardest
    view = View.of(neighbours=toy.neighbours(x, 20), scores={"aum": score})
    reached = [len(set(group[d2.select(view, 20, rng=rng(), gamma_r=g)])) for g in (0.0, 100.0)]
    assert len(set(group[np.argsort(-score)[:20]])) == 1
    assert reached[0] >= 8
    assert reached[1] <= 2


# -- robust k-center ------------------------------------------------------------------------------------------


def test_room_is_the_mean_distance_to_the_nearest_of_all_others():
    x = clustered(60)
    x[5] = x[9]  # a copy is a neighbour at distance 0
    distance = np.sqrt(((x[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_allclose(mean_knn_distance(x, 4), np.sort(distance, axis=1)[:, :4].mean(axis=1), rtol=1e-5)
    assert mean_knn_distance(x[:3], 10) == pytest.approx(
        distance[:3, :3].sum(axis=1, where=distance[:3, :3] < np.inf) / 2
    )


def test_trim_holds_back_what_is_far_in_the_distance_the_picks_are_made_by():
    x = (rng().normal(size=(100, 4)) + 2).astype(np.float32)
    x[95:] = 8 * x[:5]  # far away, in the direction of others
    view = View.of(embeddings=x)
    assert set(range(95, 100)) & set(k_center.select(view, 5, rng=rng()).tolist())
    assert set(k_center.select(view, 100, rng=rng(), trim=0.05)[-5:].tolist()) == set(range(95, 100))


# -- herding --------------------------------------------------------------------------------------------------


def test_herding_takes_the_largest_inner_product_with_what_is_missing():
    x = unit_rows(clustered(150))
    weight, picks = x.mean(axis=0), []
    while len(picks) < 60:
        product = x @ weight
        product[picks] = -np.inf
        picks.append(int(product.argmax()))
        weight = weight + x.mean(axis=0) - x[picks[-1]]
    assert herding.select(View.of(embeddings=clustered(150)), 60).tolist() == picks


@pytest.mark.parametrize("normalise", [True, False])
def test_herding_by_distance_leaves_the_mean_of_the_picks_nearest_the_mean(normalise):
    x = unit_rows(clustered(100)) if normalise else clustered(100).astype(np.float64)
    mean, picks = x.mean(axis=0), []
    while len(picks) < 40:
        miss = [
            np.inf if i in picks else np.linalg.norm(x[[*picks, i]].mean(axis=0) - mean) for i in range(len(x))
        ]  # over every candidate: the definition, not the inner product
        picks.append(int(np.argmin(miss)))
    view = View.of(embeddings=clustered(100))
    assert herding.select(view, 40, rule="distance", normalise=normalise).tolist() == picks
    if normalise:  # on unit rows the two rules are one
        assert herding.select(view, 40).tolist() == picks


def test_herding_is_nearer_the_mean_than_chance_by_far():
    x = unit_rows(clustered(400))
    miss = lambda rows: np.linalg.norm(x[rows].mean(axis=0) - x.mean(axis=0))  # noqa: E731
    chance = np.mean([miss(rng(s).permutation(400)[:40]) for s in range(20)])
    assert miss(herding.select(View.of(embeddings=x), 40)) < chance / 5


# -- clusters -------------------------------------------------------------------------------------------------


def test_spherical_k_means_finds_the_groups_scikit_learn_finds():
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    group = np.repeat(np.arange(6), 40)
    x = (2 * np.eye(6)[group] + 0.2 * rng().normal(size=(240, 6))).astype(np.float32)
    found = spherical(x * rng(1).uniform(0.1, 9, size=(240, 1)), 6, rng(), starts=3)  # length does not matter
    theirs = KMeans(6, n_init=5, random_state=0).fit(unit_rows(x)).labels_
    assert adjusted_rand_score(theirs, found.label) == 1.0


def test_spherical_k_means_rests_at_an_optimum_no_worse_than_scikit_learns():
    from sklearn.cluster import KMeans

    x = unit_rows(clustered(600, d=8, groups=30))
    found = spherical(x, 12, rng(), starts=5)
    total = np.stack([x[found.label == c].sum(axis=0) for c in range(12)])
    np.testing.assert_allclose(found.centres, unit_rows(total), atol=1e-5)
    assert np.array_equal(found.label, (x @ found.centres.T).argmax(axis=1))
    theirs = KMeans(12, n_init=5, random_state=0).fit_predict(x)
    of = lambda label: sum(np.linalg.norm(x[label == c].sum(axis=0)) for c in range(12))  # noqa: E731
    assert of(found.label) > 0.99 * of(theirs)


def test_there_are_no_more_clusters_than_different_directions():
    found = spherical(np.repeat(np.eye(3), 10, axis=0), 8, rng())
    assert len(found.centres) == 3
    assert len(spherical(np.zeros((5, 3)), 4, rng()).centres) == 1


# -- prototypes -----------------------------------------------------------------------------------------------


def separated():
    """60, 30 and 10 items in three directions."""
    group = np.repeat([0, 1, 2], [60, 30, 10])
    return group, (3 * np.eye(3, 6)[group] + 0.3 * rng().normal(size=(100, 6))).astype(np.float32)


@pytest.mark.parametrize(
    ("share", "counts"), [("equal", [10, 10, 10]), ("size", [18, 9, 3]), ("sqrt", [14, 10, 6])]
)  # 30 by the roots 7.75, 5.48, 3.16: 14.2, 10.0, 5.8
def test_clusters_give_their_share(share, counts):
    group, x = separated()
    made = prototypes.select(View.of(embeddings=x), 30, rng=rng(), clusters=3, share=share)
    assert np.bincount(group[made]).tolist() == counts


def test_a_small_cluster_gives_all_it_has():
    group, x = separated()
    made = prototypes.select(View.of(embeddings=x), 60, rng=rng(), clusters=3)
    assert np.bincount(group[made]).tolist() == [25, 25, 10]


@pytest.mark.parametrize("pick", ["nearest", "farthest"])
def test_prototypes_go_from_the_centre_outwards_or_inwards(pick):
    group, x = separated()
    made = prototypes.select(View.of(embeddings=x), 100, rng=rng(), clusters=3, pick=pick)
    for code in range(3):
        mean = unit_rows(unit_rows(x)[group == code].sum(axis=0, keepdims=True))[0]
        distance = 1 - unit_rows(x) @ mean
        own = distance[made[group[made] == code]]
        assert (np.diff(own if pick == "nearest" else -own) > -1e-6).all()


# -- density --------------------------------------------------------------------------------------------------


def lonely(*distances):
    """Items whose one neighbour is at these distances."""
    n = len(distances)
    return View.of(neighbours=Neighbours(((np.arange(n) + 1) % n)[:, None], np.array(distances)[:, None]))


def test_density_draws_in_proportion_to_the_power_of_the_distance():
    view = lonely(0.1, 0.2, 0.3, 0.4)
    for alpha in (0.0, 1.0, 2.0):
        drawn = [tuple(density.select(view, 2, rng=rng(seed), k=1, alpha=alpha)) for seed in range(20_000)]
        p = np.array([0.1, 0.2, 0.3, 0.4]) ** alpha
        p /= p.sum()
        for i, j in [(3, 2), (0, 3), (1, 0), (2, 1)]:  # one after the other, without putting back
            assert np.mean([d == (i, j) for d in drawn]) == pytest.approx(p[i] * p[j] / (1 - p[i]), abs=0.02)


def test_density_reads_the_mean_of_those_neighbours_there_are():
    graph = Neighbours(np.array([[1, 2], [0, -1], [0, 1]]), np.array([[0.0, 1.0], [1e-9, np.inf], [0.0, 0.0]]))
    made = density.select(View.of(neighbours=graph), 3, rng=rng(), k=2, alpha=20)
    assert made.tolist() == [0, 1, 2]  # means 0.5, 1e-9 and 0


# -- SemDeDup -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", ["hard", "easy"])
def test_semdedup_keeps_for_every_threshold_what_the_published_rule_keeps(keep):
    x = clustered(39)  # fewer than 40: one cluster
    x[7], x[20] = 1.001 * x[3] + 0.01, x[30]
    u = unit_rows(x)
    mean = u.mean(axis=0) / np.linalg.norm(u.mean(axis=0))
    line = np.argsort(u @ mean if keep == "hard" else -(u @ mean), kind="stable")
    most = {int(i): max((u[i] @ u[j] for j in line[:at]), default=-1) for at, i in enumerate(line)}
    order = semdedup.select(View.of(embeddings=x), 39, rng=rng(), keep=keep)
    for eps in (0.001, 0.01, 0.1, 0.3):
        kept = {i for i, s in most.items() if s <= 1 - eps}
        assert 0 < len(kept) < 39
        left, copies = set(order[: len(kept)].tolist()), {20, 30}
        assert left - copies == kept - copies  # of two exact copies, either may be the one that stays
        assert len(left & copies) == len(kept & copies)


def test_copies_in_many_clusters_are_the_first_to_go():
    x = clustered(400, d=12, groups=10)
    twice = np.concatenate([x, x[:100]])
    order = semdedup.select(View.of(embeddings=twice), 500, rng=rng(), clusters=10)
    last = order[400:]
    assert len(set((last % 400).tolist())) == 100
    assert set((last % 400).tolist()) == set(range(100))


# -- ZCore ----------------------------------------------------------------------------------------------------


def literal_zcore(x, rounds, k, seed):
    draw, total = rng(seed), np.zeros(len(x))
    low, middle, high = x.min(axis=0), np.median(x, axis=0), x.max(axis=0)
    for _ in range(rounds):
        dims = draw.choice(x.shape[1], 2, replace=False)
        point = draw.triangular(low[dims], middle[dims], high[dims])
        winner = np.abs(x[:, dims] - point).sum(axis=1).argmin()
        total[winner] += 1
        distance = np.abs(x[:, dims] - x[winner, dims]).sum(axis=1)
        near = [i for i in np.argsort(distance, kind="stable") if i != winner][:k]
        share = distance[near] ** -4.0
        total[near] -= share / share.sum()
    return total


def test_zcore_ranks_items_as_the_literal_loop_does():
    from scipy.stats import spearmanr

    x = clustered(60).astype(np.float64)
    theirs = np.sum([literal_zcore(x, 12_000, 8, seed) for seed in (1, 2, 3)], axis=0)
    order = zcore.select(View.of(embeddings=x), 60, rng=rng(), rounds=36_000, neighbours=8, head_start=False)
    rank = np.empty(60)
    rank[order] = np.arange(60)
    assert spearmanr(-rank, theirs).statistic > 0.97  # two runs of the loop agree about as well


def test_the_nearest_by_a_thinned_guess_are_the_nearest():
    for seed in range(20):
        distance = rng(seed).gamma(1.0, size=2000).astype(np.float32)
        distance[rng(seed).permutation(2000)[: 100 * (seed % 3)]] = 0.25  # many at one distance
        found = zcore._nearest(distance, 50)
        assert len(set(found.tolist())) == 50
        assert np.array_equal(np.sort(distance[found]), np.sort(distance)[:50])


# -- InfoMax --------------------------------------------------------------------------------------------------


def worth_of(rows, score, alike, alpha):
    return score[list(rows)].sum() - alpha * alike[np.ix_(list(rows), list(rows))].sum()


def problem(n, k, seed):
    x = clustered(n, d=3, groups=max(n // 6, 2), seed=seed)
    score = rng(seed + 100).random(n)
    score = (score - score.min()) / (score.max() - score.min())
    graph = toy.neighbours(x, 20)
    alike, u = np.zeros((n, n)), unit_rows(x)
    for i in range(n):
        for j in graph.indices[i, :k]:
            alike[i, j] = alike[j, i] = max(u[i] @ u[j], 0)
    return View.of(neighbours=graph, scores={"aum": score}), score, alike


@pytest.mark.parametrize("alpha", [0.1, 0.3, 1.0])
def test_infomax_comes_close_to_the_best_of_all_subsets(alpha):
    reached = []
    for seed in range(8):
        view, score, alike = problem(14, 3, seed)
        best = max(worth_of(rows, score, alike, alpha) for rows in combinations(range(14), 5))
        made = infomax.select(view, 5, rng=rng(), alpha=alpha, k=3)
        reached.append(worth_of(made, score, alike, alpha) / best)
    assert np.mean(reached) > (0.92 if alpha == 1 else 0.98)


def test_infomax_is_no_worse_than_greedy_where_neighbours_are_dear():
    view, score, alike = problem(300, 5, 0)
    gain, greedy = score.copy(), []
    while len(greedy) < 90:
        greedy.append(int(gain.argmax()))
        gain -= 2 * 1.0 * alike[greedy[-1]]
        gain[greedy[-1]] = -np.inf
    made = infomax.select(view, 90, rng=rng(), alpha=1.0)
    assert worth_of(made, score, alike, 1.0) > worth_of(greedy, score, alike, 1.0)


def test_infomax_without_a_price_takes_the_highest_scores():
    view, score, _ = problem(60, 5, 1)
    assert infomax.select(view, 20, rng=rng(), alpha=0).tolist() == np.argsort(-score)[:20].tolist()


@pytest.mark.parametrize("budget", [1, 3, 9, 10])
def test_shares_fill_the_budget_up_to_one_each(budget):
    logits = 3 * rng().normal(size=10)
    share = infomax._shares(logits, budget)
    assert share.sum() == pytest.approx(budget)
    assert share.max() <= 1
    free = share < 1 - 1e-12
    ratio = share[free] / np.exp(logits[free])
    assert np.allclose(ratio, ratio[:1])
    assert (logits[~free] >= logits[free].max(initial=-np.inf)).all()
