"""What verification has found so far: one row per training, as the command line prints it and the app draws it."""

from __future__ import annotations

from typing import Any

import numpy as np

from curation.data.items import TRAIN
from curation.engine import results
from curation.engine.plan import Plan, Step
from curation.engine.results_reader import ResultReader


def rows(plan: Plan, store: ResultReader) -> list[dict[str, Any]]:
    """A row per cell of the plan that is trained or has failed, in the plan's order.

    method, keep, seed, student; accuracy, worst_class, passes, train_rows, test_rows, seconds of training and
    select_seconds of choosing the subset; mislabels_kept, the share of the wrong labels that is in the subset, those
    known to be wrong, else those the recipe's first mislabel flag names (None where there are neither). A cell that
    failed has `failed`, the reason in one sentence, and no figures.
    """
    wrong = _wrong(plan, store)
    made = []
    for step in plan.of("verify"):
        row = {**step.shown, "seed": step.seed, "student": step.method.id, "failed": None}
        if plan.done(step):
            card = plan.workspace.card("verify", step.key)
            wanted = ("accuracy", "worst_class", "passes", "train_rows", "test_rows", "train_seconds", "seconds")
            made.append(row | {name: card[name] for name in wanted} | _selection(plan, step, wrong))
        elif failed := plan.workspace.failure(step.key):
            made.append(row | {"failed": failed})
    return made


def _selection(plan: Plan, step: Step, wrong: np.ndarray | None) -> dict[str, Any]:
    """What choosing the subset took, and what it took along."""
    if "prune" not in step.inputs:
        return {"select_seconds": 0.0, "mislabels_kept": None if wrong is None else 1.0}
    key, kept = step.inputs["prune"], None
    if wrong is not None:
        subset = results.load(plan.workspace.path("prune", key), "rows")
        kept = float(wrong[subset].sum() / wrong.sum())
    return {"select_seconds": plan.workspace.card("prune", key)["seconds"], "mislabels_kept": kept}


def _wrong(plan: Plan, store: ResultReader) -> np.ndarray | None:
    """bool [n]: train items whose label is known to be wrong, else flagged as such; None where none are."""
    items, n = store.items, len(store.items)
    truth, train = items.column("truth"), np.isin(np.arange(n), items.rows(TRAIN))
    wrong = train & np.not_equal(truth, None) & (truth != store.label_names)
    if not wrong.any():
        for step in plan.of("flag"):
            if "mislabel" in step.method.card.tags and plan.done(step):
                folder = plan.workspace.path("flag", step.key)
                wrong = train & (results.spread(folder, n, "flagged", fill=False) > 0)
                break
    return wrong if wrong.any() else None


def cost(plan: Plan, key: str) -> dict[str, float]:
    """Seconds of everything a result stands on, itself included and reading the source not: {step's label: seconds}.

    A step that served several results is counted in full for each: it is what this one would have cost alone.
    """
    by_key = {step.key: step for step in plan.steps}
    seconds: dict[str, float] = {}
    wanted = [key]
    while wanted:
        step = by_key.get(wanted.pop())
        if step is not None and step.label not in seconds and step.stage != "source":
            seconds[step.label] = plan.workspace.card(step.stage, step.key)["seconds"] if plan.done(step) else 0.0
            wanted += step.inputs.values()
    return seconds
