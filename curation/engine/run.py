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
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from curation.data.decisions import DecisionLog, EffectiveDecisions, fold, unknown
from curation.data.parts import here
from curation.data.remote import kept
from curation.data.remote.listings import forget_listings
from curation.data.unlabelled import unlabelled_ids
from curation.data.workspace import Workspace, write_text
from curation.engine.beside import Beside
from curation.engine.compute import Call, compute
from curation.engine.elsewhere import compute_packed, packed, sent
from curation.engine.fingerprint import fingerprint
from curation.engine.plan import Plan, Step, plan
from curation.engine.preflight import check, check_device, on_device, preflight
from curation.engine.recipe import Engine, Recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import analysis, stages
from curation.engine.workers.base import Workers, wait_for
from curation.engine.workers.hiring import hired
from curation.engine.workers.spread import ByWorkers
from curation.errors import InputError, LostError, StepError, WinnowError, WorkspaceError, in_words, nearest

log = logging.getLogger("winnow")

LOOK = 5.0  # seconds after which it is looked again how many workers there are
SPREADS_FROM = 50_000  # items; steps of fewer are given to one worker each


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
    engine: Engine | None = None,
) -> Outcome:
    """Have everything the recipe wants, computing only what is missing.

    targets: what to have instead, as in `plan`: "prune:half", "flag:*", "export:0", ...
    keep_recipe: make this the workspace's recipe.toml; a job that tries something out does not.
    engine: who computes, instead of the one the recipe names; what comes out is the same.

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
    planned = partial(plan, recipe, space, effective=effective, look=look)
    the_plan, engine = planned(targets), engine or recipe.engine
    preflight(the_plan)
    check_device(the_plan, device, engine)
    space.tidy([stage.name for stage in stages().values() if stage.resumable])
    if keep_recipe:
        write_text(space.folder / "recipe.toml", recipe.toml())
    with _log_file(space) as log_path, hired(engine, the_plan, log_path, device) as workers:
        outcome = _Runner(the_plan, device, on_progress, log_path, workers).run(lambda: planned(targets))
    if not planned(analysis()).missing():  # what the results that pages show know of
        last = max((decision.batch for decision in decisions), default=0)
        write_text(space.folder / "last.json", json.dumps({"batch": last}) + "\n")
    return outcome


class _Runner:
    def __init__(
        self,
        the_plan: Plan,
        device: str,
        on_progress: Callable[[Progress], None],
        log_path: Path,
        workers: Workers | None,
    ):
        self.plan, self.asked, self.on_progress, self.log_path = the_plan, device, on_progress, log_path
        self.workers = workers
        self.workspace = the_plan.workspace
        self.store: ResultReader | None = None
        self.failed: dict[str, str] = {}  # key -> why

    def run(self, planned_again: Callable[[], Plan]) -> Outcome:
        try:
            source = self.plan.find("source")
            self._tell(1, source)
            kept.remember(self.workspace.path("source", source.key), self.plan.recipe.source.cache)
            cached = [self._finished(source)]
            if not cached[0]:
                self._step_or_trial(source, partial(self._step, 1, source))
                if unlabelled_ids(self.workspace.path("source", source.key)):
                    self.plan = planned_again()  # only now it is known which rows wait for a label
            self.store = ResultReader(self.workspace, source.key, self.plan.effective)
            check(self.plan, self.store)
            cached += self._one_after_another() if self.workers is None else self._on_workers()
        except WinnowError:
            log.error(traceback.format_exc())
            raise
        return self._outcome(cached)

    def _one_after_another(self) -> list[bool]:
        """All steps but the source, in their order; whether each was there already."""
        beside: dict[str, Beside] = {}  # key -> its process
        cached = []
        try:
            for number, step in enumerate(self.plan.steps[1:], start=2):
                self._start_beside(beside)
                self._tell(number, step)
                cached.append(step.key not in beside and self._finished(step))
                if not cached[-1] and step.key not in beside:
                    self._step_or_trial(step, partial(self._step, number, step))
            for process in beside.values():
                self._tell(len(self.plan.steps), process.step, "everything else is done")
                process.join()
        finally:
            for process in beside.values():
                process.stop()
        return cached

    def _on_workers(self) -> list[bool]:
        """All steps but the source, each handed to a worker as soon as all it reads is there. What shares its own work
        out, and what writes files outside, is done here. Whether each was there already."""
        steps, reads = self.plan.steps[1:], sent(self.workspace, self.store.source_key, self.plan.effective)
        cached = [self._finished(step) for step in steps]
        waiting: dict[str, Step] = {}
        for step, there in zip(steps, cached, strict=True):
            if not there:
                waiting.setdefault(step.key, step)
        at_work: dict[Future, Step] = {}
        while waiting or at_work:
            to_come = waiting.keys() | {step.key for step in at_work.values()}
            ready = [s for s in waiting.values() if to_come.isdisjoint([*s.inputs.values(), *s.larger_keys])]
            ready.sort(key=lambda step: stages()[step.stage].background)  # nobody waits for those
            here = [step for step in ready if self._stays(step)]
            away = [step for step in ready if not self._stays(step)][: self.workers.count - len(at_work)]
            number = len(self.plan.steps) - len(to_come) + 1
            for step in away:
                del waiting[step.key]
                if not self._broken(step):
                    device = self.workers.device if on_device(step) else "cpu"
                    ask = packed(step, reads, device)
                    at_work[self.workers.submit(compute_packed, ask, device=device != "cpu")] = step
            if here:
                del waiting[here[0].key]
                self._tell(number, here[0])
                self._step_or_trial(here[0], partial(self._step, number, here[0]))
            elif at_work:
                first = next(iter(at_work.values()))
                self._tell(number, first, f"{len(at_work)} at work, on {self.workers.count} workers")
                for future in wait(at_work, timeout=LOOK, return_when=FIRST_COMPLETED).done:
                    step = at_work.pop(future)
                    self._step_or_trial(step, partial(self._fetch, step, future))
        return cached

    def _stays(self, step: Step) -> bool:
        """Whether a step is done by the run itself, also when there are workers."""
        stage = stages()[step.stage]
        if stage.finished is not None or stage.spreads:  # the first writes files outside
            return True
        large = "spread" in step.method.injected and len(self.store.items) > SPREADS_FROM
        return large and not (on_device(step) and self.workers.device != "cpu")

    def _fetch(self, step: Step, future: Future) -> None:
        """Wait until a step that a worker is at can be read here."""
        future.result()
        wait_for(lambda: self.plan.done(step))

    def _start_beside(self, beside: dict[str, Beside]) -> None:
        """Start what runs in a process of its own as soon as all it reads is there."""
        by_key = {step.key: step for step in self.plan.steps}
        for step in self.plan.steps:
            if not stages()[step.stage].background or step.key in beside or self._finished(step):
                continue
            if all(self.plan.done(by_key[key]) for key in step.inputs.values() if key in by_key):
                beside[step.key] = Beside(step, self.plan, self._device(step))

    def _device(self, step: Step) -> str:
        """Where a step computes that is done here; with workers, those use the device. Finding a GPU means importing
        torch, seconds that what uses none need not wait for."""
        from curation.training.device import pick

        return pick(self.asked) if self.workers is None and on_device(step) else "cpu"

    def _finished(self, step: Step) -> bool:
        whole = stages()[step.stage].finished
        return self.plan.done(step) and (whole is None or whole(step, self.workspace))

    def _step_or_trial(self, step: Step, have: Callable[[], None]) -> None:
        """A step, or a trial, whose failure is noted and stops nothing else. have: does it."""
        if self._broken(step):
            return
        try:
            have()
        except LostError:
            raise
        except InputError as error:
            self._note_or_raise(step, error)
        except Exception as error:
            log.error(traceback.format_exc())
            said = f"{step.label} failed: {in_words(error)}; the log is {self.log_path}"
            self._note_or_raise(step, StepError(said), error)

    def _note_or_raise(self, step: Step, error: WinnowError, cause: Exception | None = None) -> None:
        trial = WinnowError if "trial" in step.shown else stages()[step.stage].trial
        if trial is None or not isinstance(error, trial):
            raise error from cause
        self._fail(step, str(error))

    def _broken(self, step: Step) -> bool:
        """Whether a trial it reads has failed; then it has failed as well."""
        if broken := next((key for key in step.inputs.values() if key in self.failed), None):
            self._fail(step, self.failed[broken])
        return broken is not None

    def _fail(self, step: Step, sentence: str) -> None:
        self.failed[step.key] = sentence
        self.workspace.fail(step.key, sentence)

    def _step(self, number: int, step: Step) -> None:
        def waiting() -> None:
            self._tell(number, step, "another run is computing this; waiting for it")

        def progress(done: int, total: int, message: str = "") -> None:
            self.on_progress(Progress(number, len(self.plan.steps), step.label, done, total, message))

        with self.workspace.lock(step.stage, step.key, waiting):
            spread = here if self.workers is None else self._by_workers(step)
            call = Call(step, self._device(step), progress, self.plan.part, spread)
            if not self.plan.done(step):
                compute(step, self.workspace, self.store, call)
                if spread is not here:
                    spread.forget()
            elif not self._finished(step):  # unless another run has just finished it
                stages()[step.stage].restore(step, self.store, call)

    def _by_workers(self, step: Step) -> ByWorkers:
        stage = stages()[step.stage]
        folder, device = self.workspace.parts(step.stage, step.key), self.workers.device if stage.device else "cpu"
        return ByWorkers(self.workers, folder, device, keep=not stage.resumable)

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


# -- around it -------------------------------------------------------------------------------------------------


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
