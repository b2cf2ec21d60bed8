"""Queries against plain loops, brute force and worked numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from curation.data.view import View
from curation.errors import InputError
from curation.maths.acquisition import top, value
from curation.methods.queries import active_search, badge, probcover, query_synthesis, typiclust
from curation.training.active_learning import OTHERS
from tests.truth.asking import ask, cloud, unit

# -- one number per item ----------------------------------------------------------------------------------------------


def test_acquisition_values_are_the_textbook_ones():
    p = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    ordered = np.sort(p, axis=1)[:, ::-1]
    np.testing.assert_allclose(value("least_confidence", p), 1 - ordered[:, 0])
    np.testing.assert_allclose(value("margin", p), 1 - (ordered[:, 0] - ordered[:, 1]))
    np.testing.assert_allclose(value("entropy", p), stats.entropy(p, axis=1), atol=1e-9)


def test_entropy_of_a_certain_answer_is_zero_and_not_nan():
    assert value("entropy", np.array([[1.0, 0.0]])).tolist() == [0.0]


def test_ties_are_broken_by_the_generator_and_by_nothing_else():
    drawn = {tuple(top(np.ones(6), 2, np.random.default_rng(seed))) for seed in range(200)}
    assert len(drawn) == 30  # every ordered pair
    assert top(np.array([0.0, 2.0, 2.0, 5.0]), 3, np.random.default_rng(1)).tolist()[0] == 3


def test_information_density_is_doubt_times_the_mean_cosine_with_every_unlabelled_item():
    x, p = np.abs(cloud(40)), np.random.default_rng(1).dirichlet(np.ones(3), 40)
    known = np.where(np.arange(40) < 8, 0, -1)
    open_ = np.arange(8, 40)
    cosine = unit(x[open_].astype(np.float64)) @ unit(x[open_].astype(np.float64)).T
    wanted = stats.entropy(p[open_], axis=1) * cosine.mean(axis=1) ** 2
    view = View.of(known=known, predicted=p, embeddings=x)
    assert ask("information_density", view, 10, beta=2.0) == open_[np.argsort(-wanted)][:10].tolist()


def test_cost_divides_doubt_and_without_weight_it_is_margin():
    p, costs = np.random.default_rng(0).dirichlet(np.ones(3), 30), np.random.default_rng(1).uniform(1, 9, 30)
    view = View.of(known=np.full(30, -1), predicted=p, costs=costs)
    ordered = np.sort(p, axis=1)
    by_hand = (1 - ordered[:, 2] + ordered[:, 1]) / np.sqrt(costs)
    assert ask("cost_aware", view, 30, gamma=0.5) == np.argsort(-by_hand).tolist()
    assert ask("cost_aware", view, 30, gamma=0.0) == ask("margin", view, 30)


@pytest.mark.parametrize("name", ["most_likely_positive", "active_search"])
def test_looking_for_one_concept_among_three_classes_is_a_sentence(name):
    view = View.of(known=np.array([0, 1, 2, -1]), predicted=np.full((4, 3), 1 / 3), embeddings=cloud(4), classes="abc")
    with pytest.raises(InputError, match="there are 3 classes: set `concept`"):
        ask(name, view, 1)


# -- geometry ---------------------------------------------------------------------------------------------------------


def test_k_center_takes_what_a_full_distance_matrix_says():
    x, known = cloud(60), np.where(np.arange(60) % 13 == 0, 1, -1)
    distance = np.linalg.norm(x[:, None].astype(np.float64) - x[None], axis=2)
    taken, wanted = np.flatnonzero(known >= 0).tolist(), []
    for _ in range(20):
        wanted.append(int(distance[:, taken].min(axis=1).argmax()))
        taken.append(wanted[-1])
    assert ask("k_center", View.of(known=known, embeddings=x), 20) == wanted


def test_badge_distances_are_those_of_the_outer_products():
    r = np.array([[0.3, -0.2, -0.1], [0.5, -0.4, -0.1]])
    x = np.array([[1.0, 2.0], [0.0, 1.0]])
    length = badge.squared_length(r, x)
    assert badge.squared_distance(r, x, length, 0)[1] == pytest.approx(0.16)
    assert badge.squared_distance(r, x, length, 1)[0] == pytest.approx(0.16)
    rng = np.random.default_rng(0)
    r, x = rng.normal(size=(30, 4)), rng.normal(size=(30, 7))
    dense = np.einsum("nc,nd->ncd", r, x).reshape(30, -1)
    for j in (0, 11):
        found = badge.squared_distance(r, x, badge.squared_length(r, x), j)
        np.testing.assert_allclose(found, ((dense - dense[j]) ** 2).sum(axis=1), atol=1e-5)


def test_badge_begins_with_the_longest_gradient_and_goes_on_by_squared_distance():
    # Two classes, p = (0.5, 0.5): the gradient is +-(0.5, -0.5) outer x. Three places, the longest first.
    x = np.array([[10, 0]] + [[0, 1]] * 20 + [[0, -3]] * 20, np.float32)
    view = View.of(known=np.full(41, -1), predicted=np.full((41, 2), 0.5), embeddings=x)
    far = [ask("badge", view, 2, seed)[1] > 20 for seed in range(400)]
    assert {ask("badge", view, 2, seed)[0] for seed in range(5)} == {0}
    wanted = (100 + 9) / (100 + 9 + 100 + 1)  # squared distances from the first place
    assert np.mean(far) == pytest.approx(wanted, abs=0.08)


def test_typiclust_asks_in_the_largest_unlabelled_group_first_and_for_its_most_typical_item():
    rng = np.random.default_rng(0)
    centres = np.eye(3, 8) * 5
    label = np.repeat([0, 1, 2], [30, 20, 12])
    x = (centres[label] + 0.3 * rng.normal(size=(62, 8))).astype(np.float32)
    known = np.full(62, -1)
    known[3] = 0  # the largest group has a label
    picks = ask("typiclust", View.of(known=known, embeddings=x), 2)
    for pick, group in zip(picks, (1, 2), strict=True):
        members = np.flatnonzero(label == group)
        distance = np.linalg.norm(unit(x[members])[:, None] - unit(x[members])[None], axis=2)
        k = min(20, len(members) // 2)
        typical = np.sort(distance, axis=1)[:, 1 : k + 1].mean(axis=1)
        assert pick == members[typical.argmin()]


def test_typiclust_comes_back_to_groups_that_have_been_asked_and_to_small_ones_last():
    label = np.repeat([0, 1], [20, 3])
    x = (np.eye(2, 4)[label] * 9 + 0.1 * np.random.default_rng(0).normal(size=(23, 4))).astype(np.float32)
    picks = ask("typiclust", View.of(known=np.full(23, -1), embeddings=x), 23, most=2)
    assert sorted(picks) == list(range(23))
    assert label[picks[:20]].max() == 0


def test_typicality_is_measured_the_same_in_blocks(monkeypatch):
    x = unit(cloud(50))
    whole = typiclust._spread(x, 7)
    monkeypatch.setattr(typiclust, "_BLOCK", 8)
    np.testing.assert_allclose(typiclust._spread(x, 7), whole, rtol=1e-5)


def covered(x: np.ndarray, picks, delta: float) -> int:
    distance = np.linalg.norm(x[:, None] - x[None], axis=2)
    return int((distance[list(picks)] < delta).any(axis=0).sum())


@pytest.mark.parametrize("seed", range(5))
def test_probcover_covers_at_least_63_percent_of_the_best_and_never_less_with_more(seed):
    x, delta = unit(cloud(15, 3, seed)), 0.7
    picks = ask("probcover", View.of(known=np.full(15, -1), embeddings=x), 4, delta=delta)
    reached = [covered(x, picks[:b], delta) for b in range(1, 5)]
    assert reached == sorted(reached)
    for b, got in enumerate(reached, start=1):
        best = max(covered(x, chosen, delta) for chosen in itertools.combinations(range(15), b))
        assert got >= (1 - 1 / np.e) * best
    assert reached[0] == max(covered(x, [i], delta) for i in range(15))


def test_probcover_leaves_out_what_labels_cover_already():
    x = unit(np.array([[1, 0], [1, 0.05], [1, 0.1], [1, 0.15], [0, 1], [0.1, 1]], np.float32))
    known = np.array([-1, 0, -1, -1, -1, -1])
    assert ask("probcover", View.of(known=known, embeddings=x), 1, delta=0.3)[0] in (4, 5)


def test_the_radius_is_the_largest_at_which_95_percent_of_the_balls_are_pure():
    rng = np.random.default_rng(0)
    x = unit((np.eye(2, 6)[np.arange(120) % 2] * 2 + 0.6 * rng.normal(size=(120, 6))).astype(np.float32))
    delta = probcover.radius(x, 2, np.random.default_rng(0))
    label = probcover.spherical(x, 2, np.random.default_rng(0)).label
    distance = np.linalg.norm(x[:, None].astype(np.float64) - x[None], axis=2)
    strangers = np.where(label[:, None] != label, distance, np.inf).min(axis=1)
    pure = lambda radius: (strangers >= radius).mean()  # noqa: E731 - no stranger strictly within
    assert pure(delta - 1e-5) >= 0.95
    assert pure(delta + 1e-3) < 0.95


# -- search and synthesis ---------------------------------------------------------------------------------------------


def expected_finds(x, known, k, prior, horizon) -> np.ndarray:
    """The look ahead of active search by loops: every item, both answers, everybody's chance computed anew."""
    n = len(x)
    cosine = unit(x.astype(np.float64)) @ unit(x.astype(np.float64)).T
    np.fill_diagonal(cosine, -np.inf)
    speaks = [np.argsort(-cosine[i], kind="stable")[:k] for i in range(n)]

    def chances(answers: dict[int, int]) -> np.ndarray:
        yes, heard = np.full(n, prior), np.ones(n)
        for i, answer in answers.items():
            for j in speaks[i]:
                w = max(cosine[i, j], 0)
                yes[j] += w * answer
                heard[j] += w
        return yes / heard

    told = {i: int(known[i] == 1) for i in np.flatnonzero(known >= 0)}
    gains = np.full(n, -np.inf)
    for i in np.flatnonzero(known < 0):
        p = chances(told)[i]
        rest = [j for j in np.flatnonzero(known < 0) if j != i]
        follow = [np.sort(chances({**told, i: y})[rest])[::-1][:horizon].sum() for y in (0, 1)]
        gains[i] = p * (1 + follow[1]) + (1 - p) * follow[0]
    return gains


@pytest.mark.parametrize("horizon", [0, 1, 4, 50])
def test_active_search_looks_ahead_as_a_loop_over_both_answers_does(horizon):
    x = cloud(25, 3)
    known = np.where(np.arange(25) < 6, np.arange(25) % 2, -1)
    gains = expected_finds(x, known, 5, 0.1, horizon)
    view = View.of(known=known, embeddings=x, classes=(OTHERS, "cat"))
    assert ask("active_search", view, 6, horizon=horizon, k=5, shortlist=25) == np.argsort(-gains)[:6].tolist()


def test_active_search_prefers_the_crowd_once_questions_follow():
    # Two equally likely items: one alone, one amid unlabelled neighbours that its answer would make likelier.
    angle = np.radians([0, 0, 14, -14, -20, -21, -22, -23])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    known = np.array([1, 0, -1, -1, -1, -1, -1, -1])
    view = View.of(known=known, embeddings=x, classes=(OTHERS, "cat"))
    yes, heard = active_search.posterior(x, known, np.array([0, 1]), 3, 0.1)
    assert (yes / heard)[2] == pytest.approx((yes / heard)[3], rel=1e-5)
    assert ask("active_search", view, 1, horizon=4, k=3) != [2]


def test_query_synthesis_asks_for_the_item_nearest_to_the_middle_of_the_closest_opposite_pair():
    x, rng = cloud(40, 4), np.random.default_rng(3)
    known = np.full(40, -1)
    known[:8] = rng.permutation([0, 1] * 4)
    u = unit(x.astype(np.float64))
    pairs = [(i, j) for i in range(8) for j in range(8) if known[i] != known[j]]
    i, j = max(pairs, key=lambda pair: u[pair[0]] @ u[pair[1]])
    nearest = 8 + int((u[8:] @ (u[i] + u[j])).argmax())
    assert ask("query_synthesis", View.of(known=known, embeddings=x), 1) == [nearest]
    middle = query_synthesis.between(x[:8], known[:8])
    np.testing.assert_allclose(middle[0], (u[i] + u[j]) / 2, atol=1e-5)


def test_query_synthesis_without_a_second_class_says_what_to_ask_with():
    with pytest.raises(InputError, match="typiclust, probcover or random"):
        ask("query_synthesis", View.of(known=np.array([0, 0, -1]), embeddings=cloud(3)), 1)
