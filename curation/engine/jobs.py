"""Jobs: a run in a process of its own, so that closing the browser or restarting the server stops nothing.

One row in `jobs.sqlite` per job: what was asked, where it is, how it ended. The process that works writes the row,
anyone reads it. A job whose process is gone without having said so is "lost"; starting the same recipe again goes
on from what it finished.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from curation.data import database
from curation.data.workspace import make_folder, write_text
from curation.engine.beside import ROOT
from curation.engine.recipe import Recipe, load_recipe
from curation.errors import WinnowError, WorkspaceError

ACTIVE = ("starting", "running")
START_WITHIN = 60.0  # seconds a new process may take to report before it counts as lost


@dataclass(frozen=True)
class Job:
    """One row. state: starting, running, done, failed, cancelled or lost. Times are seconds since the epoch."""

    number: int
    title: str
    state: str
    step: int
    steps: int
    label: str
    done: int
    total: int
    message: str
    error: str
    log: str
    pid: int
    born: float  # when the process was born (`_born`); a reused pid has another
    created: float
    step_started: float
    finished: float
    asked: str = ""  # its targets, as JSON

    @property
    def targets(self) -> tuple[str, ...] | None:
        """What it is to have, as `plan` takes it; None for everything its recipe wants."""
        return tuple(json.loads(self.asked)) if self.asked else None

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def share(self) -> float:
        """How much is done, in [0, 1]: whole steps, and the part of the current one."""
        within = self.done / self.total if self.total else 0.0
        return min((max(self.step - 1, 0) + within) / self.steps, 1.0) if self.steps else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds the current step still needs, from its own pace; None while that is unknown."""
        spent = time.time() - self.step_started
        if not self.total or not self.done or spent < 2:
            return None
        return spent * (self.total - self.done) / self.done


_ACTIVE = "state IN ('starting', 'running')"
_COLUMNS = {
    "title": "TEXT DEFAULT ''",
    "state": "TEXT DEFAULT 'starting'",
    "step": "INTEGER DEFAULT 0",
    "steps": "INTEGER DEFAULT 0",
    "label": "TEXT DEFAULT ''",
    "done": "INTEGER DEFAULT 0",
    "total": "INTEGER DEFAULT 0",
    "message": "TEXT DEFAULT ''",
    "error": "TEXT DEFAULT ''",
    "log": "TEXT DEFAULT ''",
    "pid": "INTEGER DEFAULT 0",
    "born": "REAL DEFAULT 0",
    "created": "REAL DEFAULT 0",
    "step_started": "REAL DEFAULT 0",
    "finished": "REAL DEFAULT 0",
    "asked": "TEXT DEFAULT ''",  # since version 0.2: an older table gets the column with its next job
}
_THERE = "SELECT name FROM pragma_table_info('job')"


class Jobs:
    """The jobs of one workspace."""

    def __init__(self, workspace: Path | str):
        self.workspace = Path(workspace)

    def start(self, recipe: Recipe, title: str, targets: Sequence[str] | None = None, device: str = "auto") -> Job:
        """Start a run in a new process. While one is at work, that one is returned and nothing is started."""
        if (current := self.current()) is not None:
            return current
        asked = "" if targets is None else json.dumps(list(targets))
        with self._writing() as db:  # two who click at once start one job
            there = {name for (name,) in db.execute(_THERE)}
            for name in _COLUMNS.keys() - there:
                db.execute(f"ALTER TABLE job ADD COLUMN {name} {_COLUMNS[name]}")
            idle = f"SELECT ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM job WHERE {_ACTIVE})"
            made = db.execute(f"INSERT INTO job (title, created, asked) {idle}", (title, time.time(), asked))
            number = made.lastrowid if made.rowcount else None
        if number is None:
            return self.current() or self.start(recipe, title, targets, device)
        try:
            process = self._process(number, recipe, device)
        except (OSError, WorkspaceError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            self.update(number, state="failed", error=reason, finished=time.time())
            raise WorkspaceError(f"the job could not be started: {reason}") from error
        self.update(number, pid=process.pid, born=_born(process.pid), log=str(self._log(number)))
        return self.get(number)

    def _process(self, number: int, recipe: Recipe, device: str) -> subprocess.Popen:
        folder = self.workspace / "jobs"
        make_folder(folder)
        write_text(folder / f"{number}.toml", recipe.toml())
        command = [sys.executable, "-P", "-m", "curation", "job", str(self.workspace.absolute()), str(number)]
        log = self._log(number).open("w")
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        with log:
            process = subprocess.Popen(
                [*command, "--device", device],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its own group: survives the server, and cancel reaches its children
                env={**os.environ, "PYTHONPATH": path},
            )
        _children.append(process)
        return process

    def get(self, number: int) -> Job:
        """One job. Raises WorkspaceError when it is not there, because its project was deleted or moved."""
        found = next((job for job in self.all() if job.number == number), None)
        if found is None:
            raise WorkspaceError(f"job {number} is not in {self.workspace}: the project was deleted or moved")
        return found

    def all(self) -> list[Job]:
        """Every job, newest first; those whose process is gone are marked lost on the way."""
        _reap()
        jobs = self._read("ORDER BY number DESC")
        return [job if not job.active or _alive(job) else self._lost(job) for job in jobs]

    def _read(self, which: str, *values: object) -> list[Job]:
        there = {name for (name,) in database.rows(self._path, _THERE)}
        if not there:  # nobody has started a job; the table may be made at this very moment
            return []
        names = ["number", *(name for name in _COLUMNS if name in there)]
        found = database.rows(self._path, f"SELECT {', '.join(names)} FROM job {which}", values)
        return [Job(**dict(zip(names, row, strict=True))) for row in found]

    def _lost(self, job: Job) -> Job:
        """The row of a job whose process is gone; it may have said how it ended just before."""
        with contextlib.suppress(WorkspaceError):  # a full or read-only disk: it is lost all the same
            self.update(job.number, only_active=True, state="lost", finished=time.time())
            return self._read("WHERE number = ?", job.number)[0]
        return replace(job, state="lost")

    def current(self) -> Job | None:
        """The job that is at work, if any."""
        return next((job for job in self.all() if job.active), None)

    def cancel(self, number: int) -> None:
        """Stop a job and every process it started. What it finished stays."""
        job = self.get(number)
        if not job.active:
            return
        self.update(number, state="cancelled", finished=time.time())
        if not job.pid:  # it has not begun, and finds that out when it does
            return
        for sign, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, sign)  # SIGKILL in any case: the first to end leaves its children behind
            deadline = time.monotonic() + patience
            while _alive(job) and time.monotonic() < deadline:
                time.sleep(0.05)
        _reap()

    def log_text(self, number: int, last: int = 20_000) -> str:
        """The end of what a job printed."""
        path = self._log(number)
        return path.read_text(errors="replace")[-last:] if path.exists() else ""

    def update(self, number: int, *, only_active: bool = False, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        guard = f" AND {_ACTIVE}" if only_active else ""
        with self._writing() as db:
            db.execute(f"UPDATE job SET {names} WHERE number = ?{guard}", (*values.values(), number))

    @property
    def _path(self) -> Path:
        return self.workspace / "jobs.sqlite"

    def _log(self, number: int) -> Path:
        return self.workspace / "jobs" / f"{number}.log"

    def _writing(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        return database.writing(self._path, f"job (number INTEGER PRIMARY KEY AUTOINCREMENT, {columns})")


def work(workspace: Path, number: int, device: str) -> None:
    """What the job's process does: run the recipe it was given and keep its row up to date."""
    from curation.engine.run import Progress, run

    jobs = Jobs(workspace)
    started = {"pid": os.getpid(), "born": _born(os.getpid()), "step_started": time.time()}
    jobs.update(number, only_active=True, state="running", **started)
    if not jobs.get(number).active:
        return  # stopped before it began
    last = {"label": "", "at": 0.0}

    def show(progress: Progress) -> None:
        now, new = time.time(), progress.label != last["label"]
        if not new and now - last["at"] < 0.3:
            return
        if new:
            print(f"{time.strftime('%H:%M:%S')} {progress.step} of {progress.steps}: {progress.label}", flush=True)
        values = {
            "step": progress.step,
            "steps": progress.steps,
            "label": progress.label,
            "done": progress.done,
            "total": progress.total,
            "message": progress.message,
        }
        with contextlib.suppress(WorkspaceError):  # how far it is, is not worth a result
            jobs.update(number, only_active=True, **values, **({"step_started": now} if new else {}))
        last.update(label=progress.label, at=now)

    try:
        recipe = load_recipe(workspace / "jobs" / f"{number}.toml")
        targets = jobs.get(number).targets
        outcome = run(recipe, workspace, targets=targets, device=device, on_progress=show, keep_recipe=False)
    except WinnowError as error:
        print(error, flush=True)
        jobs.update(number, only_active=True, state="failed", error=str(error), finished=time.time())
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
        jobs.update(number, only_active=True, state="failed", error=said, finished=time.time())
        raise
    else:
        said = trials_that_failed(outcome.failed)
        jobs.update(number, only_active=True, state="failed" if said else "done", error=said, finished=time.time())


def trials_that_failed(failed: list[str]) -> str:
    """One sentence for what did not work out while everything else did; "" when all did."""
    if not failed:
        return ""
    return f"{len(failed)} trial{'s' * (len(failed) > 1)} failed, all else is done; the first: {failed[0]}"


_children: list[subprocess.Popen] = []  # started here; each is waited for, or it would stay as a zombie


def _reap() -> None:
    for process in [*_children]:
        if process.poll() is not None:
            with contextlib.suppress(ValueError):  # another thread was faster
                _children.remove(process)


def _born(pid: int) -> float:
    """What tells a process from a later one of its number, whatever is done to the clock; 0 when there is none.

    Clock ticks between the machine's start and the process', where the system says so, else the time of its birth.
    """
    try:
        return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        try:
            return psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return 0.0


def _alive(job: Job) -> bool:
    if not job.pid:
        return 0 <= time.time() - job.created < START_WITHIN  # the clock may have been put back
    try:
        return psutil.Process(job.pid).status() != psutil.STATUS_ZOMBIE and _born(job.pid) == job.born
    except psutil.NoSuchProcess:
        return False
