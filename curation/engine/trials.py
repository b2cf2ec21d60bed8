"""A grid of trials: what verification and simulated growth have in common. Each trial is a step with a key, so a grid
resumes, grows and is shared between runs; a trial that fails is noted and stops nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

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
