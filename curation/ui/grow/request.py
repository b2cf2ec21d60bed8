"""Controls for requesting a batch: strategy, parameters, candidates, and the reasons why a request is blocked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import humanize
import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from curation import packages
from curation.card import Card
from curation.data.items import TRAIN, UNLABELED, test_rows
from curation.engine import registry, results
from curation.engine.plan import POOL
from curation.engine.stage import Section
from curation.engine.stages.query import Grow
from curation.errors import InputError
from curation.training.active_learning import OTHERS
from curation.ui.grow import batches
from curation.ui.parts import theme
from curation.ui.parts.forms import form
from curation.ui.parts.theme import plain
from curation.ui.server.allowed_paths import check_paths
from curation.ui.start import overview, presets
from curation.ui.start.encoder_choice import proposal
from curation.ui.state.item_state import ItemState
from curation.ui.state.project import Project

WARM, FIRST = "margin", "typiclust"  # to begin with: once two classes have labels, and before
COSTS = {"": "1 each", "bytes": "Size of the file", "pixels": "Pixels"}
NEXT = "Next batch"  # what the button and its job are called
CANDIDATES = {"all": "All", "seals": "Near labelled"}


def controls(project: Project, state: ItemState) -> tuple[Grow | None, DeltaGenerator]:
    """The row of controls: (the request, None while its parameters are not valid; the place at the end of the row)."""
    saved, queries = project.recipe.grow, registry.methods("queries")
    options = list(queries)
    start = saved.use if saved else WARM if len(known_classes(project, state)) > 1 else FIRST
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="grow_controls"):
        use = st.selectbox(
            "Strategy", options, options.index(start), format_func=lambda q: queries[q].card.title,
            key="grow_strategy", width=190,
        )  # fmt: skip
        batch = st.number_input("Batch", 1, 10_000, min(saved.batch, 10_000) if saved else 50, key="grow_batch",
                                width=112, help="Number of items to label before the model learns again.")  # fmt: skip
        candidates = st.selectbox(
            "Candidates", list(CANDIDATES), list(CANDIDATES).index(saved.candidates) if saved else 0,
            format_func=CANDIDATES.get, key="grow_candidates", width=142,
            help="Near labelled (SEALS): only the nearest neighbours of labelled items are considered, so that the "
            "cost of a round grows with the labels and not with the pool.",
        )  # fmt: skip
        names = [name for name in state.classes if name != OTHERS]
        before = saved.concept if saved else ""
        typed = [before, st.session_state.get("grow_concept")]  # may be the name of nothing yet
        names += [name for name in dict.fromkeys(typed) if name and name not in names]
        concept = st.selectbox(
            "Rare concept", names, names.index(before) if before else None, key="grow_concept", width=165,
            placeholder="None", accept_new_options=True,
            help="One class against all others. Type a new name to look for a class without labels.",
        )  # fmt: skip
        with st.popover("More", icon=":material/tune:", key="grow_more", width=104):
            params, more = _more(saved, use, candidates)
        place = st.container(key="grow_ask", width="content")
    if params is None:
        return None, place
    concept = " ".join((concept or "").split())
    simulate = saved.simulate if saved else None
    asked = Grow(use=use, batch=int(batch), candidates=candidates, concept=concept, params=params, **more)
    return asked.model_copy(update={"simulate": simulate}), place


def about(project: Project, grow: Grow) -> str:
    """The strategy in words: what it chooses, what it is blind to, and how long a batch takes."""
    method = registry.get("queries", grow.use)
    words = [method.summary]
    if "predicted" not in method.card.needs:
        words.append("It needs no model.")
    if method.card.blind_to:
        words.append(f"Blind to {method.card.blind_to}.")
    cards = list(project.workspace.path("query", "").glob("[!.]*/card.json"))
    if cards:
        last = results.read_json(max(cards, key=lambda path: path.stat().st_mtime))
        words.append(f"The last batch took {max(last['seconds'], 0.1):.1f} s.")
    else:
        words.append(f"Takes {method.card.cost}.")
    return " ".join(words)


def _more(saved: Grow | None, use: str, candidates: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """(the strategy's own parameters, what the engine takes beside them)"""
    more: dict[str, Any] = {"neighbours": saved.neighbours if saved else 100}
    if candidates == "seals":
        more["neighbours"] = int(st.number_input("Neighbours of each labelled item", 1, 10_000, more["neighbours"],
                                                 key="grow_neighbours"))  # fmt: skip
    method = registry.get("queries", use)
    params = form(method, saved.params if saved and saved.use == use else {}, key="grow")
    students = registry.methods("students")
    usable = [name for name, student in students.items() if not student.card.own_code and not student.missing()]
    student = saved.student if saved and saved.student in usable else "logistic"
    more["student"] = st.selectbox(
        "Student", usable, usable.index(student), format_func=lambda s: students[s].card.title, key="grow_student",
        help="Fitted on the labelled items, again for every batch.",
    )  # fmt: skip
    costs = dict(COSTS) | ({saved.cost: saved.cost} if saved and saved.cost not in COSTS else {})
    options = list(costs)
    more["cost"] = st.selectbox(
        "What an item costs", options, options.index(saved.cost if saved else ""), format_func=costs.get,
        key="grow_cost", help="For the curve against cost and the strategy Cost-aware; a recipe can name a csv with "
        "the columns id and cost.",
    )  # fmt: skip
    more["seed"] = int(st.number_input("Seed", 0, 10_000, min(saved.seed, 10_000) if saved else 0, key="grow_seed"))
    return params, more


# -- what stands in the way ------------------------------------------------------------------------------------


def known_rows(project: Project, state: ItemState) -> np.ndarray:
    """Item rows of the pool that have a label."""
    rows = project.items.rows(TRAIN, UNLABELED)
    return rows[(state.labels[rows] >= 0) & ~state.dropped[rows]]


def known_classes(project: Project, state: ItemState) -> list[str]:
    """Classes that have a label in the pool."""
    return [state.classes[code] for code in np.unique(state.labels[known_rows(project, state)])]


def obstacle(project: Project, state: ItemState, grow: Grow, left: int) -> str | None:
    """Why the next batch cannot be requested like this, in a sentence; None when it can."""
    method, known = registry.get("queries", grow.use), known_classes(project, state)
    title = method.card.title
    if missing := method.missing():
        return f"{packages.needs(title, missing)}."
    if not left:
        return "Every item has a label or was skipped: there is nothing left to choose from."
    cold = f"or start with {_titles(lambda card: card.cold)}"
    if grow.concept and grow.concept not in known:
        return f"No item is labelled {grow.concept} yet: find a few examples under Find first."
    model = "predicted" in method.card.needs
    if grow.concept and model and len(known) < 2:
        return f"Every label is {grow.concept}, and a model needs other examples too: label some, {cold}."
    if grow.candidates == "seals" and not known:
        return "There are no labelled items to be near: choose all candidates, or label a few items first."
    if model and len(known) < 2:
        have = f"there is only one class ({known[0]})" if known else "there are none"
        return f"{title} needs labels of at least two classes and {have}: label a few, {cold}."
    if method.card.concept and not grow.concept and len(state.classes) > 2:
        return f"{title} looks for one class: name it under Rare concept, or choose Margin."
    if len(known) < method.card.labelled:
        classes = "at least one class" if method.card.labelled == 1 else f"{method.card.labelled} classes"
        return f"{title} needs labels of {classes}: label a few, {cold}."
    return None


def remarks(project: Project, state: ItemState, grow: Grow, left: int) -> list[str]:
    """What a person should know before requesting a batch, in sentences."""
    said = []
    if left < grow.batch:
        said.append(f"Only {left:,} items are left, fewer than the batch of {grow.batch:,}.")
    if not len(test_rows(project.items)):
        said.append("There are no labelled test items, so the model's accuracy cannot be measured.")
    if grow.use == "random":
        said.append("A random batch is unbiased: a good choice for labels that accuracy is measured on.")
    return said


def _titles(which: Callable[[Card], bool]) -> str:
    """The strategies of a kind, by what a person calls them.

    >>> _titles(lambda card: card.concept)
    'Active search or Most likely positive'
    """
    *others, last = (m.card.title for m in registry.methods("queries").values() if which(m.card))
    return f"{', '.join(others)} or {last}"


# -- asking ----------------------------------------------------------------------------------------------------


def ask(project: Project, grow: Grow) -> None:
    """Start the job that chooses the next batch, and draws the map of the pool where that is instant."""
    project.save(grow=grow)
    recipe = batches.with_map(project.recipe)
    the_plan = project.planned("query", "map", recipe=recipe)
    batches.remember(the_plan)
    place = the_plan.find("map", POOL)
    instant = place is not None and place.method.card.instant and not the_plan.done(place)
    project.run(recipe, NEXT, ["query", f"map:{POOL}"] if instant else ["query"])
    for name in ("at", "chosen", "last"):
        st.session_state.pop(f"grow:{name}:{project.name}", None)
    st.rerun()


def draw_map(project: Project) -> None:
    """Start the job that draws the map of the pool."""
    project.run(batches.with_map(project.recipe), "Draw the map of the pool", [f"map:{POOL}"])
    st.rerun()


def embeddings_first(project: Project, state: ItemState) -> None:
    """Choose the encoder, whose embeddings the model and every strategy need."""
    items = project.items
    facts = overview.facts(items, state.labels, state.classes)
    proposed = proposal(project, facts)
    options, pick, why = proposed.options, proposed.pick, proposed.why
    ready = {o.id: o.title for o in options if not o.problem}
    if not ready:
        st.error(plain(why))
        return
    with st.container(border=True, key="grow_encode", width=640):
        st.markdown("**First, embeddings**: the model and every strategy need them.")
        use = st.selectbox("Encoder", list(ready), list(ready).index(pick) if pick in ready else 0,
                           format_func=ready.get, key="grow_encoder")  # fmt: skip
        if use == pick:
            st.caption(plain(why))
        with st.expander("Parameters of the encoder"):
            params = form(registry.get("encoders", use), {}, key="grow_encode_form")
        seconds = presets.seconds(use, facts.usable, bool(presets.gpu_name())) - presets.AFTER[0]
        st.caption(f"{facts.usable:,} items · about {humanize.naturaldelta(max(seconds, 1))}")
        busy = project.jobs.current() is not None
        if st.button(f"Encode {facts.usable:,} items", type="primary", key="grow_encode_run",
                     disabled=params is None or busy, icon=":material/play_arrow:"):  # fmt: skip
            try:
                check_paths(params)
            except InputError as error:
                st.error(theme.plain(error), icon=":material/error:")
                return
            project.save(encode=Section(use=use, params=params))
            project.start("Encode", ["encode"])
            st.rerun()
