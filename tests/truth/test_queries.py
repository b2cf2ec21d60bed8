"""Queries against plain loops, brute force and worked numbers."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from curation.data.view import View
from curation.engine import registry
from curation.errors import InputError
from curation.maths.acquisition import top, value
from curation.maths.similarity.index import Exact, Inverted, build, recall
from curation.methods.queries import active_search, badge, probcover, query_synthesis, typiclust
from curation.methods.students import logistic
from curation.training import simulation
from curation.training.active_learning import OTHERS, Learner, Reach, as_concept, next_batch, reachable


def ask(name: str, view: View, budget: int, seed: int = 0, **params) -> list[int]:
    method = registry.get("queries", name)
    given = method.validated(params, name)
    return method.call(view, budget, rng=np.random.default_rng(seed), **given).tolist()


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cloud(n: int = 60, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


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


# -- the student ------------------------------------------------------------------------------------------------------


def fitted(x, y, **params):
    method = registry.get("students", "logistic")
    names = [str(c) for c in range(int(y.max()) + 1)]
    made = method.call(View.of(embeddings=x, labels=y, classes=names), **method.validated(params, "logistic"))
    return lambda other: made.logits(View.of(embeddings=other.astype(np.float32)))


@pytest.mark.parametrize("classes", [2, 4])
def test_the_logistic_student_stands_at_the_optimum_of_its_objective(classes):
    rng = np.random.default_rng(0)
    y = np.arange(80) % classes
    x = (np.eye(classes, 6)[y] + rng.normal(size=(80, 6))).astype(np.float32) * 3 + 7
    predict = fitted(x, y, c=0.5)
    mean, scale = x.mean(axis=0), 1 / np.sqrt(x.var(axis=0).mean())
    z = (x - mean) * scale
    basis = np.concatenate([np.zeros((1, 6)), np.eye(6)]) / scale + mean  # logits there are the bias and the weights
    logits = predict(basis)
    w = (logits[1:] - logits[0]).astype(np.float64)
    p = np.exp(predict(x).astype(np.float64))
    p /= p.sum(axis=1, keepdims=True)
    # Two classes share one row of weights v = w1 - w0, whose penalty is |v|^2 / 2, twice that of two rows of v / 2.
    penalty = w if classes > 2 else 2 * w
    gradient = z.T @ (p - np.eye(classes)[y]) + penalty / 0.5
    assert np.abs(gradient).max() < 1e-4  # the logits are float32


def newton_cg(x, y, c=1.0):
    """Probabilities of scikit-learn's model, solved by its own Newton-CG as far as it goes."""
    x = x.astype(np.float64)
    mean, scale = x.mean(axis=0), 1 / np.sqrt(x.var(axis=0).mean())
    model = LogisticRegression(C=c, solver="newton-cg", tol=1e-12, max_iter=1000).fit((x - mean) * scale, y)
    return lambda other: model.predict_proba((other.astype(np.float64) - mean) * scale)


@pytest.mark.parametrize(("rows", "c"), [(24, 1.0), (600, 1.0), (600, 100.0), (600, 0.001)])
def test_the_logistic_student_is_scikit_learns_at_its_optimum(rows, c):
    x, y = load_digits(return_X_y=True)
    x = x.astype(np.float32)
    ours = softmax(fitted(x[:rows], y[:rows], c=c)(x), axis=1)
    np.testing.assert_allclose(ours, newton_cg(x[:rows], y[:rows], c)(x), atol=1e-5)


def test_the_logistic_student_is_the_same_with_fewer_rows_than_columns():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 300)).astype(np.float32) + 100, np.arange(20) % 3
    np.testing.assert_allclose(softmax(fitted(x, y)(x), axis=1), newton_cg(x, y)(x), atol=1e-5)


ON_DIGITS = """
import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits
from curation.data.view import View
from curation.methods.students import logistic
x, y = load_digits(return_X_y=True)
x = View.of(embeddings=x.astype(np.float32), labels=y)
np.save({path!r}, softmax(logistic.train(x.subset(np.arange(400))).logits(x).astype(np.float64), axis=1))
"""


def test_the_logistic_student_says_the_same_with_the_products_of_another_processor(tmp_path):
    says = []
    for name, kernels in (("here", {}), ("there", {"OPENBLAS_CORETYPE": "Prescott"})):  # Prescott runs on any x86-64
        path = str(tmp_path / f"{name}.npy")
        subprocess.run([sys.executable, "-c", ON_DIGITS.format(path=path)], env=os.environ | kernels, check=True)
        says.append(np.load(path))
    assert np.abs(says[0] - says[1]).max() < 1e-5


def test_balanced_counts_a_rare_class_as_often_as_the_other():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [30, 10])
    x = (y[:, None] + rng.normal(size=(40, 3))).astype(np.float32)
    copies = np.concatenate([np.arange(40), np.flatnonzero(y == 1), np.flatnonzero(y == 1)])
    a = fitted(x, y, c=1.0, balanced=True)(x)  # a row of the rare class counts 2, the others 2/3
    # Copies stretch the columns another way, and the penalty with them.
    wider = x[copies].var(axis=0).mean() / x.var(axis=0).mean()
    b = fitted(x[copies], y[copies], c=2 / 3 * wider)(x)
    np.testing.assert_allclose(a[:, 1] - a[:, 0], b[:, 1] - b[:, 0], atol=0.02)
    assert np.abs(a - fitted(x, y, c=1.0)(x)).max() > 0.5


def test_a_class_without_rows_is_never_predicted():
    y = np.array([0, 2] * 10)
    x = y[:, None] + np.random.default_rng(0).normal(size=(20, 2))
    made = logistic.train(View.of(embeddings=x.astype(np.float32), labels=y, classes=["a", "b", "c", "d"]))
    logits = made.logits(View.of(embeddings=x.astype(np.float32)))
    assert logits.shape == (20, 4)
    assert set(logits.argmax(axis=1)) <= {0, 2}


# -- SEALS ------------------------------------------------------------------------------------------------------------

FIT = partial(registry.get("students", "logistic").call, balanced=True)


def fit(view, seed):
    return FIT(view)


def two_blobs(n: int = 200, positives: int = 20, seed: int = 0):
    """A small tight cluster of the concept, far from a wide one of everything else; and a few rows labelled."""
    rng = np.random.default_rng(seed)
    is_one = np.arange(n) < positives
    x = (np.where(is_one[:, None], [6.0, 0.0, 0.0], [-6.0, 0.0, 0.0]) + rng.normal(size=(n, 3))).astype(np.float32)
    start = np.concatenate([rng.choice(positives, 2, replace=False), rng.choice(np.arange(positives, n), 5, False)])
    return x, is_one.astype(np.int64), start


def grown(x, labels, start, name, *, k=None, batch=5, rounds=4, seed=0):
    pool = View.of(embeddings=x)
    told = simulation.Setting(labels, labels, start, np.ones(len(x), bool))
    method = registry.get("queries", name)
    reach = None if k is None else Reach(pool, Exact(x), k)
    return simulation.grow(
        pool, told, (OTHERS, "cat"), partial(ask_array, name), needs=method.card.needs, train=fit, batch=batch,
        rounds=rounds, test=pool, test_codes=labels, seed=seed, reach=reach,
    )  # fmt: skip


def ask_array(name, view, budget):
    return np.array(ask(name, view, budget))


def test_most_likely_positive_finds_every_positive_before_a_far_negative():
    x, labels, start = two_blobs()
    asked, history = grown(x, labels, start, "most_likely_positive", batch=6, rounds=3)
    assert labels[asked[len(start) :]].all()
    assert [line["positives"] for line in history] == [2, 8, 14, 20]


@pytest.mark.parametrize("name", ["entropy", "margin", "badge", "information_density", "k_center", "random"])
def test_seals_with_every_row_a_neighbour_asks_exactly_what_the_whole_pool_would(name):
    x, labels, start = two_blobs()
    everywhere, _ = grown(x, labels, start, name)
    asked, history = grown(x, labels, start, name, k=len(x) - 1)
    assert asked.tolist() == everywhere.tolist()
    assert history[-1]["fraction_considered"] == 1.0


def test_seals_scores_no_more_than_k_rows_for_every_label():
    x, labels, start = two_blobs()
    _, history = grown(x, labels, start, "entropy", k=3)
    for before, line in itertools.pairwise(history):
        assert line["considered"] <= 3 * before["labels"]
        assert line["score_ops"] - before["score_ops"] <= 3 * before["labels"]
    assert history[-1]["fraction_considered"] < 0.5


def test_neighbours_are_looked_up_once_for_every_label():
    x, _, start = two_blobs()
    seen = []

    class Counting(Exact):
        def search(self, queries, k):
            seen.append(len(queries))
            return super().search(queries, k)

    reach = Reach(View.of(embeddings=x), Counting(x), 4)
    for rows in (start, start, np.append(start, 50)):
        reach.extend(np.asarray(rows))
    assert seen == [len(start), 1]


def test_what_neighbours_of_neighbours_do_not_lead_to_is_not_reachable():
    x = (np.eye(2, 6)[np.arange(40) // 20] + 0.1 * cloud(40, 6)).astype(np.float32)
    cosine = unit(x.astype(np.float64)) @ unit(x.astype(np.float64)).T - 2 * np.eye(40)
    near = np.argsort(-cosine, axis=1)[:, :2]
    wanted, front = {1}, [1]
    while front:
        new = set(near[front.pop()].tolist()) - wanted
        wanted |= new
        front += new
    found = reachable(Reach(View.of(embeddings=x), Exact(x), 2), np.array([1]))
    assert set(np.flatnonzero(found)) == wanted
    assert 3 < len(wanted) <= 20


def test_a_reach_too_small_for_the_batch_is_filled_up_at_random_and_says_so():
    x, labels, start = two_blobs()
    pool, known = View.of(embeddings=x), np.full(len(x), -1)
    known[start] = labels[start]
    learner = Learner(pool, known, (OTHERS, "cat"), fit, 0)
    reach = Reach(pool, Exact(x), 1)
    made = next_batch(
        pool, known, known < 0, learner, partial(ask_array, "entropy"), ("known", "predicted"), 30,
        np.random.default_rng(0), reach=reach,
    )  # fmt: skip
    assert len(set(made.rows.tolist())) == 30
    assert (known[made.rows] < 0).all()
    assert made.considered < 30
    assert "the others are random rows" in made.notes[0]


def test_the_exact_index_finds_what_a_sorted_list_does(monkeypatch):
    monkeypatch.setattr("curation.maths.similarity.exact._ROWS", 16)  # so that blocks are merged
    x = cloud(70, 6).astype(np.float16)
    cosine = unit(x.astype(np.float64)) @ unit(x.astype(np.float64)).T
    wanted = np.argsort(-cosine[:5], axis=1)[:, :9]
    assert Exact(x).search(x[:5], 9).tolist() == wanted.tolist()
    rows = np.arange(3, 70, 2)
    among = np.argsort(-cosine[:5][:, rows], axis=1)[:, :9]
    assert Exact(x, rows).search(x[:5], 9).tolist() == among.tolist()


def test_the_inverted_file_finds_most_neighbours_and_recall_counts_them():
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(30, 16))[rng.integers(30, size=3000)] + 0.4 * rng.normal(size=(3000, 16))).astype(np.float32)
    rows, stored = np.arange(0, 3000, 10), build(x, seed=0)
    few, many = (recall(Inverted(stored, probes), x, 20, rows) for probes in (1, 219))
    assert few < many
    assert many > 0.99  # every group is looked at: what is missing is half precision
    found = Inverted(stored, 1).search(x[rows], 20)
    by_hand = np.mean([len(set(f) & set(e)) / 20 for f, e in zip(found, Exact(x).search(x[rows], 20), strict=True)])
    assert few == pytest.approx(by_hand)


# -- simulation -------------------------------------------------------------------------------------------------------


def test_average_precision_is_the_worked_number():
    truth, score = np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.7, 0.4, 0.2])
    found = simulation.metrics(np.stack([1 - score, score], axis=1), truth)
    assert found["average_precision"] == pytest.approx(0.805556, abs=1e-6)


def test_a_setting_depends_on_its_seed_only_and_thins_and_answers_as_asked():
    truth = np.random.default_rng(0).integers(0, 4, 4000)
    truth[:100] = -1
    made = [
        simulation.setting(truth, "abcd", start=3, noise=0.2, outside=["d"], outside_share=0.1, seed=s)
        for s in (1, 1, 2)
    ]
    assert np.array_equal(made[0].told, made[1].told)
    assert np.array_equal(made[0].start, made[1].start)
    assert not np.array_equal(made[0].start, made[2].start)
    one = made[0]
    assert not one.playing[:100].any()
    inside = one.playing & (truth != 3)
    assert (one.told[truth == 3] == simulation.OUTSIDE).all()
    assert (one.playing & (truth == 3)).sum() / one.playing.sum() == pytest.approx(0.1, abs=0.001)
    assert (one.told != truth)[inside].mean() == pytest.approx(0.2, abs=0.02)
    assert set(one.told[inside]) == {0, 1, 2}
    assert np.bincount(truth[one.start]).tolist() == [3, 3, 3]


def test_a_rare_concept_is_thinned_and_keeps_its_first_examples():
    truth = np.random.default_rng(0).integers(0, 10, 20000)
    made = simulation.setting(truth, [str(i) for i in range(10)], concept=4, start=5, others=95, rare=0.005, seed=0)
    positives = made.playing & (truth == 4)
    assert positives.sum() / made.playing.sum() == pytest.approx(0.005, abs=1e-4)
    assert (made.right[made.start] == 1).sum() == 5
    assert len(made.start) == 100
    assert made.playing[made.start].all()
    assert np.array_equal(made.right, as_concept(truth, 4))


def test_wasted_questions_are_counted_and_never_taught():
    truth = np.random.default_rng(0).integers(0, 3, 600)
    x = (np.eye(3, 4)[truth] * 3 + cloud(600, 4)).astype(np.float32)
    setting = simulation.setting(truth, "abc", start=4, noise=0.3, outside=["c"], outside_share=0.2, seed=0)
    taught = []

    def spy(view, seed):
        taught.append(view.labels)
        return fit(view, seed)

    asked, history = simulation.grow(
        View.of(embeddings=x), setting, ("a", "b", "c"), partial(ask_array, "random"), needs=("known",), train=spy,
        batch=100, rounds=2, test=View.of(embeddings=x), test_codes=np.minimum(truth, 1),
    )  # fmt: skip
    assert history[-1]["outside"] == (truth[asked] == 2).sum() > 10
    assert len(taught[-1]) == len(asked) - history[-1]["outside"]
    assert history[-1]["wrong"] == (setting.told[asked] != setting.right[asked]).sum() > 20
    assert set(taught[-1]) == {0, 1}


def test_the_area_under_a_curve_is_its_mean_height():
    assert simulation.area([0, 10, 20], [0.0, 1.0, 1.0]) == pytest.approx(0.75)
    assert simulation.area([5], [0.4]) == 0.4
