"""What a prune would keep, before it is part of the recipe: asked directly where that takes a blink, by a job else.

A pruner whose card says `nested` is asked once for the order of all rows; after that any share is a prefix and the
slider costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from curation.engine import registry, results
from curation.engine.compute import Call, compute
from curation.engine.plan import Plan, Step
from curation.engine.recipe import Recipe
from curation.engine.stages.prune import Prune, apply_budget, prefix_of
from curation.ui.state.analysis_results import analysis_results
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project

NAME = "(preview)"  # of the section that is tried out


@dataclass(frozen=True)
class Preview:
    """Item rows a prune would keep, in order; what it left out beforehand, with reasons; the rows it chose from.

    score: float [n], the score it stands on, NaN where there is none; None for a prune by something else.
    following: the rows that would be taken next, in order, as far as they are known. said: what the method says of it.
    """

    taken: np.ndarray
    left_out: dict[int, str]
    candidates: np.ndarray
    score: np.ndarray | None = None
    following: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    said: tuple[str, ...] = ()


def preview(project: Project, section: Prune) -> Preview | None:
    """The prune's answer if it is there or takes a blink; None when it needs a job (`start_preview`)."""
    recipe, target = _with(project.recipe, section)
    # What a job computed knows every label of now; what is asked directly stands on the analysis that is shown.
    for the_plan in (project.planned(target, recipe=recipe), project.showing(target, recipe=recipe)):
        whole = the_plan.of("prune")[-1]
        exact = replace(whole, extra={**whole.extra, "keep": section.keep})
        step = exact if the_plan.done(exact) else whole
        if the_plan.done(step):
            break
    if not the_plan.done(step):
        if len(the_plan.missing()) > 1 or not step.method.card.instant:
            return None
        with project.workspace.lock(step.stage, step.key):
            if not the_plan.done(step):
                compute(step, project.workspace, project.store, Call(step))
    folder, said = project.workspace.path("prune", step.key), project.workspace.card("prune", step.key).get("said", ())
    taken = np.asarray(results.load(folder, "rows"))
    left_out = {int(row): why for row, why in results.read_json(folder / "left_out.json").items()}
    following = np.empty(0, np.int64)
    if step.key != exact.key:
        whole = taken
        chosen = apply_budget(exact, project.store, prefix_of(whole, len(project.items)))
        taken = chosen.rows[chosen.selection.rows]
        following = whole[~np.isin(whole, taken)]
    score = _score(the_plan, step, len(project.items))
    return Preview(taken, left_out, project.store.candidates, score, following, tuple(said))


def start_preview(project: Project, section: Prune) -> None:
    """Compute the prune in a job; the recipe stays as it is."""
    recipe, target = _with(project.recipe, section)
    project.run(recipe, f"Preview {section.use}", [target])


def _with(recipe: Recipe, section: Prune) -> tuple[Recipe, str]:
    """The recipe with this section too, and the section as a target. Of a nested pruner the order of all rows is asked
    for: after that any share is a prefix and the slider costs nothing."""
    nested = registry.get("pruners", section.use).card.nested
    tried = section.model_copy(update={"name": NAME, **({"keep": 1.0} if nested else {})})
    others = [section for section in recipe.prune if section.name != NAME]
    return recipe.model_copy(update={"prune": [*others, tried]}), f"prune:{NAME}"


def _score(the_plan: Plan, step: Step, n: int) -> np.ndarray | None:
    """The score a subset stands on, laid over all items."""
    key = next((key for name, key in step.inputs.items() if name.startswith("score:")), None)
    return None if key is None else results.spread(the_plan.workspace.path("score", key), n)


# -- what a subset is like -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """Numbers about a subset. mistakes and duplicates: (kept, in all), None where nothing is known of them."""

    kept: int
    of: int
    smallest_class: tuple[str, int, int] | None  # name, kept, in all: the class that keeps the smallest share
    mistakes: tuple[int, int] | None
    flagged: tuple[int, int] | None


def facts(project: Project, shown: Preview) -> Facts:
    store, rows = project.store, shown.candidates
    total, kept = (class_counts(store.labels[some], len(store.classes)) for some in (rows, shown.taken))
    share = np.where(total > 0, kept / np.maximum(total, 1), np.inf)
    smallest = None
    if len(share):
        worst = int(share.argmin())
        smallest = (store.classes[worst], int(kept[worst]), int(total[worst]))
    inside = np.zeros(len(store.items), bool)
    inside[shown.taken] = True
    mistakes = flagged = None
    wrong = known_mistakes(project)
    if wrong is not None:
        mistakes = (int((wrong & inside).sum()), int(wrong[rows].sum()))
    mislabels = [flag.flagged for flag in analysis_results(project).of_kind("mislabel").values()]
    if mislabels:
        any_ = np.logical_or.reduce(mislabels)
        flagged = (int((any_ & inside).sum()), int(any_[rows].sum()))
    return Facts(len(shown.taken), len(rows), smallest, mistakes, flagged)


def class_counts(labels: np.ndarray, classes: int) -> np.ndarray:
    """int [C], items of each class; those without a label are of none."""
    return np.bincount(labels[labels >= 0], minlength=classes)


def known_mistakes(project: Project) -> np.ndarray | None:
    """bool [n]: train rows whose label in force is not the truth; None when the source does not know the truth."""
    if project.items.table["truth"].null_count == len(project.items):
        return None
    truth = project.items.column("truth")
    known = np.not_equal(truth, None)
    state = item_state(project.items, project.effective)
    wrong = np.zeros(len(truth), bool)
    train = project.store.train
    wrong[train] = known[train] & (truth[train] != np.array(state.classes, object)[state.labels[train]])
    return wrong
