"""What a prune would keep, before it is part of the recipe: asked directly where that takes a blink, by a job else.

A pruner whose card says `nested` is asked once for the order of all rows; after that any share is a prefix and the
slider costs nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, replace

import numpy as np
import streamlit as st

from curation.data.workspace import Workspace
from curation.engine import registry, results
from curation.engine.compute import compute
from curation.engine.plan import Plan, Step, plan
from curation.engine.recipe import Prune, Recipe, parse_recipe
from curation.engine.selecting import apply_budget, prefix_of
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project


@dataclass(frozen=True)
class Preview:
    """Item rows a prune would keep, in order; what it left out beforehand, with reasons; the rows it chose from."""

    taken: np.ndarray
    left_out: dict[int, str]
    candidates: np.ndarray


def preview(project: Project, section: Prune) -> Preview | None:
    """The prune's answer if it is there or takes a blink; None when it needs a job (`start_preview`)."""
    the_plan = _plan(project, section)
    step = the_plan.of("prune")[-1]
    exact = replace(step, extra={**step.extra, "keep": section.keep})
    if exact.key == step.key or the_plan.done(exact):
        step = exact
    others = [s for s in _needed(the_plan, step) if not the_plan.done(s)]
    if not the_plan.done(step):
        if others or not step.method.card.instant:
            return None
        with project.workspace.lock(step.stage, step.key):
            if not the_plan.done(step):
                compute(step, project.workspace, project.store, "cpu", lambda done, total, message="": None)
    folder = project.workspace.path("prune", step.key)
    taken = np.asarray(results.load(folder, "rows"))
    left_out = {int(row): why for row, why in results.read_json(folder / "left_out.json").items()}
    if step is not exact:
        chosen = apply_budget(exact, project.store, prefix_of(taken, len(project.items)))
        taken = chosen.rows[chosen.selection.rows]
    return Preview(taken, left_out, project.store.candidates)


def start_preview(project: Project, section: Prune) -> None:
    """Compute the prune in a job; the recipe stays as it is."""
    recipe = _with(project.recipe, section)
    project.run(recipe, f"Preview {section.use}", until="prune")


def _whole_order(section: Prune) -> bool:
    return registry.get("pruners", section.use).card.nested


def _with(recipe: Recipe, section: Prune) -> Recipe:
    wanted = section.model_copy(update={"keep": 1.0}) if _whole_order(section) else section
    return recipe.model_copy(update={"prune": [wanted], "verify": None, "export": []})


def _plan(project: Project, section: Prune) -> Plan:
    force = project.plan.effective  # the labels the shown evidence knows; drops and pins of now
    return _cached(str(project.folder), _with(project.recipe, section).toml(), repr(asdict(force)), force)


@st.cache_resource(ttl=60, max_entries=64, show_spinner=False)
def _cached(folder: str, toml: str, stamp: str, _force) -> Plan:
    return plan(parse_recipe(tomllib.loads(toml)), Workspace(folder, make=False), until="prune", effective=_force)


def _needed(the_plan: Plan, step: Step) -> list[Step]:
    """The steps one step reads, directly."""
    keys = set(step.inputs.values())
    return [s for s in the_plan.steps if s.key in keys]


# -- what a subset is like -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """Numbers about a subset. mistakes and duplicates: (kept, in all), None where nothing is known of them."""

    kept: int
    of: int
    smallest_class: tuple[str, int, int]  # name, kept, in all: the class that keeps the smallest share
    mistakes: tuple[int, int] | None
    flagged: tuple[int, int] | None


def facts(project: Project, shown: Preview) -> Facts:
    store, rows = project.store, shown.candidates
    total = np.bincount(store.labels[rows], minlength=len(store.classes))
    kept = np.bincount(store.labels[shown.taken], minlength=len(store.classes))
    share = np.where(total > 0, kept / np.maximum(total, 1), np.inf)
    worst = int(share.argmin())
    inside = np.zeros(len(store.items), bool)
    inside[shown.taken] = True
    mistakes = flagged = None
    wrong = known_mistakes(project)
    if wrong is not None:
        mistakes = (int((wrong & inside).sum()), int(wrong[rows].sum()))
    mislabels = [flag.flagged for flag in project.flags().values() if "mislabel" in flag.tags]
    if mislabels:
        any_ = np.logical_or.reduce(mislabels)
        flagged = (int((any_ & inside).sum()), int(any_[rows].sum()))
    return Facts(
        len(shown.taken), len(rows), (store.classes[worst], int(kept[worst]), int(total[worst])), mistakes, flagged
    )


def known_mistakes(project: Project) -> np.ndarray | None:
    """bool [n]: train rows whose label in force is not the truth; None when the source does not know the truth."""
    truth = project.items.column("truth")
    known = np.not_equal(truth, None)
    if not known.any():
        return None
    state = item_state(project.items, project.effective)
    wrong = np.zeros(len(truth), bool)
    train = project.store.train
    wrong[train] = known[train] & (truth[train] != np.array(state.classes, object)[state.labels[train]])
    return wrong
