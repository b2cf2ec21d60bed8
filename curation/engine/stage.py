"""Finds every stage by listing `curation/engine/stages/`. One file = one stage; there is no list to keep.

A stage file has a docstring, a `STAGE` and functions by these names. The first two are required.

    steps(section, ask)                 plan what one section of the recipe wants; returns the keys of the steps
    compute(step, store, call, folder)  write the step's arrays into folder; returns what goes on its card
    result(name, ask, ...)              plan one result that steps of other stages read; returns its key
    validate(section, recipe)           raise RecipeError where a section refers to what the recipe does not have
    preflight(step, workspace)          raise InputError for what stands in a step's way, before any work
    check(store)                        raise InputError for what is known once the items are read
    finished(step, workspace)           whether a result that is there is whole; by default it is
    restore(step, store, call)          make a result whole that is there and not finished
    rows(plan, store)                   what `run --json` tells of the stage
    table(rows)                         the same for people: lists of cells, the header first

The recipe's sections, the order of a run, the dispatch to `compute`, the command line, the list of what may not be
run by whoever logs in, and the documentation are all read off these files.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from curation.errors import RecipeError, WinnowError, nearest

PACKAGE = "curation.engine.stages"
FUNCTIONS = ("steps", "compute", "result", "validate", "preflight", "check", "finished", "restore", "rows", "table")


class Section(pydantic.BaseModel):
    """What a recipe says in one place: `use` and `seed`, and the method's parameters in full under `params`."""

    model_config = pydantic.ConfigDict(extra="forbid")

    use: str
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    params: dict[str, Any] = {}

    def files(self) -> list[Path]:
        """Files it reads that are not among the parameters."""
        return []

    def writes(self) -> list[Path]:
        """Files and folders outside the workspace that it writes."""
        return []


class Named(Section):
    """A section that may stand several times; `name` tells them apart, by default the method's id."""

    name: str = ""


@dataclass(frozen=True)
class Stage:
    """One stage. `name`, `doc` and the functions are read off its file.

    kind: of its methods, a folder of `curation/methods/`.
    section: where the recipe speaks of it. model: what such a section holds; None where another stage declares it.
    shape: "one" section, a "list" of them ([[flag]]), or a "table" of them by name ([evidence.dynamics]).
    after: the stages it follows in a run: those it reads, and those whose results a person wants first.
    analysis: part of what pages show of the data, and of what a new label makes them compute again.
    trial: the error that concerns one step of it only, so that the run goes on; None when every failure ends it.
    device: computes on the GPU itself, whatever its methods ask for.
    background: runs in a process of its own beside the others, which do not wait for it, as soon as what it reads is
        there.
    resumable: goes on where a killed attempt stopped.
    cold: may train without labels of two classes.
    report: what `rows` are called in the output of `run --json`; by default as the stage.
    """

    kind: str
    section: str = ""
    model: type[Section] | None = None
    shape: Literal["one", "list", "table"] = "one"
    after: tuple[str, ...] = ()
    analysis: bool = False
    trial: type[WinnowError] | None = None
    device: bool = False
    background: bool = False
    resumable: bool = False
    cold: bool = False
    report: str = ""
    name: str = ""
    doc: str = ""
    steps: Callable | None = None
    compute: Callable | None = None
    result: Callable | None = None
    validate: Callable | None = None
    preflight: Callable | None = None
    check: Callable | None = None
    finished: Callable | None = None
    restore: Callable | None = None
    rows: Callable | None = None
    table: Callable | None = None

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return self.doc.splitlines()[0]

    @property
    def where(self) -> str:
        """Its section as a recipe spells it."""
        return {"one": "[{}]", "list": "[[{}]]", "table": "[{}.<name>]"}[self.shape].format(self.section)

    def sections(self, recipe: pydantic.BaseModel) -> list[Section]:
        """What a recipe says of it, in order; empty when it says nothing."""
        said = getattr(recipe, self.section)
        if self.shape == "one":
            return [] if said is None else [said]
        return list(said.values()) if self.shape == "table" else said


@lru_cache
def stages() -> dict[str, Stage]:
    """All stages by name, in the order of a run."""
    package = importlib.import_module(PACKAGE)
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    found = {name: _load(name) for name in names}
    order = TopologicalSorter({name: found[name].after for name in names}).static_order()
    return {name: found[name] for name in order}


def declared() -> dict[str, Stage]:
    """The sections of a recipe: name -> the stage that declares it, in the order of a run."""
    return {stage.section: stage for stage in stages().values() if stage.model is not None}


def until(name: str) -> tuple[str, ...]:
    """The stages of a run that stops after one, itself included. Raises RecipeError for an unknown name."""
    known = list(stages())
    if name not in known:
        raise RecipeError(f"--until {name!r}: {nearest(name, known)}")
    return tuple(known[: known.index(name) + 1])


def analysis() -> tuple[str, ...]:
    """The stages whose results pages show of the data."""
    return tuple(stage.name for stage in stages().values() if stage.analysis)


def _load(name: str) -> Stage:
    module = importlib.import_module(f"{PACKAGE}.{name}")
    # What a file imports is not the stage's own; only `compute` may be shared.
    own = {name for name in FUNCTIONS if getattr(vars(module).get(name), "__module__", "") == module.__name__}
    functions = {name: vars(module)[name] for name in own | {"compute"}}
    stage = replace(module.STAGE, name=name, doc=inspect.getdoc(module) or "", **functions)
    return replace(stage, report=stage.report or name)
