"""The workers a run asks for, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.engine.plan import Plan
from curation.engine.recipe import Engine
from curation.engine.workers.base import Workers
from curation.engine.workers.cluster import Cluster
from curation.engine.workers.processes import Processes


@contextmanager
def hired(engine: Engine, plan: Plan, mark: Path) -> Iterator[Workers | None]:
    """Workers for what is missing of a plan; None where the run does everything itself, or nothing is left to do.

    mark: a new file of the workspace, by which the machines of a cluster know that they see the same one.
    Raises InputError where a cluster cannot do it.
    """
    if engine.use == "local" or not plan.missing():
        yield None
        return
    if engine.use == "processes":
        workers: Workers = Processes(engine.workers)
    else:
        workers = Cluster(engine.address, engine.workers, engine.gpu, _read(plan), mark)
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
