"""Flag: which rows look wrong, as a suspicion and a verdict; higher = more suspicious."""

from __future__ import annotations

import numpy as np

from curation.data.writing.manifest import Flagged
from curation.engine import registry, results
from curation.engine.compute import derive
from curation.engine.plan import Ask
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Named, Stage

STAGE = Stage(kind="flags", section="flag", model=Named, shape="list", after=("score",), analysis=True)

compute = derive


def steps(section: Named, ask: Ask) -> list[str]:
    return [ask.result("flag", section.name)]


def result(name: str, ask: Ask) -> str:
    # A flag on all rows fits on the train rows, so it knows which these are.
    return ask.derived("flag", ask.section("flag", name), knows_train=True)


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
