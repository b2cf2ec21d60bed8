"""What the schedule has trained so far, as the page reads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from curation.engine import results, trials
from curation.engine.plan import Plan
from curation.engine.stage import analysis
from curation.engine.stages import schedule
from curation.engine.stages.schedule import Schedule
from curation.engine.trials import FULL
from curation.ui.state.project import Project


def planned(project: Project, section: Schedule | None = None) -> Plan:
    """The plan of the recipe's schedule, or of another one."""
    recipe = None if section is None else project.recipe.model_copy(update={"schedule": section})
    return project.showing(*analysis(), "schedule", recipe=recipe)


def rows(project: Project, section: Schedule | None = None) -> list[dict[str, Any]]:
    """As `run --json` tells them, and of each cell that is trained its `epochs`: {"passes", "accuracy", "noise"}, lists
    of a number per epoch; noise is None where no wrong labels are known.
    """
    if project.store is None:
        return []
    the_plan = planned(project, section)
    made, cards = schedule.rows(the_plan, project.store), {}
    for step in the_plan.of("schedule"):
        if the_plan.done(step):
            cards[step.shown["sampler"], step.shown["keep"], step.seed] = the_plan.workspace.card("schedule", step.key)
    for row in made:
        if not row["failed"]:
            row["epochs"] = cards[row["sampler"], row["keep"], row["seed"]]["epochs"]
    return made


def answers(project: Project) -> dict[str, np.ndarray]:
    """Which test items each finished student got right, by its key."""
    return trials.answers(planned(project), "schedule")


def used(project: Project, keep: float) -> dict[str, list[np.ndarray]]:
    """sampler -> how often every train item was trained on, int [m], one array a seed, at one share."""
    the_plan, found = planned(project), {}
    for step in the_plan.of("schedule"):
        if the_plan.done(step) and step.shown["keep"] == keep and step.shown["sampler"] != FULL:
            times = results.load(the_plan.workspace.path("schedule", step.key), "value")
            found.setdefault(step.shown["sampler"], []).append(np.asarray(times))
    return found


def history(runs: Sequence[dict[str, Any]]) -> dict[str, list]:
    """Every epoch of every cell as columns of a table."""
    names = ("sampler", "keep", "seed", "student", "noise")
    table: dict[str, list] = {name: [] for name in (*names, "epoch", "passes", "accuracy", "wrong_taken")}
    for run in runs:
        epochs = run["epochs"]
        many = len(epochs["passes"])
        for name in names:
            table[name] += [run[name]] * many
        table["epoch"] += range(1, many + 1)
        table["passes"] += epochs["passes"]
        table["accuracy"] += epochs["accuracy"]
        table["wrong_taken"] += epochs["noise"] or [None] * many
    return table
