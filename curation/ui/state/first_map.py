"""A map to look at until the recipe's own is drawn: one that takes a blink, made from the embeddings by the page."""

from __future__ import annotations

import numpy as np

from curation.engine import registry, results
from curation.engine.compute import Call, compute
from curation.engine.stage import Section
from curation.ui.state.project import Project


def first_map(project: Project) -> np.ndarray | None:
    """Map coordinates as `Project.xy` gives them; None before the items are encoded, or where no map is wanted."""
    if project.recipe.map is None or not project.plan.done(project.plan.find("encode")):
        return None
    quick = next(method for method in registry.methods("maps").values() if method.card.instant)
    asked = Section(use=quick.id, params=quick.validated({}, quick.id))
    # Without [grow], which wants a map of the pool too.
    the_plan = project.showing("map", recipe=project.recipe.model_copy(update={"map": asked, "grow": None}))
    step = the_plan.find("map")
    with project.workspace.lock(step.stage, step.key):
        if not the_plan.done(step):
            compute(step, project.workspace, project.store, Call(step))
    return results.spread(project.workspace.path(step.stage, step.key), len(project.items))
