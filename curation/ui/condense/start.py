"""What is asked for: sections of the recipe for the comparisons that are one click, and the job that makes them."""

from __future__ import annotations

import typing
from collections.abc import Sequence

import streamlit as st

from curation.engine import registry
from curation.engine.stage import analysis
from curation.engine.stages.condense import Condense, side
from curation.ui.condense.architectures import SIX
from curation.ui.state.project import Project

SIDES = (8, 64)  # pixels a side that the page offers
USUAL = 32
PRIOR = "prior_dm"


def condense_also(project: Project, sections: Sequence[Condense]) -> None:
    """Store the sections and start the job; finished steps are kept."""
    project.save(condense=list(sections))
    project.start("Condense", [*(analysis() if project.stale else ()), "judge"])
    st.rerun()


def usual_size(project: Project) -> int:
    """Pixels a side: what the recipe says, else the images' own up to the usual."""
    if sections := project.recipe.condense:
        return side(sections[0], project.recipe)
    if given := project.recipe.evidence.get("pixels"):
        return given.params["size"]
    items = project.items
    sides = [min(items.column("width")[row], items.column("height")[row]) for row in project.store.candidates[:1000]]
    return int(min(max(sorted(sides)[len(sides) // 2], SIDES[0]), USUAL)) if sides else USUAL


def with_six(sections: Sequence[Condense]) -> list[Condense]:
    """The same, judged by six architectures too; whoever judges already under one of their names stays."""
    made = []
    for section in sections:
        known = section.judges if section.space == "pixels" else ()
        more = [one for one in SIX if (one if isinstance(one, str) else one["name"]) not in known]
        own = section.students or list(known)
        made.append(section.model_copy(update={"students": [*own, *more]}) if known else section)
    return made


def with_depths(sections: Sequence[Condense], per_class: int, of: str) -> list[Condense]:
    """The same, and the prior at each of its depths beside them, on the same items."""
    method, known = registry.get("condensers", PRIOR), {section.name for section in sections}
    like = next((section for section in sections if section.of == of), sections[0])
    made = []
    for depth in typing.get_args(method.params.model_fields["depth"].annotation):
        name = f"{PRIOR}, {depth}" + (f" of {of}" if of else "")
        params = method.validated({"depth": depth}, PRIOR)
        changed = {"use": PRIOR, "name": name, "params": params, "per_class": [per_class], "path": None}
        made += [like.model_copy(update=changed)] if name not in known else []
    return [*sections, *made]


def on_all_items_too(section: Condense) -> list[Condense]:
    """Prune first, distil after: the section, and the same on all items."""
    if not section.of:
        return [section]
    named = section.model_copy(update={"name": f"{section.label} of {section.of}"})
    return [named, section.model_copy(update={"name": section.label, "prune": "", "without": [], "path": None})]
