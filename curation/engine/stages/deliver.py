"""Deliver: finished condensed sets as files, one folder for every number of items per class.

Written is the set of the section's first seed; no test accuracy chose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.workspace import Workspace
from curation.data.writing.atomic import atomic_folder, refuse_foreign_folder
from curation.data.writing.condensed_set import write_set
from curation.engine import outside, registry, results
from curation.engine.compute import Call, versions
from curation.engine.plan import Ask, Plan, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Stage
from curation.engine.stages import judge
from curation.engine.stages.condense import Condense

STAGE = Stage(kind="condensers", section="condense", shape="list", after=("judge",), report="condensed_files")


def steps(section: Condense, ask: Ask) -> list[str]:
    if section.path is None:
        return []
    judge.steps(section, ask)
    method, keys = registry.get("condensers", section.use), []
    for per_class in section.per_class:
        trained = [
            step
            for step in ask.plan.steps
            if step.stage == "judge" and step.section is section and step.shown["per_class"] == per_class
        ]
        first = next(step for step in trained if step.seed == section.seed)
        inputs = {"condensed": first.inputs["condensed"]}
        inputs |= {f"judge:{number}:{step.shown['student']}": step.key for number, step in enumerate(trained)}
        folder = section.path / f"{per_class}-per-class"
        name, extra = f"{section.name} {folder}", {"path": folder}
        keys.append(
            ask.add(Step("deliver", name, method, section.params, section.seed, inputs, extra, section=section))
        )
    return keys


def preflight(step: Step, workspace: Workspace) -> None:
    refuse_foreign_folder(step.extra["path"])


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """The files outside; what they looked like when they were written is on the card."""
    paths = _write(step, store)
    return {"files": [str(path) for path in paths], "written": outside.marks(paths)}


def finished(step: Step, workspace: Workspace) -> bool:
    return outside.unchanged(step, workspace)


def restore(step: Step, store: ResultReader, call: Call) -> None:
    outside.remember(step, store.workspace, _write(step, store))


def rows(plan: Plan, store: ResultReader) -> list[str]:
    """The folders that were written."""
    return [str(step.extra["path"]) for step in plan.of("deliver") if plan.done(step)]


def table(rows: Sequence[str]) -> list[list[str]]:
    return [["wrote"], *([path] for path in rows)]


def about(workspace: Workspace, key: str, trained: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """What a set says of itself beside its files. trained: (student, card of stage `judge`) of every training on it.

    accuracy and accuracy_8bit: mean over the seeds by student; loss_of_rounding: of the student that learnt both.
    """
    card = workspace.card("condense", key)
    found: dict[str, dict[str, list[float]]] = {}
    for student, judged in trained:
        kind = "accuracy_8bit" if judged["params"]["rounded"] else "accuracy"
        found.setdefault(student, {}).setdefault(kind, []).append(judged["accuracy"])
    students = {name: {kind: float(np.mean(values)) for kind, values in by.items()} for name, by in found.items()}
    for by in students.values():
        if "accuracy_8bit" in by:
            by["loss_of_rounding"] = by["accuracy"] - by["accuracy_8bit"]
    names = ("use", "version", "params", "seed", "items", "train_rows", "bytes", "parts", "passes", "spent", "notes")
    said = {name: card[name] for name in names}
    return {"written_by": "Winnow", **said, "students": students, "versions": versions()}


def _write(step: Step, store: ResultReader) -> list[Path]:
    key, target = step.inputs["condensed"], step.extra["path"].absolute()
    made = results.load_condensed(store.folder("condense", key))
    judged = [(name.split(":", 2)[2], k) for name, k in step.inputs.items() if name.startswith("judge:")]
    said = about(store.workspace, key, [(student, store.workspace.card("judge", k)) for student, k in judged])
    with atomic_folder(target) as folder:
        write_set(folder, made, store.classes, said, made_from(store, made))
    return sorted(path for path in target.rglob("*") if path.is_file())


def made_from(store: ResultReader, made: results.Condensed) -> list[str | None]:
    """The id of the real item each item of a set is, or was made from; None where there is no single one."""
    ids = store.items.column("id")
    rows = np.full(len(made.labels), -1) if made.rows is None else made.rows
    return [None if row < 0 else str(ids[row]) for row in rows.tolist()]
