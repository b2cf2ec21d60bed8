"""The open project, as pages see it: its recipe, what is computed, what was decided, what is selected.

Truth is on the disk: the recipe in `recipe.toml`, results in their folders, decisions in `decisions.sqlite`. This
module reads it and caches what is large; session state holds only the name of the open project and the selection.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from curation.data.decisions import Decision, DecisionLog, EffectiveDecisions, fold
from curation.data.files import update_text
from curation.data.items import Items
from curation.data.reading.watched import Watched
from curation.data.remote.location import Remote
from curation.data.workspace import Workspace
from curation.data.writing.manifest import Flagged
from curation.engine import results
from curation.engine.fingerprint import fingerprint
from curation.engine.jobs import Job, Jobs
from curation.engine.plan import Plan, Step, plan
from curation.engine.recipe import Recipe, check_names, load_recipe, parse_recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import analysis
from curation.engine.stages import verify
from curation.engine.stages.flag import flagged
from curation.engine.trials import answers
from curation.ui.server import allowed_paths, projects


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
        """Replace sections of the recipe and store it; what another session saved of other sections stays. Raises
        RecipeError for names that clash or lead nowhere."""

        def change(text: str) -> str:
            recipe = parse_recipe(tomllib.loads(text)).model_copy(update=sections)
            check_names(recipe)
            return recipe.toml()

        update_text(self.folder / "recipe.toml", change)
        self._forget("recipe", "_toml", "items")

    def start(self, title: str, targets: Sequence[str] | None = None) -> Job:
        """Run the recipe as it is stored, in a process of its own. targets: as in `engine.plan`."""
        return self.run(self.recipe, title, targets)

    def run(self, recipe: Recipe, title: str, targets: Sequence[str] | None = None) -> Job:
        """Run any recipe in this project. Raises InputError where the visitor may not."""
        allowed_paths.check_recipe(recipe)
        return self.jobs.start(recipe, title, targets)

    # -- decisions in force --------------------------------------------------------------------------------

    @cached_property
    def _toml(self) -> str:
        return self.recipe.toml()

    @cached_property
    def _stamp(self) -> tuple[int, str]:
        return self.log.stamp()

    @property
    def decisions(self) -> list[Decision]:
        return _decided(self.folder, self._toml, self._stamp, self)[0]

    @property
    def effective(self) -> EffectiveDecisions:
        """Everything decided so far; what pages show as labels, drops and pins."""
        return _decided(self.folder, self._toml, self._stamp, self)[1]

    @cached_property
    def shown(self) -> tuple[EffectiveDecisions, tuple]:
        """The decisions behind the results pages show, and what names them.

        Those of now where their analysis is done. After a relabel it is not, until the next run; until then pages
        show the last one, and `stale` says how many relabelled items it does not know yet.
        """
        now = (self.effective, self._stamp)
        if self._ran_until is None or _analysed(self._planned(self.recipe, analysis(), *now)):
            return now
        stamp = (*self._stamp, self._ran_until)
        then = (_known_then(self.folder, self._toml, stamp, self), stamp)
        return then if _analysed(self._planned(self.recipe, analysis(), *then)) else now

    @cached_property
    def stale(self) -> int:
        """Relabelled items the shown evidence does not know yet."""
        shown, now = self.shown[0].labels, self.effective.labels
        return 0 if shown is now else sum(shown.get(id_) != now.get(id_) for id_ in {*shown, *now})

    @cached_property
    def _ran_until(self) -> int | None:
        """The last decision the last run knew of, 0 where there was none yet; None before the first run."""
        path = self.folder / "last.json"
        return int(results.read_json(path)["batch"]) if path.exists() else None

    # -- plan and results ----------------------------------------------------------------------------------

    @cached_property
    def plan(self) -> Plan:
        """The plan of the analysis pages show."""
        return self.showing(*analysis())

    @property
    def verification(self) -> Plan:
        """The plan of the analysis and of the trials that stand on it."""
        return self.showing(*analysis(), "verify")

    def showing(self, *targets: str, recipe: Recipe | None = None) -> Plan:
        """The plan of some targets on top of the analysis pages show; of this recipe or another one."""
        return self._planned(recipe or self.recipe, targets, *self.shown)

    def planned(self, *targets: str, recipe: Recipe | None = None) -> Plan:
        """The plan of some targets with everything decided so far: what a job started now would have to do."""
        return self._planned(recipe or self.recipe, targets, self.effective, self._stamp)

    def _planned(self, recipe: Recipe, targets: Sequence[str], effective: EffectiveDecisions, stamp: tuple) -> Plan:
        text = self._toml if recipe is self.recipe else recipe.toml()
        sources = self.folder / "source"  # what was read is part of a plan: which rows wait for a label
        stamp = (*stamp, sources.stat().st_mtime_ns if sources.exists() else 0)
        return _plan(str(self.folder), text, tuple(targets), stamp, recipe, effective)

    @property
    def store(self) -> ResultReader | None:
        """Items and results; None until the source has been read."""
        return self._reader if self.plan.done(self.plan.find("source")) else None

    @cached_property
    def _reader(self) -> ResultReader:
        return _store(self.folder, self.plan.find("source").key, self._toml, self.shown[1], self)

    @cached_property
    def items(self) -> Items | None:
        """The items as read; no decision changes them, so deciding needs no new plan."""
        return self.store.items if self.store else None

    @property
    def analysed(self) -> bool:
        """True when the recipe asks for an analysis and all of it is there."""
        return _analysed(self.plan)

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

    def map_notes(self) -> dict[str, Any]:
        """What the card of the map says about it, once it is drawn."""
        step = next(iter(self.plan.of("map")), None)
        return self.workspace.card("map", step.key) if self.plan.done(step) else {}

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

    def subset(self, cell: Step) -> np.ndarray:
        """Item rows a verification cell was trained on."""
        return np.asarray(results.load(self.workspace.path("prune", cell.inputs["prune"]), "rows"))

    def verified(self) -> list[dict[str, Any]]:
        """Verification's trainings so far; see `engine.stages.verify.rows`."""
        return verify.rows(self.verification, self.store) if self.store is not None else []

    def answers(self) -> dict[str, np.ndarray]:
        """Which test items each finished training got right, by its key; see `engine.trials.answers`."""
        return answers(self.verification, "verify")

    def _path(self, step: Step) -> Path:
        return self.workspace.path(step.stage, step.key)

    # -- decisions -----------------------------------------------------------------------------------------

    def decide(self, rows: Iterable[int], action: str, value: str | Sequence[str] | None = None, why: str = "") -> int:
        """Record a decision on items; on the disk when this returns. Returns how many items it touched.

        value: the new label, or one for each item.
        """
        ids = self.items.table["id"].take(np.fromiter(rows, np.int64)).to_pylist()
        if ids:
            self.workspace.check()  # a decision in a folder that was removed would be lost without a word
            self.log.add(ids, action, value, why)
            self._forget("_stamp")
        return len(ids)

    def undo(self) -> list[Decision]:
        """Take back the last decision; returns what it was."""
        self.workspace.check()
        undone = self.log.undo()
        self._forget("_stamp")
        return undone

    def _forget(self, *names: str) -> None:
        """Read again, when it is asked for, what has changed."""
        for name in ("shown", "stale", "plan", "_reader", *names):
            self.__dict__.pop(name, None)

    # -- the selection: one set of item rows, shared by map, gallery and tables -----------------------------

    @property
    def selected(self) -> np.ndarray:
        """int64, ascending."""
        return st.session_state.get(f"selected:{self.name}", np.empty(0, np.int64))

    @selected.setter
    def selected(self, rows: Sequence[int] | np.ndarray) -> None:
        rows = np.sort(np.asarray(rows, np.int64))
        st.session_state[f"selected:{self.name}"] = rows[np.diff(rows, prepend=-1) > 0]


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


@st.cache_resource(ttl=60, max_entries=128, show_spinner=False)  # looks at the source's files again after a minute
def _plan(
    folder: str, toml: str, targets: tuple[str, ...], stamp: tuple, _recipe: Recipe, _effective: EffectiveDecisions
) -> Plan:
    return plan(_recipe, Workspace(folder, make=False), targets, _effective, look=_look)


@st.cache_resource(ttl=60, max_entries=256, show_spinner=False, hash_funcs={Remote: str})
def _look(path: Path | Remote | Watched, where: str) -> str:
    """A walk over a large folder; not for every decision and every position of a slider."""
    return fingerprint(path, where)


@st.cache_resource(max_entries=16, show_spinner=False)
def _decided(folder: Path, toml: str, stamp: tuple, _project: Project) -> tuple[list[Decision], EffectiveDecisions]:
    decisions = [*_project.recipe.decision, *_project.log.all()]
    return decisions, fold(decisions)


@st.cache_resource(max_entries=16, show_spinner=False)
def _known_then(folder: Path, toml: str, stamp: tuple, _project: Project) -> EffectiveDecisions:
    """Everything decided so far, with the labels the last run knew."""
    then = fold(decision for decision in _project.decisions if decision.batch <= stamp[-1])
    return replace(_project.effective, labels=then.labels)


@st.cache_resource(max_entries=8, show_spinner=False)
def _store(folder: Path, source_key: str, toml: str, stamp: tuple, _project: Project) -> ResultReader:
    space = Workspace(folder, make=False)
    return ResultReader(space, source_key, _project.shown[0], items=read_items(folder, source_key))


@st.cache_resource(max_entries=4, show_spinner="Opening the dataset")
def read_items(folder: Path, source_key: str) -> Items:
    """The items as a source step stored them."""
    return Items.load(folder / "source" / source_key)


def _analysed(the_plan: Plan) -> bool:
    """Whether it asks for more than the items, and all of it is there."""
    return len(the_plan.steps) > 1 and not the_plan.missing()
