"""A grid of trials: what verification and simulated growth have in common. Each trial is a step with a key, so a grid
resumes, grows and is shared between runs; a trial that fails is noted and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from curation.data.budget import keep_words
from curation.engine import results
from curation.engine.plan import Plan, Step

FULL, RANDOM = "full", "random"  # what a grid always shows beside the recipe's own

Cell = TypeVar("Cell")


def grid(cells: Sequence[Cell], seeds: int) -> list[tuple[Cell | None, int]]:
    """(cell, seed) of every trial, seed after seed; the last of a seed is None, everything there is.

    >>> grid(["ccs", "random"], 2)
    [('ccs', 0), ('random', 0), (None, 0), ('ccs', 1), ('random', 1), (None, 1)]
    """
    return [(cell, seed) for seed in range(seeds) for cell in (*cells, None)]


def trial_rows(
    plan: Plan, stage: str, head: Callable[[Step], Mapping[str, Any]]
) -> Iterator[tuple[dict[str, Any], Step, dict[str, Any] | None]]:
    """(the beginning of its row, the step, its card) of every trial of a stage that is done, in the plan's order.

    A trial that could not be finished has no card, and its row says why in `failed`.
    """
    for step in plan.of(stage):
        row = {**step.shown, **head(step), "failed": None}
        if plan.done(step):
            yield row, step, plan.workspace.card(stage, step.key)
        elif why := plan.workspace.failure(step.key):
            yield row | {"failed": why}, step, None


def save_answers(right: np.ndarray, folder: Path) -> None:
    """right: bool [n], which test items a student got right, in the order of `test_rows`; a bit each."""
    np.save(folder / "correct.npy", np.packbits(right), allow_pickle=False)


def answers(plan: Plan, stage: str) -> dict[str, np.ndarray]:
    """key -> bool [n], which test items each finished trial got right, of those that say so; older ones do not."""
    found = {}
    for step in plan.of(stage):
        if plan.done(step) and (bits := results.load(plan.workspace.path(stage, step.key), "correct")) is not None:
            count = plan.workspace.card(stage, step.key)["test_rows"]
            found[step.key] = np.unpackbits(bits, count=count).astype(bool)
    return found


def finished(runs: Sequence[Mapping]) -> list[Mapping]:
    """The rows of trials that did not fail."""
    return [run for run in runs if not run.get("failed")]


def failures(runs: Sequence[Mapping], name: str) -> list[str]:
    """What failed, one line per `name`, share and reason, with the seeds it happened for."""
    seeds: dict[tuple[str, float, str], list[int]] = {}
    for run in runs:
        if run.get("failed"):
            seeds.setdefault((run[name], run["keep"], run["failed"]), []).append(run["seed"])
    return [
        f"{tried} at {keep_words(keep)}, seed{'s' * (len(of) > 1)} {', '.join(map(str, of))}: {why}"
        for (tried, keep, why), of in seeds.items()
    ]
