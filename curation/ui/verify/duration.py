"""How long the trainings that are asked for will take, said before they start."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from curation.data.budget import budget
from curation.engine import pace, registry
from curation.engine.stages.verify import Cell, Verify
from curation.errors import StepError
from curation.ui.parts import theme
from curation.ui.state.project import Project

_LENGTH = ("epochs", "steps", "lr")  # parameters on which the time of one image does not depend


def show(project: Project, every: Sequence, wanted: Verify, runs: Sequence[dict], left: int) -> None:
    """A sentence with the time of `left` of the trainings `every`, for students that say how long they train.

    The pace is that of the trainings `runs` that are finished, else of a few steps timed here.
    """
    method = registry.get("students", wanted.use)
    if method.passes is None or method.unavailable(wanted.params):
        return
    sizes = [size(cell, len(project.store.candidates)) for cell, _ in every]
    images = sum(method.passes(m, **wanted.params) for m in sizes) * left / len(every)
    given = project.recipe.verify
    alike = given is not None and given.use == wanted.use and _pace_of(given) == _pace_of(wanted)
    if alike and runs:
        seconds = sum(run["train_seconds"] for run in runs) / sum(run["passes"] for run in runs)
        st.caption(_sentence(seconds * images, left, "at the pace of those that are finished"))
        return
    pixels = project.recipe.evidence.get("pixels")
    side = (pixels.params if pixels else registry.get("evidence", "pixels").validated({}, "pixels"))["size"]
    future = timing(wanted.use, tuple(sorted(_pace_of(wanted).items())), side, len(project.items.classes))
    st.fragment(_timed, run_every=None if future.done() else 2.0)(future, images, left)


def size(cell: Cell | None, n: int) -> int:
    """Items a training sees; None is everything."""
    return n if cell is None else budget(cell.keep, n)


def in_words(seconds: float) -> str:
    """A time as one says it.

    >>> in_words(40), in_words(200), in_words(9000), in_words(400_000)
    ('under a minute', '3 minutes', '2.5 hours', '4.6 days')
    """
    if seconds < 60:
        return "under a minute"
    if seconds < 5400:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{seconds / 3600:.1f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _timed(future: Future, images: float, left: int) -> None:
    if not future.done():
        st.caption("Timing a training step of this student on this machine...")
        return
    try:
        seconds = future.result()
    except StepError as error:
        st.caption(theme.plain(f"No estimate of the time: {error}."))
        return
    st.caption(_sentence(seconds * images, left, "by a training step timed on this machine"))


@st.cache_resource(max_entries=32)
def timing(student: str, params: tuple, side: int, classes: int) -> Future:
    """The answer to come, asked for once per student, parameters and size of the images."""
    full = registry.get("students", student).validated(dict(params), student)
    pool = ThreadPoolExecutor(1)
    future = pool.submit(pace.seconds_per_pass, student, full, side, classes)
    pool.shutdown(wait=False)
    return future


def _pace_of(wanted: Verify) -> dict:
    return {name: value for name, value in wanted.params.items() if name not in _LENGTH}


def _sentence(seconds: float, left: int, how: str) -> str:
    words = f"About **{in_words(seconds)}** for {left} training{'s' * (left != 1)}, {how}."
    return f":orange[{words}]" if seconds > 3600 else words
