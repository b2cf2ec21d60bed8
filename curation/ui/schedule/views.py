"""Further views of what the schedule trained: use of the items, wrong labels, time, factors, a sampler to take home.

Each view is a function of the project, its finished runs at one share with everything, that share, and the colours.
"""

from __future__ import annotations

import streamlit as st

from curation.engine import registry
from curation.engine.stages.schedule import FULL_SHORT, RS2
from curation.engine.trials import FULL
from curation.ui.parts import charts, theme
from curation.ui.schedule import comparison, factors, figures, snippet, trained
from curation.ui.state.project import Project


def usage(project: Project, runs: list[dict], keep: float, dark: bool) -> None:
    """How evenly the items were used."""
    st.plotly_chart(
        figures.usage(trained.used(project, keep), dark=dark), key="schedule_usage", config=picture("usage")
    )
    made = [cell for cell in comparison.cells(runs) if cell.sampler != FULL]
    lines = [f"{cell.sampler} {cell.gini:.2f} ({100 * cell.never_seen:.0f} % never seen)" for cell in made]
    st.caption(f"Unevenness (Gini; 0 = all alike): {theme.plain(', '.join(lines))}.")


def wrong_labels(project: Project, runs: list[dict], keep: float, dark: bool) -> None:
    """Wrong labels among what was taken, epoch by epoch."""
    known = [run for run in runs if run["epochs"]["noise"] is not None]
    if not known:
        st.info("Nobody knows which labels are wrong here: choose a share of wrong labels on the left to plant some.")
        return
    figure = figures.over_passes(known, "noise", dark=dark)
    st.plotly_chart(figure, key="schedule_wrong", config=picture("wrong-labels"))
    st.caption("A sampler above rs2 gathers wrong labels, one below avoids them.")


def time(project: Project, runs: list[dict], keep: float, dark: bool) -> None:
    """Where the time went."""
    made = comparison.cells(runs)
    st.plotly_chart(figures.times(made, dark=dark), key="schedule_time", config=picture("time"))
    st.caption(
        "Preparing is what a sampler stands on (neighbours, factors, a score), paid for once per dataset. Training "
        "includes going forward only. Testing after every epoch is not counted."
    )


def show_factors(project: Project, runs: list[dict], keep: float, dark: bool) -> None:
    st.html(factors.CSS)
    factors.show(project)


def take_home(project: Project, runs: list[dict], keep: float, dark: bool) -> None:
    """One sampler as lines of Python and as a recipe."""
    section = project.recipe.schedule
    made = [cell for cell in comparison.cells(runs) if cell.sampler != FULL]
    best = max(made, key=lambda cell: (cell.better, cell.sampler == RS2, cell.mean))  # rs2 unless somebody beats it
    names = [cell.sampler for cell in made]
    name = st.selectbox("Sampler", names, index=names.index(best.sampler), key="schedule_take")
    params = section.params if name == section.use else registry.get("samplers", name).validated({}, name)
    st.code(snippet.snippet(name, params, keep=keep, epochs=section.epochs), language="python")
    recipe = snippet.chosen(project.recipe, name, keep)
    with st.container(horizontal=True):
        st.download_button(
            "Download the recipe", recipe.toml(), f"{name}.toml", "application/toml", key="schedule_recipe",
            on_click="ignore",
        )  # fmt: skip
        code = snippet.snippet(name, params, keep=keep, epochs=section.epochs)
        st.download_button(
            "Download the lines", code, f"{name}.py", "text/x-python", key="schedule_snippet", on_click="ignore"
        )
    if name == FULL_SHORT:
        st.caption("This is an ordinary run of fewer epochs: your own loop can do it without a sampler.")
    st.caption("Loops for Lightning, Hugging Face and several processes are in docs/schedule.md.")


def picture(name: str) -> dict:
    """The button over a figure saves the format chosen below the figures."""
    return charts.picture(f"schedule-{name}", st.session_state.get("schedule_format") or "svg")


VIEWS = {
    "Use of the items": usage,
    "Wrong labels": wrong_labels,
    "Time": time,
    "Factors": show_factors,
    "Take home": take_home,
}
