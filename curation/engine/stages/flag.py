"""Flag: which rows look wrong, as a suspicion and a verdict; higher = more suspicious.

A flag judges every row it can, of all splits, and a subset may leave out what it flags. So no held-out row may have a
say in what it thinks of the others: it is asked about these alone first, and then about all, for the held-out ones.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.results import Flags
from curation.data.writing.manifest import Flagged
from curation.engine import registry, results
from curation.engine.compute import Call
from curation.engine.plan import Ask, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Named, Stage

STAGE = Stage(kind="flags", section="flag", model=Named, shape="list", after=("score",), analysis=True)


def steps(section: Named, ask: Ask) -> list[str]:
    return [ask.result("flag", section.name)]


def result(name: str, ask: Ask) -> str:
    # A flag on all rows fits on the train rows, so it knows which these are.
    return ask.derived("flag", ask.section("flag", name), knows_train=True)


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """The verdict on every row of its card that all it reads speaks of."""
    rows, card = store.rows_of(step), step.method.card
    for need, key in step.inputs.items():
        if need in step.reads and need in registry.evidence():
            rows = np.intersect1d(rows, results.load(store.folder("evidence", key), "rows"))
    value = call(store.view(step, rows, call.student))
    pool = np.flatnonzero(np.isin(rows, store.pool))
    if 0 < len(pool) < len(rows) and not card.fits_on_train:
        value = with_pool(value, call(store.view(step, rows[pool], call.student)), pool)
    return {"rows": len(rows), **results.save(value, rows, folder)}


def with_pool(whole: Flags, alone: Flags, pool: np.ndarray) -> Flags:
    """What a flag thinks of all rows, with what it thinks of the positions `pool` alone in their place."""

    def placed(name: str) -> np.ndarray | None:
        of_whole, of_alone = getattr(whole, name), getattr(alone, name)
        if of_whole is None or of_alone is None:
            return None
        made = np.array(of_whole)
        made[pool] = of_alone
        return made

    twins = placed("duplicate_of")
    if twins is not None:
        twins[pool] = np.where(alone.duplicate_of >= 0, pool[alone.duplicate_of], -1)
        # What a held-out row is a copy of may be a copy itself by now: of the same item then.
        twins = np.where((twins >= 0) & (twins[twins] >= 0), twins[twins], twins)
    return replace(
        whole, score=placed("score"), flagged=placed("flagged"), suggested=placed("suggested"), duplicate_of=twins
    )


def flagged(store: ResultReader, key: str) -> Flagged:
    """A finished flag laid over all n items, positions turned into item rows."""
    n, folder = len(store.items), store.folder("flag", key)
    rows = results.load(folder, "rows")
    twins = results.load(folder, "duplicate_of")
    duplicate_of = None
    if twins is not None:
        duplicate_of = np.full(n, -1, np.int64)
        duplicate_of[rows] = np.where(twins >= 0, rows[twins], -1)
    suggested = None
    if results.load(folder, "suggested") is not None:
        suggested = results.spread(folder, n, "suggested", fill=-1)
    card = store.workspace.card("flag", key)
    return Flagged(
        registry.get("flags", card["use"]).card.tags,
        results.spread(folder, n, "score"),
        results.spread(folder, n, "flagged", fill=False),
        suggested,
        duplicate_of,
        tuple(card.get("notes", ())),  # cards of before have none
    )
