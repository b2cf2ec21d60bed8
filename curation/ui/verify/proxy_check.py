"""Selection via proxy: what choosing with a cheap student cost, and whether it ranks items as the target does.

Coleman et al., Selection via Proxy: Efficient Data Selection for Deep Learning, ICLR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.engine import results
from curation.engine.stages import verify
from curation.engine.trials import FULL
from curation.maths.fitting.proxy import speed_up
from curation.ui.state.project import Project


@dataclass(frozen=True)
class Account:
    """One subset of the recipe at one share. Seconds; gain is subset minus full, in accuracy."""

    name: str
    keep: float
    choosing: dict[str, float]  # step -> seconds: the proxy's training, its scores, the choice
    full: float
    subset: float
    gain: float

    @property
    def chosen_in(self) -> float:
        return sum(self.choosing.values())

    def faster(self, trainings: int = 1) -> float:
        """How many times sooner the target is trained, with the selection counted once."""
        return speed_up(self.full, self.chosen_in, subset=self.subset, trainings=trainings)


def accounts(project: Project) -> list[Account]:
    """Every trained subset of the grid, means over the seeds; empty before full and a subset are trained."""
    runs = [run for run in project.verified() if not run["failed"]]
    full = [run for run in runs if run["method"] == FULL]
    if not full:
        return []
    keys = {
        (step.shown["method"], step.shown["keep"]): step.inputs["prune"]
        for step in project.verification.of("verify")
        if "prune" in step.inputs
    }
    made = []
    for name, keep in sorted(keys, key=lambda cell: (cell[1], cell[0])):
        cell = [run for run in runs if (run["method"], run["keep"]) == (name, keep)]
        if cell:
            choosing = verify.cost(project.verification, keys[name, keep])
            gain = _mean(cell, "accuracy") - _mean(full, "accuracy")
            made.append(Account(name, keep, choosing, _mean(full, "train_seconds"), _mean(cell, "train_seconds"), gain))
    return made


def rankings(project: Project) -> tuple[str, np.ndarray, str, np.ndarray] | None:
    """(proxy, its difficulty [m], target, its difficulty [m]) over the train items both were trained on.

    The proxy is the student of the recorded run, the target the verified one; difficulty is the negative mean margin
    (AUM) of each. None before both are there.
    """
    step = next((s for s in project.verification.of("verify") if "prune" not in s.inputs and s.seed == 0), None)
    run, recorded = project.evidence("dynamics"), project.verification.find("evidence", "dynamics")
    if run is None or step is None or not project.verification.done(step):
        return None
    folder = project.workspace.path("verify", step.key)
    rows, margin = results.load(folder, "rows"), results.load(folder, "value")
    if margin is None:  # trained before margins were kept
        return None
    from curation.maths.arrays import margins

    both, at, there = np.intersect1d(run[0], rows, return_indices=True)
    labels = project.store.labels[both]
    aum = np.mean([margins(epoch[at], labels) for epoch in run[1].logits], axis=0)
    proxy = recorded.params.get("student", "your model")
    return proxy, -aum, step.method.id, -np.asarray(margin)[there]


def _mean(runs: list[dict], name: str) -> float:
    return float(np.mean([run[name] for run in runs]))
