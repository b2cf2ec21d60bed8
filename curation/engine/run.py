"""Runs a plan forwards: each missing step once, atomically, with its card beside its result.

What cuts across all methods happens here and nowhere else: cutting the View to the rows a step may see, class
balance, rows a person pinned or dropped, seeds, timing, the device, and turning a failure into one sentence with
the log's path.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.decisions import DecisionLog, EffectiveDecisions
from curation.data.items import TRAIN, unlabelled_ids
from curation.data.workspace import Workspace, write_text
from curation.engine import growth_report, registry, verification_report
from curation.engine.compute import compute, test_rows
from curation.engine.export import export_step, exported
from curation.engine.plan import STAGES, Plan, Step, plan
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader
from curation.errors import InputError, StepError, WinnowError, WorkspaceError

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
    """What a run did; `json()` is the contract of `run --json`."""

    workspace: Path
    steps: list[dict[str, Any]] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)
    verify: list[dict[str, Any]] = field(default_factory=list)
    growth: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)  # verification's trials that could not be finished, a sentence each

    def json(self) -> dict[str, Any]:
        return {
            "workspace": str(self.workspace),
            "steps": self.steps,
            "exports": self.exports,
            "verify": self.verify,
            "growth": self.growth,
            "notes": self.notes,
            "failed": self.failed,
        }


def run(
    recipe: Recipe,
    workspace: Path | str,
    *,
    device: str = "auto",
    until: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    keep_recipe: bool = True,
) -> Outcome:
    """Have everything the recipe wants, computing only what is missing.

    keep_recipe: make this the workspace's recipe.toml; a job that tries something out does not.

    Raises InputError before work starts when the recipe, the data or a missing package stands in the way, and
    StepError, naming the step and the log, when something fails on the way. What was finished stays finished.
    A trial of verification that fails (a student that diverges, a subset a method cannot choose) stops nothing: it is
    in `failed`, and is tried again by the next run.
    """
    from curation.training.device import pick

    space = Workspace(workspace)
    last = max((d.batch for d in DecisionLog(space.folder).all()), default=0)
    the_plan = plan(recipe, space, until)
    _preflight(the_plan)
    chosen = pick(device) if _computes(the_plan) else "cpu"  # finding a GPU means importing torch: seconds
    space.tidy()
    if keep_recipe:
        write_text(space.folder / "recipe.toml", recipe.toml())
    with _log_file(space) as log_path:
        runner = _Runner(the_plan, chosen, on_progress, log_path)
        outcome = runner.run(lambda: plan(recipe, space, until, the_plan.effective))
    if until is None or STAGES.index(until) >= STAGES.index("map"):
        write_text(space.folder / "last.json", json.dumps({"batch": last}) + "\n")  # what these results know of
    return outcome


class _Runner:
    def __init__(self, the_plan: Plan, device: str, on_progress: Callable[[Progress], None], log_path: Path):
        self.plan, self.device, self.on_progress, self.log_path = the_plan, device, on_progress, log_path
        self.workspace = the_plan.workspace
        self.store: ResultReader | None = None
        self.outcome = Outcome(self.workspace.folder)
        self.failed: dict[str, str] = {}  # key -> why

    def run(self, planned_again: Callable[[], Plan]) -> Outcome:
        beside: list[tuple[Step, _Beside]] = []
        cached: list[bool] = []
        try:
            source = self.plan.steps[0]
            self._tell(1, source)
            cached.append(self.plan.done(source))
            if not cached[0]:
                self._step_or_trial(1, source)
                if unlabelled_ids(self.workspace.path("source", source.key)):
                    self.plan = planned_again()  # only now it is known which rows wait for a label
            self.store = ResultReader(self.workspace, source.key, self.plan.effective)
            _check_labels(self.plan, self.store)
            for number, step in enumerate(self.plan.steps[1:], start=2):
                self._tell(number, step)
                cached.append(exported(step, self.workspace) if step.stage == "export" else self.plan.done(step))
                if not cached[-1] and step.stage == "map":
                    # Nothing waits for the map, and its libraries compile for long: it runs in its own process.
                    beside.append((step, _Beside(step, self.store, self.device)))
                elif not cached[-1]:
                    self._step_or_trial(number, step)
            for step, process in beside:
                self._tell(len(self.plan.steps), step, "drawing the map")
                process.join()
        except WinnowError:
            log.error(traceback.format_exc())
            raise
        finally:
            for _, process in beside:
                process.stop()
        for step, was_there in zip(self.plan.steps, cached, strict=True):
            if step.key not in self.failed:
                self._report(step, was_there)
        if self.plan.of("verify"):
            self.outcome.verify = verification_report.rows(self.plan, self.store)
        if self.plan.of("growth"):
            self.outcome.growth = growth_report.rows(self.plan)
        self.outcome.failed = list(self.failed.values())
        self.outcome.notes = [*self.store.items.notes, *self._flag_notes()]
        return self.outcome

    def _flag_notes(self) -> list[str]:
        """What flags could not judge, each with the name of the flag."""
        there = [step for step in self.plan.of("flag") if step.key not in self.failed]
        return [f"{s.name}: {note}" for s in there for note in self.workspace.card("flag", s.key).get("notes", ())]

    def _step_or_trial(self, number: int, step: Step) -> None:
        """A step, or one of verification's trials, whose failure is noted and stops nothing else."""
        if broken := next((key for key in step.inputs.values() if key in self.failed), None):
            self._fail(step, self.failed[broken])
            return
        try:
            self._step(number, step)
        except WinnowError as error:
            if not _is_trial(step, error):
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
                if step.stage == "export":
                    export_step(step, self.plan.recipe, self.store, progress)
                elif not self.plan.done(step):  # unless another run has just finished it
                    compute(step, self.workspace, self.store, self.device, progress)
        except InputError:
            raise
        except Exception as error:
            log.error(traceback.format_exc())
            said = error if isinstance(error, WinnowError) else _in_words(error)
            raise StepError(f"{step.label} failed: {said}; the log is {self.log_path}") from error

    def _tell(self, number: int, step: Step, message: str = "") -> None:
        self.on_progress(Progress(number, len(self.plan.steps), step.label, message=message))

    def _report(self, step: Step, cached: bool) -> None:
        card = self.workspace.card(step.stage, step.key)
        line = {"stage": step.stage, "use": step.method.id, "key": step.key, "cached": cached}
        self.outcome.steps.append(line | {"name": step.name, "seconds": card["seconds"]})
        if step.stage == "export":
            self.outcome.exports += card["exports"]


# -- before and around ---------------------------------------------------------------------------------------


def _preflight(the_plan: Plan) -> None:
    """Raise UnavailableError for the first missing step that cannot run here, before any work."""
    checked = set()
    for step in the_plan.missing():
        for method, params in [(step.method, step.params)] + [
            (registry.get("students", name), params) for name, params in step.students.items()
        ]:
            mark = (method.kind, method.id, str(params))
            if mark not in checked:
                checked.add(mark)
                method.check(params)


def _computes(the_plan: Plan) -> bool:
    """Whether a step that is missing, or may turn out to be once the source is read, runs on a device."""
    steps = the_plan.missing() if the_plan.done(the_plan.find("source")) else the_plan.steps
    return any(
        step.stage == "encode" or "device" in method.injected
        for step in steps
        for method in (step.method, *(registry.get("students", name) for name in step.students))
    )


def _check_labels(the_plan: Plan, store: ResultReader) -> None:
    """What can only be known once the items are read, checked before anything else is done with them."""
    trains = [s for s in the_plan.missing() if (s.students or s.stage == "verify") and s.stage != "query"]
    if trains and len(np.unique(store.labels[store.train])) < 2:
        names = sorted({str(name) for name in store.label_names[store.items.rows(TRAIN)]}) or ["none"]
        raise InputError(
            f"{trains[0].label} trains a student and needs train rows of at least two classes; found: {names[0]}"
        )
    if any(s.stage == "verify" for s in the_plan.steps):
        test_rows(store.items)


def _is_trial(step: Step, error: WinnowError) -> bool:
    """Whether a failure concerns one cell of the grid only. A student that cannot read this data at all (InputError)
    would fail in every cell, and is said once."""
    if step.stage == "growth":  # a strategy that needs more labels than the simulation begins with, say
        return True
    if step.stage == "verify":
        return not isinstance(error, InputError)
    return "trial" in step.shown


class _Beside:
    """One step in a process of its own, beside the run."""

    def __init__(self, step: Step, store: ResultReader, device: str):
        self.step = step
        context = multiprocessing.get_context("spawn")
        self.said, theirs = context.Pipe(duplex=False)
        args = (step, store.workspace.folder, store.source_key, store.effective, device, theirs)
        self.process = context.Process(target=_beside, args=args, daemon=True)
        self.process.start()
        theirs.close()

    def join(self) -> None:
        try:
            problem = self.said.recv()
        except EOFError:
            problem = "its process ended without a word (out of memory?)"
        self.process.join()
        if problem:
            raise StepError(f"{self.step.label} failed: {problem}")

    def stop(self) -> None:
        if self.process.is_alive():
            self.process.terminate()


def _beside(step: Step, folder: Path, source_key: str, effective: EffectiveDecisions, device: str, say) -> None:
    """What the other process does. It takes the lock itself: locks do not pass to children."""
    try:
        space = Workspace(folder, make=False)
        with space.lock(step.stage, step.key):
            if not space.done(step.stage, step.key):
                compute(
                    step,
                    space,
                    ResultReader(space, source_key, effective),
                    device,
                    lambda done, total, message="": None,
                )
        say.send("")
    except Exception as error:
        say.send(str(error) if isinstance(error, WinnowError) else _in_words(error))


class _log_file:
    """A log of this run under `logs/`, named by time."""

    def __init__(self, workspace: Workspace):
        self.path = workspace.folder / "logs" / f"run-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.log"

    def __enter__(self) -> Path:
        try:
            self.path.parent.mkdir(exist_ok=True)
            self.handler = logging.FileHandler(self.path)
        except OSError as error:
            raise WorkspaceError(f"cannot write {self.path}: {_in_words(error)}") from error
        self.handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.setLevel(logging.INFO)
        log.addHandler(self.handler)
        return self.path

    def __exit__(self, *_: Any) -> None:
        log.removeHandler(self.handler)
        self.handler.close()


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}" + (f" ({error.filename})" if error.filename else "")
    return f"{type(error).__name__}: {error}".splitlines()[0]
