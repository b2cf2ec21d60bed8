"""Two rounds: the order of many rows, made in shards, beside the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from curation.data.parts import here
from curation.data.view import View
from curation.maths.selection import rounds
from curation.methods.pruners import facility_location, graph_cut, herding

N = 1200


def cover(x, rows):
    return (x @ x[rows].T).max(axis=1).clip(0).sum()


def cut(x, rows):
    return x.sum(axis=0) @ x[rows].sum(axis=0) - (x[rows].sum(axis=0) ** 2).sum()


def nearness(x, rows):
    return -np.linalg.norm(x[rows].mean(axis=0) - x.mean(axis=0))


METHODS = pytest.mark.parametrize(
    ("method", "objective", "least"),  # of what the exact order gains over a random one
    [(facility_location, cover, 0.4), (graph_cut, cut, 0.95), (herding, nearness, 0.8)],
    ids=["facility_location", "graph_cut", "herding"],
)


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 8))[rng.integers(0, 20, N)] + 0.5 * rng.normal(size=(N, 8))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(rounds, "WHOLE", 1000)
    monkeypatch.setattr(rounds, "SHARD", 150)


@METHODS
def test_two_rounds_are_worth_most_of_what_the_exact_order_is(method, objective, least, x, monkeypatch):
    exact = method.select(View.of(embeddings=x), 600)
    monkeypatch.setattr(rounds, "WHOLE", 1000)
    monkeypatch.setattr(rounds, "SHARD", 150)
    made = method.select(View.of(embeddings=x), 600)
    for count in (60, 150, 300, 600):
        drawn = np.mean([objective(x, np.random.default_rng(i).choice(N, count, replace=False)) for i in range(5)])
        best = objective(x, exact[:count])
        assert (objective(x, made[:count]) - drawn) / (best - drawn) > least


@METHODS
@pytest.mark.usefixtures("small_shards")
def test_an_order_made_in_rounds_has_every_row_and_begins_every_longer_one(method, objective, least, x):
    whole = method.select(View.of(embeddings=x), N)
    assert sorted(whole.tolist()) == list(range(N))
    for few in (0, 1, 149, 150, 151, 400, 1190):
        assert method.select(View.of(embeddings=x), few).tolist() == whole[:few].tolist()


@pytest.mark.usefixtures("small_shards")
def test_whoever_computes_the_shards_the_order_is_the_same(x):
    def backwards(function, parts, **shared):
        """As `here`, the last part first."""
        return [function(*part, **shared) for part in parts[::-1]][::-1]

    def typical(x, count, taken):
        near = np.linalg.norm(x - x.mean(axis=0), axis=1)
        near[taken] = np.inf
        return near.argsort(kind="stable")[:count]

    orders = [rounds.in_rounds(typical, x, 700, len, spread=how) for how in (here, backwards)]
    assert orders[0].tolist() == orders[1].tolist()


@pytest.mark.usefixtures("small_shards")
def test_what_the_shards_began_with_stays_where_competing_makes_it_worse(x):
    def first(x, count, taken):
        return np.setdiff1d(np.arange(len(x)), taken)[:count]

    def last(x, count, taken):
        return np.arange(len(x))[::-1][:count]

    seen = []

    def value(rows):
        seen.append(rows.tolist())
        return len(seen) == 2  # the second asked about, the rows of all shards in turn, is worth more

    made = rounds.in_rounds(first, x, 300, value, compete=last)
    assert made[: len(seen[1])].tolist() == seen[1] != seen[0]


def test_shards_are_the_same_every_time_and_hold_every_row_once():
    shards = rounds.deal(1003, 100)
    assert len(shards) == 10
    assert {len(shard) for shard in shards} == {100, 101}
    assert sorted(np.concatenate(shards).tolist()) == list(range(1003))
    assert all(np.array_equal(a, b) for a, b in zip(shards, rounds.deal(1003, 100), strict=True))
