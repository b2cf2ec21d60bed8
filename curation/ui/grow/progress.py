"""Progress of growing: the curve of the batches so far, simulations, and what the next labels are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from curation.data.items import test_rows
from curation.engine import registry
from curation.engine.plan import Plan
from curation.engine.stages import growth
from curation.engine.stages.query import Grow, Simulate
from curation.engine.trials import RANDOM
from curation.training.active_learning import OTHERS
from curation.ui.grow import batches, curves, own_labels
from curation.ui.grow.request import known_classes, known_rows
from curation.ui.parts import charts, theme
from curation.ui.parts.csv_download import as_csv
from curation.ui.parts.theme import plain
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project

MORE = 500  # labels the stop suggestion speaks of


def show_progress(project: Project, the_plan: Plan, grow: Grow, dark: bool) -> None:
    """The form of the simulation on the left, the results so far on the right."""
    controls, result = st.columns([1, 2.6], gap="large")
    with controls:
        _simulate(project, grow)
    with result:
        # While simulations run, their rounds appear as they are finished.
        every = 5.0 if project.jobs.current() is not None else None
        st.fragment(_result, run_every=every)(project, the_plan, grow, dark)


# -- what to simulate ------------------------------------------------------------------------------------------


def _simulate(project: Project, grow: Grow) -> None:
    queries, given = registry.methods("queries"), grow.simulate or Simulate()
    today = item_state(project.items, project.effective)
    known, there = known_classes(project, today), len(known_rows(project, today))
    st.markdown("**Simulate on the labelled items**")
    st.caption("Known labels are hidden and revealed when a strategy asks for them, to compare strategies.")
    use = grow.use
    alone = not batches.unlabelled(project.items)  # there are no controls above
    if alone:
        use = st.selectbox("Strategy", list(queries), list(queries).index(use), key="grow_sim_use",
                           format_func=lambda q: queries[q].card.title)  # fmt: skip
        grow = grow if use == grow.use else grow.model_copy(
            update={"use": use, "params": queries[use].validated({}, use)}
        )  # fmt: skip
    others = [name for name, method in queries.items() if name not in (use, RANDOM) and not method.missing()]
    strategies = st.multiselect(
        "Compare with", others, [name for name in given.strategies if name in others],
        format_func=lambda q: queries[q].card.title, key="grow_sim_strategies",
        help="Each with its defaults; random and everything labelled are always included.",
    )  # fmt: skip
    numbers = [*st.columns(2), *st.columns(2)]
    start = int(numbers[0].number_input("Labels to start", 0, 10_000, given.start, key="grow_sim_start",
                                        help="Per class, or of the rare concept; 0 = no labels."))  # fmt: skip
    rounds = int(numbers[1].number_input("Rounds", 1, 1000, given.rounds, key="grow_sim_rounds"))
    seeds = int(numbers[2].number_input("Seeds", 1, 100, given.seeds, key="grow_sim_seeds"))
    batch = grow.batch
    if alone:
        batch = int(numbers[3].number_input("Batch", 1, 10_000, min(batch, 10_000), key="grow_sim_batch"))
    with st.expander("Harder conditions"):
        noise = st.slider("Share of wrong answers", 0.0, 0.9, given.noise, 0.05, key="grow_sim_noise")
        more = {}
        if grow.concept:
            more["rare"] = st.number_input("Reduce the concept to a share of", 0.0, 1.0, given.rare, 0.005, "%.3f",
                                           key="grow_sim_rare", help="0 leaves it unchanged.")  # fmt: skip
            more["others"] = int(
                st.number_input("Other labels to start", 0, 10_000, given.others, key="grow_sim_others")
            )
        classes = [name for name in known if name != grow.concept]
        outside = [name for name in given.outside if name in classes]
        more["outside"] = st.multiselect("Irrelevant classes", classes, outside, key="grow_sim_outside")
    wanted = Simulate(**{**given.model_dump(), "strategies": strategies, "start": start, "rounds": rounds,
                         "seeds": seeds, "noise": noise, **more})  # fmt: skip
    played = grow.model_copy(update={"simulate": wanted, "batch": batch})
    cells = growth.trials(played)
    count = len(cells) // seeds - 1
    st.caption(
        f"{count} strateg{'y' if count == 1 else 'ies'} and everything labelled, {seeds} seed{'s' * (seeds != 1)} "
        f"each: {len(cells)} simulations of {rounds} rounds, {batch:,} labels each."
    )
    first = start + wanted.others if grow.concept else start * len(known)
    if first + batch * rounds > there:
        st.caption(f":orange[{there:,} labels are known: the simulation ends when they are used up.]")
    if seeds < 3:
        st.caption(":orange[Fewer than 3 seeds say little about the spread.]")
    if problem := _cannot(project, grow):
        st.warning(plain(problem), icon=":material/info:")
    if st.button(
        "Simulate", type="primary", width="stretch", key="grow_sim_run", icon=":material/play_arrow:",
        disabled=problem is not None or project.jobs.current() is not None,
    ):  # fmt: skip
        project.save(grow=played)
        project.start("Simulate", ["growth"])
        st.rerun()


def _cannot(project: Project, grow: Grow) -> str | None:
    """Why nothing can be simulated, in a sentence."""
    state = item_state(project.items, project.effective)
    if not len(test_rows(project.items)):
        return "A simulation needs labelled test items and there are none: set holdout in the recipe's source."
    known = known_classes(project, state)
    if len(known) < 2:
        return "A simulation needs labelled items of at least two classes to train on."
    if grow.concept and grow.concept not in known:
        return f"No item is labelled {grow.concept}: there is nothing to look for in a simulation."
    return None


# -- what came out ---------------------------------------------------------------------------------------------


def _result(project: Project, the_plan: Plan, grow: Grow, dark: bool) -> None:
    own = curves.own_points(_cards(project, the_plan)) if batches.unlabelled(project.items) else []
    simulation = _simulation(project)
    simulated = [] if simulation is None else growth.rows(simulation, None)
    for line in sorted({f"{row['method']}: {row['failed']}" for row in simulated if row["failed"]}):
        st.warning(plain(line), icon=":material/error:")
    rows = [*own, *(row for row in simulated if not row["failed"])]
    known = curves.measures(rows)
    if not known:
        text = "The curve starts with the first batch chosen by a model, or with a simulation."
        if own:
            text = "There are no labelled test items, so the model's accuracy cannot be measured."
        theme.empty_state("show_chart", "There is no curve yet", text, key="grow_curve_none")
        return
    worth = curves.worth(rows, (project.recipe.grow or grow).use, MORE)
    if worth.gain is not None:
        st.info(plain(worth.sentence), icon=":material/trending_up:")
    else:
        st.caption(plain(worth.sentence))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        measure = st.segmented_control(
            "Measure", known, format_func=curves.MEASURES.get, default=known[0], required=True, key="grow_measure",
            label_visibility="collapsed",
        )  # fmt: skip
        against = "labels"
        if curves.priced(rows):
            against = st.segmented_control(
                "Against", list(curves.AGAINST), format_func=curves.AGAINST.get, default="labels", required=True,
                key="grow_against", label_visibility="collapsed",
            )  # fmt: skip
    figure = curves.growth_figure(rows, measure=measure, against=against, dark=dark, height=380)
    st.plotly_chart(figure, key="grow_chart", config=charts.picture("grow"))
    words = ["Mean and standard deviation over the seeds, on the test items." if simulated else "On the test items."]
    words += [
        f"Candidates near labelled items can reach {share:.0%} of the items looked for, going from neighbour to "
        "neighbour."
        for share in _reachable(project, simulation)
    ]
    st.caption(plain(" ".join(words)))
    st.dataframe(curves.table(rows), hide_index=True, key="grow_table", width="stretch")
    _per_class(project, rows)
    csv = as_csv(pd.DataFrame(rows).drop(columns=["precisions", "failed"], errors="ignore"))
    st.download_button("Download all rounds as csv", csv, "grow.csv", "text/csv", key="grow_csv", on_click="ignore")


def _per_class(project: Project, rows: list[dict]) -> None:
    """Average precision of every class after the last round."""
    saved = project.recipe.grow
    state = item_state(project.items, project.effective)
    classes = (OTHERS, saved.concept) if saved and saved.concept else state.classes
    table = curves.per_class(rows, classes)
    if len(table.columns) > 1:
        with st.expander("Average precision of every class"):
            st.dataframe(table, hide_index=True, key="grow_classes", width="stretch")


def _cards(project: Project, the_plan: Plan) -> list[dict]:
    """The cards of a person's own batches; looked up once for every state of decisions and results."""
    folder = project.workspace.path("query", "")
    there = tuple(sorted(path.name for path in folder.glob("[!.]*"))) if folder.is_dir() else ()
    return _curve(str(project.folder), the_plan.recipe.toml(), project.log.stamp(), there, the_plan, project)


@st.cache_resource(max_entries=16, show_spinner=False)
def _curve(folder: str, recipe: str, stamp: tuple, there: tuple, _plan: Plan, _project: Project) -> list[dict]:
    cards = own_labels.curve(_plan, _project.log.all())
    return [card for card in cards if card["labelled"] or card.get("accuracy") is not None]


def _simulation(project: Project) -> Plan | None:
    """The plan of the simulation that was asked for last."""
    saved = project.recipe.grow
    if saved is None or saved.simulate is None:
        return None
    return project.planned("growth")


def _reachable(project: Project, simulation: Plan | None) -> list[float]:
    """The share of the items looked for that SEALS can reach, the mean over the seeds; empty where it is unknown."""
    steps = simulation.of("growth") if simulation else []
    cards = [project.workspace.card("growth", step.key) for step in steps if simulation.done(step)]
    found = [card["reachable"] for card in cards if card.get("reachable") is not None]
    return [float(np.mean(found))] if found else []
