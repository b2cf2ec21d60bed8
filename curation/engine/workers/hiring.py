"""The workers a run asks for, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.engine.plan import Plan
from curation.engine.preflight import on_device
from curation.engine.recipe import Engine
from curation.engine.workers.base import Workers
from curation.engine.workers.cluster import Cluster
from curation.engine.workers.processes import Processes


@contextmanager
def hired(engine: Engine, plan: Plan, mark: Path, device: str) -> Iterator[Workers | None]:
    """Workers for what is missing of a plan; None where the run does everything itself, or nothing is left to do.

    device: as the run was asked for it. mark: a new file of the workspace, by which the machines of a cluster know that
    they see the same one.
    Raises InputError where a cluster cannot do it.
    """
    if engine.use == "local" or not plan.missing():
        yield None
        return
    if engine.use == "processes":
        from curation.training.device import pick

        workers: Workers = Processes(engine.workers, pick(device) if any(map(on_device, plan.missing())) else "cpu")
    else:
        gpu = 0.0 if device == "cpu" else engine.gpu
        workers = Cluster(engine.address, engine.workers, gpu, _read(plan), mark)
    try:
        yield workers
    finally:
        workers.close()


def _read(plan: Plan) -> list[Path]:
    """The files and folders that the missing steps of a plan read, and those of its source."""
    found: dict[Path, None] = {}
    for step in [plan.find("source"), *plan.missing()]:
        of_students = [value for params in step.students.values() for value in params.values()]
        files, written = (step.section.files(), step.section.writes()) if step.section else ([], [])
        named = [value for value in [*step.params.values(), *of_students, *files] if isinstance(value, Path)]
        found |= dict.fromkeys(path for path in named if path not in written)
    return list(found)
