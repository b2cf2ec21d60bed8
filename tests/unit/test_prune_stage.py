"""What every pruner shares: the budget, balance, pinned rows, and rows that flags leave out."""

from __future__ import annotations

import numpy as np

from curation.data.decisions import EffectiveDecisions
from curation.data.items import make_items
from curation.data.workspace import Workspace
from curation.engine import registry
from curation.engine.plan import Step
from curation.engine.results_reader import ResultReader
from curation.engine.stages.prune import apply_budget


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

    chosen = apply_budget(step, store, lambda view, wanted: np.arange(wanted))
    taken = chosen.rows[chosen.selection.rows]
    assert len(taken) == n // 4
    assert taken[0] == pinned
    assert not set(taken.tolist()) & set(chosen.left_out)
    assert set(chosen.left_out) == {row for row in range(n) if row % 2 == 1 or row % 3 == 0} - {pinned}
    assert chosen.left_out[5] == "duplicate of i4"
    assert chosen.left_out[9] == "left out: flagged by odd"  # the last flag has the last word
    assert chosen.left_out[6] == "left out: flagged by odd"
