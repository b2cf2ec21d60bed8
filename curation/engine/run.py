"""Runs a plan forwards: each missing step once, atomically, with its card beside its result.

What cuts across all methods happens here and nowhere else: the order, locks, waiting, what a failure stops, and
turning one into a sentence with the log's path.
"""

from __future__ import annotations

import functools
import json
import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.decisions import DecisionLog, EffectiveDecisions, fold, unknown
from curation.data.items import TRAIN, unlabelled_ids
from curation.data.remote.listings import forget_listings
from curation.data.workspace import Workspace, write_text
from curation.engine import registry
from curation.engine.beside import Beside
from curation.engine.compute import Call, compute
from curation.engine.fingerprint import fingerprint
from curation.engine.plan import Plan, Step, plan
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader, no_labels
from curation.engine.stage import analysis, stages
from curation.errors import InputError, StepError, WinnowError, WorkspaceError, in_words, nearest

log = logging.getLogger("winnow")


@dataclass(frozen=True)
class Progress:
    """Where a run is. step 1..steps; done of total within the step (0 of 0 when unknown)."""

    step: int
    steps: int
    label: str
    done: int = 0
    total: int = 0
    message: str = ""


@dataclass
class Outcome:
    """What a run did; `json()` is the contract of `run --json`.

    reports: what the stages tell, by the name of their report; also read as `outcome.verify`, `outcome.exports`, ...
    failed: trials that could not be finished, a sentence each.
    """

    workspace: Path
    steps: list[dict[str, Any]] = field(default_factory=list)
    reports: dict[str, list] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> list:
        try:
            return self.__dict__["reports"][name]
        except KeyError:
            raise AttributeError(f"no stage reports {name!r}") from None

    def json(self) -> dict[str, Any]:
        ends = {"notes": self.notes, "failed": self.failed}
        return {"workspace": str(self.workspace), "steps": self.steps, **self.reports, **ends}


def run(
    recipe: Recipe,
    workspace: Path | str,
    *,
    targets: Sequence[str] | None = None,
    device: str = "auto",
    on_progress: Callable[[Progress], None] = lambda progress: None,
    keep_recipe: bool = True,
) -> Outcome:
    """Have everything the recipe wants, computing only what is missing.

    targets: what to have instead, as in `plan`: "prune:half", "flag:*", "export:0", ...
    keep_recipe: make this the workspace's recipe.toml; a job that tries something out does not.

    Raises InputError before work starts when the recipe, the data or a missing package stands in the way, and
    StepError, naming the step and the log, when something fails on the way. What was finished stays finished.
    A trial of verification that fails (a student that diverges, a subset a method cannot choose) stops nothing: it is
    in `failed`, and is tried again by the next run.
    """
    space = Workspace(workspace)
    decisions = DecisionLog(space.folder).all()
    effective = fold([*recipe.decision, *decisions])
    forget_listings(lambda said: on_progress(Progress(0, 0, "source", message=said)))
    look = functools.cache(fingerprint)  # files are looked at, and buckets listed, once per run
    planned = functools.partial(plan, recipe, space, effective=effective, look=look)
    the_plan = planned(targets)
    _preflight(the_plan)
    _check_device(the_plan, device)
    space.tidy([stage.name for stage in stages().values() if stage.resumable])
    if keep_recipe:
        write_text(space.folder / "recipe.toml", recipe.toml())
    with _log_file(space) as log_path:
        outcome = _Runner(the_plan, device, on_progress, log_path).run(lambda: planned(targets))
    if not planned(analysis()).missing():  # what the results that pages show know of
        last = max((decision.batch for decision in decisions), default=0)
        write_text(space.folder / "last.json", json.dumps({"batch": last}) + "\n")
    return outcome


class _Runner:
    def __init__(self, the_plan: Plan, device: str, on_progress: Callable[[Progress], None], log_path: Path):
        self.plan, self.asked, self.on_progress, self.log_path = the_plan, device, on_progress, log_path
        self.workspace = the_plan.workspace
        self.store: ResultReader | None = None
        self.failed: dict[str, str] = {}  # key -> why

    def run(self, planned_again: Callable[[], Plan]) -> Outcome:
        beside: dict[str, Beside] = {}  # key -> its process
        try:
            source = self.plan.find("source")
            self._tell(1, source)
            cached = [self._finished(source)]
            if not cached[0]:
                self._step_or_trial(1, source)
                if unlabelled_ids(self.workspace.path("source", source.key)):
                    self.plan = planned_again()  # only now it is known which rows wait for a label
            self.store = ResultReader(self.workspace, source.key, self.plan.effective)
            _check(self.plan, self.store)
            for number, step in enumerate(self.plan.steps[1:], start=2):
                self._start_beside(beside)
                self._tell(number, step)
                cached.append(step.key not in beside and self._finished(step))
                if not cached[-1] and step.key not in beside:
                    self._step_or_trial(number, step)
            for process in beside.values():
                self._tell(len(self.plan.steps), process.step, "everything else is done")
                process.join()
        except WinnowError:
            log.error(traceback.format_exc())
            raise
        finally:
            for process in beside.values():
                process.stop()
        return self._outcome(cached)

    def _start_beside(self, beside: dict[str, Beside]) -> None:
        """Start what runs in a process of its own as soon as all it reads is there."""
        by_key = {step.key: step for step in self.plan.steps}
        for step in self.plan.steps:
            if not stages()[step.stage].background or step.key in beside or self._finished(step):
                continue
            if all(self.plan.done(by_key[key]) for key in step.inputs.values() if key in by_key):
                beside[step.key] = Beside(step, self.plan, self._device(step))

    def _device(self, step: Step) -> str:
        """Where a step computes. Finding a GPU means importing torch, seconds that what uses none need not wait for."""
        from curation.training.device import pick

        return pick(self.asked) if _on_device(step) else "cpu"

    def _finished(self, step: Step) -> bool:
        whole = stages()[step.stage].finished
        return self.plan.done(step) and (whole is None or whole(step, self.workspace))

    def _step_or_trial(self, number: int, step: Step) -> None:
        """A step, or a trial, whose failure is noted and stops nothing else."""
        if broken := next((key for key in step.inputs.values() if key in self.failed), None):
            self._fail(step, self.failed[broken])
            return
        try:
            self._step(number, step)
        except WinnowError as error:
            trial = WinnowError if "trial" in step.shown else stages()[step.stage].trial
            if trial is None or not isinstance(error, trial):
                raise
            self._fail(step, str(error))

    def _fail(self, step: Step, sentence: str) -> None:
        self.failed[step.key] = sentence
        self.workspace.fail(step.key, sentence)

    def _step(self, number: int, step: Step) -> None:
        def waiting() -> None:
            self._tell(number, step, "another run is computing this; waiting for it")

        def progress(done: int, total: int, message: str = "") -> None:
            self.on_progress(Progress(number, len(self.plan.steps), step.label, done, total, message))

        try:
            with self.workspace.lock(step.stage, step.key, waiting):
                call = Call(step, self._device(step), progress, self.plan.part)
                if not self.plan.done(step):
                    compute(step, self.workspace, self.store, call)
                elif not self._finished(step):  # unless another run has just finished it
                    stages()[step.stage].restore(step, self.store, call)
        except InputError:
            raise
        except Exception as error:
            log.error(traceback.format_exc())
            raise StepError(f"{step.label} failed: {in_words(error)}; the log is {self.log_path}") from error

    def _tell(self, number: int, step: Step, message: str = "") -> None:
        self.on_progress(Progress(number, len(self.plan.steps), step.label, message=message))

    def _outcome(self, cached: list[bool]) -> Outcome:
        notes = [*self.store.items.notes, *_ignored(self.plan.effective, self.store)]
        outcome = Outcome(self.workspace.folder, notes=notes, failed=list(self.failed.values()))
        for step, was_there in zip(self.plan.steps, cached, strict=True):
            if step.key not in self.failed:
                line = {"stage": step.stage, "use": step.method.id, "key": step.key, "cached": was_there}
                card = self.workspace.card(step.stage, step.key)
                outcome.steps.append(line | {"name": step.name, "seconds": card["seconds"]})
                if step.stage in ("encode", "flag", "prune"):  # what could not be read, judged, or chosen as asked
                    outcome.notes += [f"{step.name}: {note}" for note in card.get("notes", ())]
        for stage in stages().values():
            if stage.rows:
                outcome.reports[stage.report] = stage.rows(self.plan, self.store) if self.plan.of(stage.name) else []
        return outcome


# -- before and around ---------------------------------------------------------------------------------------


def _preflight(the_plan: Plan) -> None:
    """Raise InputError for the first step that something stands in the way of, before any work."""
    for step in the_plan.steps:
        if (preflight := stages()[step.stage].preflight) is not None:
            preflight(step, the_plan.workspace)
    checked = set()
    for step in the_plan.missing():
        for method, params in [(step.method, step.params)] + [
            (registry.get("students", name), params) for name, params in step.students.items()
        ]:
            mark = (method.kind, method.id, str(params))
            if mark not in checked:
                checked.add(mark)
                method.check(params)


def _check_device(the_plan: Plan, device: str) -> None:
    """Raise InputError for a device that was asked for by name and is not there, if a step may use it."""
    from curation.training.device import pick

    steps = the_plan.missing() if the_plan.done(the_plan.find("source")) else the_plan.steps
    if device != "auto" and any(map(_on_device, steps)):
        pick(device)


def _on_device(step: Step) -> bool:
    """Whether a step uses the device it is given."""
    methods = (step.method, *(registry.get("students", name) for name in step.students))
    return stages()[step.stage].device or any("device" in method.injected for method in methods)


def _check(the_plan: Plan, store: ResultReader) -> None:
    """What can only be known once the items are read, checked before anything else is done with them."""
    trains = [s for s in the_plan.missing() if s.trains and not stages()[s.stage].cold and not s.method.card.unlabelled]
    if trains and not (store.labels >= 0).any():
        where = stages()[trains[0].stage].where
        if trains[0].stage == "verify":
            raise InputError(
                f"{where} not verified here: the items have no labels, and no student of Winnow learns anything from "
                'such items that would tell how good they are; bring your own trainer with use = "command"'
            )
        raise InputError(no_labels(f"{trains[0].label} trains a student on", store.items))
    if trains and len(np.unique(store.labels[store.train])) < 2:
        names = sorted({str(name) for name in store.label_names[store.items.rows(TRAIN)]}) or ["none"]
        raise InputError(
            f"{trains[0].label} trains a student and needs train rows of at least two classes; found: {names[0]}"
        )
    for stage in stages().values():
        if stage.check and the_plan.of(stage.name):
            stage.check(store)


def _ignored(effective: EffectiveDecisions, store: ResultReader) -> list[str]:
    """A note on decisions about items that are not there."""
    if not (ids := unknown(effective, store.items.row_of)):
        return []
    hint = nearest(ids[0], store.items.row_of)
    more = f" and {len(ids) - 1:,} more" if len(ids) > 1 else ""
    return [f"Decisions on {ids[0]!r}{more} change nothing: the data has no such items; {hint}."]


class _log_file:
    """A log of this run under `logs/`, named by time."""

    def __init__(self, workspace: Workspace):
        self.path = workspace.folder / "logs" / f"run-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"

    def __enter__(self) -> Path:
        try:
            self.path.parent.mkdir(exist_ok=True)
            self.handler = logging.FileHandler(self.path)
        except OSError as error:
            raise WorkspaceError(f"cannot write {self.path}: {in_words(error)}") from error
        self.handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.setLevel(logging.INFO)
        log.addHandler(self.handler)
        return self.path

    def __exit__(self, *_: Any) -> None:
        log.removeHandler(self.handler)
        self.handler.close()
