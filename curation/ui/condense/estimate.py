"""How long the condensations and trainings that are missing will take, said before they start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future

import streamlit as st

from curation.engine import registry
from curation.engine.plan import Plan, Step
from curation.errors import StepError
from curation.ui.parts import theme
from curation.ui.state.project import Project
from curation.ui.verify.duration import in_words, timing

TOO_LONG = 3600  # seconds of one condensation beyond which the image size is called too large for this machine
MADE_WITH = "convnet"  # what optimising condensers pass images through


def show(project: Project, the_plan: Plan, size: int) -> None:
    """A sentence with the time of what is missing, once a step of every network involved was timed here.

    size: side of the images in pixels; 0 for embeddings, whose sets take seconds, and nothing is said.
    """
    classes, n = len(project.store.classes), len(project.store.candidates)
    if not size:
        return
    networks = {MADE_WITH: registry.get("students", MADE_WITH).validated({}, MADE_WITH)}
    passes, longest = Counter(), (0.0, "")
    seconds = 0.0
    for step in the_plan.of("condense"):
        if not the_plan.done(step):
            seconds += step.extra.get("seconds", 0.0)
            if (many := condensing(step, n, classes)) and not step.extra.get("seconds"):
                passes[MADE_WITH] += many
                longest = max(longest, (many, step.method.card.title))
    for step in the_plan.of("judge"):
        student = registry.get("students", step.extra["student"])
        if student.passes and not the_plan.done(step) and not student.unavailable(step.students[student.id]):
            networks.setdefault(student.id, dict(step.students[student.id]))
            items = n if step.shown["per_class"] is None else step.shown["per_class"] * classes
            passes[student.id] += student.passes(items, **step.students[student.id])
    futures = {
        name: timing(name, tuple(sorted((k, v) for k, v in params.items() if k not in _LENGTH)), size, classes)
        for name, params in networks.items()
        if passes[name]
    }
    waiting = not all(future.done() for future in futures.values())
    st.fragment(_told, run_every=2.0 if waiting else None)(futures, passes, seconds, longest, size)


def condensing(step: Step, items: int, classes: int) -> int:
    """Images `convnet` could be trained on while its method condenses so many items; 0 where it is instant."""
    if step.method.passes is None or "per_class" not in step.extra:
        return 0
    return step.method.passes(items, step.extra["per_class"], classes, **step.params)


_LENGTH = ("epochs", "steps", "lr")  # parameters on which the time of one image does not depend


def _told(
    futures: Mapping[str, Future], passes: Mapping[str, int], seconds: float, longest: tuple[float, str], size: int
) -> None:
    if not all(future.done() for future in futures.values()):
        st.caption("Timing a training step of every network on this machine...")
        return
    try:
        pace = {name: future.result() for name, future in futures.items()}
    except StepError as error:
        st.caption(theme.plain(f"No estimate of the time: {error}."))
        return
    whole = seconds + sum(pace[name] * passes[name] for name in pace)
    words = f"Estimate: **{in_words(whole)}**, by a training step timed here; experts of soft labels are not counted."
    st.caption(f":orange[{words}]" if whole > TOO_LONG else words)
    one = longest[0] * pace.get(MADE_WITH, 0.0)
    if one > TOO_LONG:
        st.warning(
            theme.plain(
                f"{size} x {size} pixels are too large for this machine: one condensation by {longest[1]} takes about "
                f"{in_words(one)}. Make the images smaller, or give it a budget in seconds."
            ),
            icon=":material/timer:",
        )
