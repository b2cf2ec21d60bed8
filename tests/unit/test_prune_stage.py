"""What every pruner shares: the budget, balance, pinned rows, and rows that flags leave out."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from curation.data.decisions import EffectiveDecisions
from curation.data.items import make_items
from curation.data.view import View
from curation.data.workspace import Workspace
from curation.engine import registry, results
from curation.engine.plan import Step
from curation.engine.results_reader import ResultReader
from curation.engine.stages.prune import apply_budget, per_class_selection, prefix_of
from curation.maths.similarity.exact import nearest


def test_tens_of_thousands_of_rows_left_out_each_keep_their_reason(tmp_path):
    """Counted in passes over the rows: one for each row left out would take minutes."""
    n, pinned = 60_000, 7
    space = Workspace(tmp_path)
    items = make_items(ids=[f"i{row}" for row in range(n)], labels=["a", "b"] * (n // 2), splits=["train"] * n)
    twin_of = np.where(np.arange(n) % 2 == 1, np.arange(n) - 1, -1)  # every odd row is the copy of the one before it
    for key, arrays in {
        "twins": {"flagged": twin_of >= 0, "duplicate_of": twin_of},
        "odd": {"flagged": np.arange(n) % 3 == 0},
    }.items():
        folder = space.path("flag", key)
        folder.mkdir(parents=True)
        for name, array in {"rows": np.arange(n), **arrays}.items():
            np.save(folder / f"{name}.npy", array)
    store = ResultReader(space, "none", EffectiveDecisions(pinned={f"i{pinned}": ""}), items)
    extra = {"keep": 0.25, "balance": True, "without": ["twins", "odd"]}
    inputs = {"flag:twins": "twins", "flag:odd": "odd"}
    step = Step("prune", "x", registry.get("pruners", "random"), {}, 0, inputs, extra)

    chosen = apply_budget(step, store, lambda view, wanted, **_: np.arange(wanted))
    taken = chosen.rows[chosen.selection.rows]
    assert len(taken) == n // 4
    assert taken[0] == pinned
    assert not set(taken.tolist()) & set(chosen.left_out)
    assert set(chosen.left_out) == {row for row in range(n) if row % 2 == 1 or row % 3 == 0} - {pinned}
    assert chosen.left_out[5] == "duplicate of i4"
    assert chosen.left_out[9] == "left out: flagged by odd"  # the last flag has the last word
    assert chosen.left_out[6] == "left out: flagged by odd"


def test_a_file_is_mapped_once_for_a_step_and_closed_after_it(tmp_path):
    space, n = Workspace(tmp_path), 8
    items = make_items(ids=[f"i{row}" for row in range(n)], labels=["a", "b"] * 4, splits=["train"] * 6 + ["test"] * 2)
    folder = space.path("evidence", "graph")
    folder.mkdir(parents=True)
    whole, pool = nearest(np.eye(n), 3), nearest(np.eye(6), 3)
    results.save(replace(whole, pool=pool), np.arange(n), folder)
    step = Step("prune", "x", registry.get("pruners", "density"), {}, 0, {"neighbours": "graph"}, reads=("neighbours",))
    view = ResultReader(space, "none", EffectiveDecisions(), items).view(step, np.arange(6))
    graph = view.neighbours
    assert np.array_equal(graph.indices, pool.indices)
    assert np.shares_memory(graph.indices, view._of(view.rows).neighbours.indices)
    mapped = weakref.ref(graph.indices)
    del view, graph
    gc.collect()
    assert mapped() is None


def asked(name: str, **params):
    """A pruner as the runner calls it."""
    return partial(registry.get("pruners", name).call, **params)


def test_classes_of_equal_size_are_drawn_independently_of_each_other():
    labels = np.repeat(np.arange(10), 100)
    places = []
    for seed in range(40):
        picked = per_class_selection(View.of(labels=labels), labels, 200, asked("random"), seed).rows
        assert np.bincount(labels[picked]).tolist() == [20] * 10
        places.append(np.bincount(picked % 100, minlength=100))
    # 10 classes each draw every place with chance .2: 2 of them on average, with a variance of 10 * .2 * .8.
    assert np.var(places) == pytest.approx(1.6, rel=0.1)


def test_under_balance_d2_has_one_graph_per_class_as_published():
    """Asked class by class as if nothing else were there; cut from the graph of all rows, few edges would stay."""
    pruner = registry.get("pruners", "d2")
    assert pruner.card.class_graph
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3  # three classes in one cloud
    x = rng.normal(size=(300, 4)).astype(np.float32)
    view = View.of(labels=labels, embeddings=x, neighbours=nearest(x, 20), scores={"aum": x[:, 0]})
    select = asked("d2", **pruner.validated({}, "d2"))
    picked = per_class_selection(view, labels, 30, select, seed=3, graphs=True).rows
    for code, stream in enumerate(np.random.default_rng(3).spawn(3)):
        own = np.flatnonzero(labels == code)
        alone = View.of(neighbours=nearest(x[own], 20), scores={"aum": x[own, 0]})
        assert picked[labels[picked] == code].tolist() == own[select(alone, 10, rng=stream)].tolist()


@pytest.mark.parametrize("name", ["random", "by_score", "k_center", "density", "d2"])
def test_every_balanced_subset_of_a_nested_pruner_is_the_beginning_of_each_larger_one(name):
    """Also where largest remainders would take a row away from a class as the budget grows (6 : 6 : 2)."""
    labels = np.repeat([0, 1, 2], [18, 18, 6])
    x = np.random.default_rng(0).normal(size=(42, 3)).astype(np.float32) + labels[:, None]
    view = View.of(labels=labels, embeddings=x, neighbours=nearest(x, 20), scores={"aum": x[:, 0]})
    params = registry.get("pruners", name).validated({}, name)

    def taken(budget: int, select) -> list[int]:
        return per_class_selection(view, labels, budget, select, seed=3).rows.tolist()

    for larger in range(2, 43):
        order = np.array(taken(larger, asked(name, **params)))
        for smaller in range(1, larger, 3):
            assert taken(smaller, asked(name, **params)) == taken(smaller, prefix_of(order, 42))
            assert set(taken(smaller, asked(name, **params))) <= set(order.tolist())
