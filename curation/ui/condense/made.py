"""What has been condensed and judged so far, as the page reads it; also what is being condensed at this moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.data.results import Condensed
from curation.engine import results, trials
from curation.engine.against_real import Comparison, compare
from curation.engine.plan import Plan, Step
from curation.engine.stage import analysis
from curation.engine.stages import judge
from curation.engine.stages.condense import Condense
from curation.engine.trials import finished
from curation.training.condensing import read_snapshots
from curation.ui.state.project import Project


@dataclass(frozen=True)
class Course:
    """How one set came to be. frames: (iteration, seconds, values [M, s, s, 3] uint8 or [M, d]), oldest first; one, the
    set itself, where it was made in one go. labels: int64 [M]. parts: of a mosaic a side. partial: not finished."""

    frames: Sequence[tuple[int, float, np.ndarray]]
    labels: np.ndarray
    parts: int = 1
    partial: bool = False

    def at(self, share: float) -> tuple[int, float, np.ndarray]:
        """The frame at a share of the way, 0 to 1."""
        return self.frames[round(share * (len(self.frames) - 1))]


def planned(project: Project, sections: Sequence[Condense] | None = None) -> Plan:
    """The plan of what the recipe condenses, or of other sections."""
    recipe = None if sections is None else project.recipe.model_copy(update={"condense": list(sections)})
    return project.showing(*analysis(), "judge", recipe=recipe)


def rows(project: Project, the_plan: Plan) -> list[dict[str, Any]]:
    """As `run --json` tells them."""
    return judge.rows(the_plan, project.store) if project.store is not None else []


def compared(runs: Sequence[dict[str, Any]], the_plan: Plan) -> Comparison:
    return compare(finished(runs), trials.answers(the_plan, "judge"))


def sets(the_plan: Plan, per_class: int, of: str = "") -> dict[str, Step]:
    """method -> the step of its first seed's set; those of random real items of as many bytes are left out."""
    found: dict[str, Step] = {}
    for step in the_plan.of("condense"):
        shown = step.shown
        if (shown["per_class"], shown["of"]) == (per_class, of) and "like" not in shown:
            found.setdefault(shown["method"], step)
    return found


def whole(the_plan: Plan, step: Step) -> Condensed:
    return results.load_condensed(the_plan.workspace.path("condense", step.key))


def course(the_plan: Plan, step: Step, codes: np.ndarray) -> Course | None:
    """None while nothing of it is there to be seen. codes: of the classes that have train items, ascending."""
    folder = the_plan.workspace.path("condense", step.key)
    if the_plan.done(step):
        made, spent = whole(the_plan, step), the_plan.workspace.card("condense", step.key)["spent"]
        frames = read_snapshots(folder)
        last = frames[-1][0] if frames else 0
        return Course([*frames[:-1], (last, spent, _shown(made.values))], made.labels, made.parts)
    frames = read_snapshots(folder.with_name(f".partial-{step.key}"))
    if not frames:
        return None
    many, rest = divmod(len(frames[-1][2]), len(codes))  # which is of which class is known where all have equally many
    return None if rest else Course(frames, np.repeat(codes, many), partial=True)


def _shown(values: np.ndarray) -> np.ndarray:
    return np.rint(values).astype(np.uint8) if values.ndim == 4 else values
