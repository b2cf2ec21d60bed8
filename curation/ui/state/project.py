"""The open project, as pages see it: its recipe, what is computed, what was decided, what is selected.

Truth is on the disk: the recipe in `recipe.toml`, results in their folders, decisions in `decisions.sqlite`. This
module reads it and caches what is large; session state holds only the name of the open project and the selection.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from curation.data.decisions import Decision, DecisionLog, EffectiveDecisions, fold
from curation.data.items import Items
from curation.data.workspace import Workspace, write_text
from curation.data.writing.manifest import Flagged
from curation.engine import results, verification_report
from curation.engine.export import flagged
from curation.engine.jobs import Job, Jobs
from curation.engine.plan import Plan, Step, plan
from curation.engine.recipe import Recipe, load_recipe, parse_recipe
from curation.engine.results_reader import ResultReader
from curation.ui.server import allowed_paths, projects

ANALYSIS = ("source", "encode", "evidence", "score", "flag", "map")  # what pages show; renewed by relabelling


class Project:
    """One open project. Cheap to make: what is large is cached across reruns and sessions."""

    def __init__(self, folder: Path):
        self.folder, self.name = folder, folder.name
        self.workspace = Workspace(folder, make=False)
        self.log = DecisionLog(folder)
        self.jobs = Jobs(folder)

    # -- the recipe --------------------------------------------------------------------------------------

    @cached_property
    def recipe(self) -> Recipe:
        return load_recipe(self.folder / "recipe.toml")

    def save(self, **sections: Any) -> None:
        """Replace sections of the recipe and store it."""
        self.recipe = self.recipe.model_copy(update=sections)
        write_text(self.folder / "recipe.toml", self.recipe.toml())
        for name in ("plan", "items"):
            self.__dict__.pop(name, None)

    def start(self, title: str, until: str | None = None) -> Job:
        """Run the recipe as it is stored, in a process of its own."""
        return self.run(self.recipe, title, until)

    def run(self, recipe: Recipe, title: str, until: str | None = None) -> Job:
        """Run any recipe in this project. Raises InputError where the visitor may not."""
        allowed_paths.check_recipe(recipe)
        return self.jobs.start(recipe, title, until)

    # -- plan and results ----------------------------------------------------------------------------------

    @cached_property
    def decisions(self) -> list[Decision]:
        return [*self.recipe.decision, *self.log.all()]

    @cached_property
    def effective(self) -> EffectiveDecisions:
        """Everything decided so far; what pages show as labels, drops and pins."""
        return fold(self.decisions)

    @cached_property
    def plan(self) -> Plan:
        """The plan whose results pages show.

        That of all decisions where its analysis is done. After a relabel it is not, until the next run; until then
        pages show the last one, and `stale` says how many relabelled items it does not know yet.
        """
        full = _plan(self.folder, self.recipe.toml(), self.effective)
        if self._analysed(full) or self._ran_until is None:
            return full
        then = fold(d for d in self.decisions if d.batch <= self._ran_until)
        last = _plan(self.folder, self.recipe.toml(), replace(self.effective, labels=then.labels))
        return last if self._analysed(last) else full

    def planned(self, recipe: Recipe) -> Plan:
        """The plan of any recipe in this project, with everything decided so far."""
        return _plan(self.folder, recipe.toml(), self.effective)

    @property
    def stale(self) -> int:
        """Relabelled items the shown evidence does not know yet."""
        shown, now = self.plan.effective.labels, self.effective.labels
        return sum(shown.get(id_) != now.get(id_) for id_ in {*shown, *now})

    @property
    def store(self) -> ResultReader | None:
        """Items and results; None until the source has been read."""
        step = self.plan.find("source")
        if step is None or not self.plan.done(step):
            return None
        force = self.plan.effective
        return _store(self.folder, step.key, repr(asdict(force)), force)

    @cached_property
    def items(self) -> Items | None:
        """The items as read; no decision changes them, so deciding needs no new plan."""
        return self.store.items if self.store else None

    @property
    def analysed(self) -> bool:
        """True when the recipe asks for an analysis and all of it is there."""
        return self._analysed(self.plan)

    def score(self, name: str) -> np.ndarray | None:
        """float [n], NaN outside the train rows; None until computed. Higher = harder."""
        step = self.plan.find("score", name)
        return results.spread(self._path(step), len(self.items)) if self.plan.done(step) else None

    def scores(self) -> list[str]:
        """Names of the scores that are there."""
        return list(dict.fromkeys(s.name for s in self.plan.of("score") if self.plan.done(s)))

    def flags(self) -> dict[str, Flagged]:
        """Flags that are there, by name, each over all n items."""
        return {s.name: flagged(self.store, s.key) for s in self.plan.of("flag") if self.plan.done(s)}

    def xy(self) -> np.ndarray | None:
        """Map coordinates float [n, 2], NaN for rows that are not on the map; None until drawn."""
        step = next(iter(self.plan.of("map")), None)
        return results.spread(self._path(step), len(self.items)) if self.plan.done(step) else None

    def evidence(self, name: str) -> tuple[np.ndarray, Any] | None:
        """(item rows, value) of `probabilities`, `neighbours` (positions in those rows) or `dynamics`."""
        step = self.plan.find("evidence", name)
        if not self.plan.done(step):
            return None
        return np.asarray(results.load(self._path(step), "rows")), results.load_evidence(self._path(step))

    def embeddings(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(item rows, vectors [m, d] as stored, memory-mapped); None until encoded."""
        step = self.plan.find("encode")
        if not self.plan.done(step):
            return None
        return np.asarray(results.load(self._path(step), "rows")), results.load(self._path(step), "embeddings")

    def predictions(self) -> np.ndarray | None:
        """Out-of-fold guess as int codes [n], -1 where there is none."""
        if (found := self.evidence("probabilities")) is None:
            return None
        guess = np.full(len(self.items), -1, np.int64)
        guess[found[0]] = np.asarray(found[1]).argmax(axis=1)
        return guess

    def neighbours_of(self, row: int, k: int = 12) -> tuple[np.ndarray, np.ndarray]:
        """Item rows and cosine distances of the nearest neighbours of one item; empty when there are none."""
        found = self.evidence("neighbours")
        if found is None or (at := np.searchsorted(found[0], row)) >= len(found[0]) or found[0][at] != row:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        indices, distances = found[1].indices[at][:k], found[1].distances[at][:k]
        return found[0][indices[indices >= 0]], distances[indices >= 0]

    def taken(self, step: Step) -> np.ndarray:
        """Item rows a prune took, in order."""
        return np.asarray(results.load(self._path(step), "rows"))

    def subset(self, cell: Step) -> np.ndarray:
        """Item rows a verification cell was trained on."""
        return np.asarray(results.load(self.workspace.path("prune", cell.inputs["prune"]), "rows"))

    def verified(self) -> list[dict[str, Any]]:
        """Verification's trainings so far; see `engine.verification_report.rows`."""
        return verification_report.rows(self.plan, self.store) if self.store is not None else []

    def _path(self, step: Step) -> Path:
        return self.workspace.path(step.stage, step.key)

    def _analysed(self, the_plan: Plan) -> bool:
        wanted = [s for s in the_plan.steps if s.stage in ANALYSIS]
        return any(s.stage != "source" for s in wanted) and all(the_plan.done(s) for s in wanted)

    @cached_property
    def _ran_until(self) -> int | None:
        """The last decision the last run knew of, 0 where there was none yet; None before the first run."""
        path = self.folder / "last.json"
        return int(results.read_json(path)["batch"]) if path.exists() else None

    # -- decisions -----------------------------------------------------------------------------------------

    def decide(self, rows: Iterable[int], action: str, value: str | Sequence[str] | None = None, why: str = "") -> int:
        """Record a decision on items; on the disk when this returns. Returns how many items it touched.

        value: the new label, or one for each item.
        """
        ids = [str(self.items.column("id")[row]) for row in rows]
        if ids:
            self.workspace.check()  # a decision in a folder that was removed would be lost without a word
            self.log.add(ids, action, value, why)
            self._forget()
        return len(ids)

    def undo(self) -> list[Decision]:
        """Take back the last decision; returns what it was."""
        self.workspace.check()
        undone = self.log.undo()
        self._forget()
        return undone

    def _forget(self) -> None:
        for name in ("decisions", "effective", "plan"):
            self.__dict__.pop(name, None)

    # -- the selection: one set of item rows, shared by map, gallery and tables -----------------------------

    @property
    def selected(self) -> list[int]:
        return st.session_state.get(f"selected:{self.name}", [])

    @selected.setter
    def selected(self, rows: Iterable[int]) -> None:
        st.session_state[f"selected:{self.name}"] = sorted({int(r) for r in rows})


# -- opening -------------------------------------------------------------------------------------------------


def open_project() -> Project | None:
    """The project named in the address, else the one this session had open, else what the server was started with;
    None when there is none."""
    name = st.query_params.get("project") or st.session_state.setdefault("project", os.environ.get("WINNOW_OPEN"))
    folder = projects.project_folder(name) if name else None
    if folder is None:
        return None
    st.session_state["project"] = folder.name
    if st.query_params.get("project") != folder.name:  # the menu's links drop the address' parameters
        st.query_params["project"] = folder.name
    return Project(folder)


def create_project(title: str, recipe: dict[str, Any]) -> Project:
    """Make a project from a recipe given as nested dicts. Raises RecipeError before anything is written."""
    folder = projects.make_project(title, parse_recipe(recipe))
    set_open(folder.name)
    return Project(folder)


def set_open(name: str) -> None:
    st.session_state["project"] = name
    st.query_params["project"] = name


def close_project() -> None:
    st.session_state["project"] = None  # and not what the server was started with
    st.query_params.pop("project", None)


# -- caches: bounded, shared by all sessions -----------------------------------------------------------------


def _plan(folder: Path, toml: str, effective: EffectiveDecisions) -> Plan:
    return _cached_plan(str(folder), toml, repr(asdict(effective)), effective)


@st.cache_resource(ttl=60, max_entries=32, show_spinner=False)  # looks at the source's files again after a minute
def _cached_plan(folder: str, toml: str, stamp: str, _effective: EffectiveDecisions) -> Plan:
    return plan(parse_recipe(tomllib.loads(toml)), Workspace(folder, make=False), effective=_effective)


@st.cache_resource(max_entries=8, show_spinner=False)
def _store(folder: Path, source_key: str, stamp: str, _effective: EffectiveDecisions) -> ResultReader:
    return ResultReader(Workspace(folder, make=False), source_key, _effective, items=read_items(folder, source_key))


@st.cache_resource(max_entries=4, show_spinner="Opening the dataset")
def read_items(folder: Path, source_key: str) -> Items:
    """The items as a source step stored them."""
    return Items.load(folder / "source" / source_key)
