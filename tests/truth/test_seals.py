"""SEALS, its index, and a simulated strategy: against the whole pool, sorted lists and worked numbers."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest

from curation.data.view import View
from curation.engine import registry
from curation.maths.similarity.index import Exact, Inverted, build, recall
from curation.training import simulation
from curation.training.active_learning import OTHERS, Learner, Reach, as_concept, next_batch, reachable
from tests.truth.asking import ask, cloud, unit

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
