"""Schedule: students trained on what samplers choose, epoch by epoch, all on the same passes. Is one worth it?"""

import pandas as pd
import streamlit as st

from curation.data.budget import keep_words
from curation.engine import registry
from curation.engine.stage import analysis
from curation.engine.stages.schedule import FULL_SHORT, RS2, Schedule, cells
from curation.engine.trials import FULL, failures, finished, grid
from curation.ui.parts import theme
from curation.ui.parts.csv_download import as_csv
from curation.ui.parts.forms import form
from curation.ui.schedule import comparison, figures, trained, views
from curation.ui.server import access
from curation.ui.state.project import Project, open_project

BASELINES = (FULL, FULL_SHORT, RS2)
SHARES = [0.1, 0.2, 0.3, 0.5, 0.7, 0.9]
FIRST, BESIDE = "gated_rotation", ["infobatch", "self_paced"]  # what is proposed before a person has chosen
FLIPS = {"symmetric": "Any other class", "pairwise": "The next class"}


def main() -> None:
    project = open_project()
    if project is None or project.items is None or project.recipe.encode is None or not project.analysed:
        text = "Samplers choose what a student trains on in each epoch: choose a dataset and analyse it first."
        if theme.empty_state("event_repeat", "Nothing to schedule yet", text, "Go to the data", key="schedule_empty"):
            st.switch_page("pages/data.py")
        return
    if not project.store.classes:
        text = "These items have no labels, and the students here learn labels."
        theme.empty_state("event_repeat", "Nothing to train on", text, key="schedule_unlabelled")
        return
    theme.header(
        "Schedule",
        "All data stay; each epoch trains on a part of them. Samplers choose the part, and are compared on the same "
        "passes.",
    )
    controls, result = st.columns([1, 2.4], gap="large")
    with controls:
        _controls(project)
    with result:
        # While students are being trained, cells appear as they are finished.
        every = 5.0 if project.jobs.current() is not None else None
        st.fragment(_result, run_every=every)(project)


# -- what to train -------------------------------------------------------------------------------------------


def _controls(project: Project) -> None:
    samplers, given = registry.methods("samplers"), project.recipe.schedule
    names = [name for name in samplers if name not in BASELINES]
    title = lambda name: samplers[name].card.title  # noqa: E731
    first = given.use if given and given.use in names else FIRST
    use = st.selectbox("Sampler", names, index=names.index(first), format_func=title, key="schedule_use")
    st.caption(theme.plain(samplers[use].summary))
    with st.expander("Parameters of the sampler"):
        if len(samplers[use].params.model_fields) == 0:
            st.caption("It has none.")
        started = given.params if given and given.use == use else {}
        params = form(samplers[use], started, key="schedule", scores=list(registry.methods("scores")))
    others = st.multiselect(
        "Compare with",
        [name for name in names if name != use],
        default=[name for name in (given.others if given else BESIDE) if name in names and name != use],
        format_func=title,
        key=f"schedule_others_{use}",
        help="Each with its defaults. rs2 (random parts in turn), everything for fewer epochs on the same passes, and "
        "everything are always there.",
    )
    keeps = st.multiselect(
        "Shares of the passes",
        sorted({*SHARES, *(given.keeps if given else ())}),
        default=given.keeps if given else [0.3, 0.5],
        format_func=lambda keep: f"{100 * keep:.4g} %",
        key="schedule_keeps",
    )
    epochs = st.number_input(
        "Epochs of the ordinary run", 1, 1000, given.epochs if given else 12, key="schedule_epochs",
        help="A share of 50 % may use half of the passes of so many epochs on everything.",
    )  # fmt: skip
    seeds = st.slider(
        "Seeds", 1, 10, given.seeds if given else 5, key="schedule_seeds", help="Trainings per sampler and share."
    )
    noise = st.slider(
        "Wrong labels to plant", 0, 60, round(100 * given.noise) if given else 0, 5, format="%d %%",
        key="schedule_noise", help="On train items only, anew for every seed; the test labels stay as they are.",
    )  # fmt: skip
    flips = given.flips if given else "symmetric"
    if noise:
        flips = st.segmented_control(
            "A wrong label is", list(FLIPS), default=flips, required=True, format_func=FLIPS.get, key="schedule_flips"
        )
    student, network = _student(given)
    if params is None or network is None:
        return
    if not keeps:
        st.caption("Choose at least one share.")
        return
    wanted = Schedule(
        use=use, params=params, others=others, keeps=sorted(keeps), epochs=int(epochs), seeds=seeds,
        student=student, network=network, noise=noise / 100, flips=flips,
    )  # fmt: skip
    _start(project, wanted)


def _student(given: Schedule | None) -> tuple[str, dict | None]:
    """The student and its parameters, without those the schedule decides; None while they are not valid."""
    able = {
        name: method
        for name, method in registry.methods("students").items()
        if "sampler" in method.injected and not (method.card.own_code and access.visitor() is not None)
    }
    names = list(able)
    start = given.student if given and given.student in names else "head"
    student = st.selectbox(
        "Student", names, index=names.index(start), format_func=lambda name: able[name].card.title,
        key="schedule_student",
    )  # fmt: skip
    st.caption(theme.plain(able[student].summary))
    with st.expander("Parameters of the student"):
        values = given.network if given and given.student == student else {}
        network = form(able[student], values, key="schedule", exclude=("epochs", "steps"))
    return student, network and {name: value for name, value in network.items() if name not in ("epochs", "steps")}


def _start(project: Project, wanted: Schedule) -> None:
    total = len(grid(cells(wanted), wanted.seeds))
    same = project.recipe.schedule == wanted
    left = total - len(finished(trained.rows(project))) if same else total
    st.caption(f"{total} trainings; finished ones are kept.")
    if wanted.seeds < 3:
        st.caption(":orange[Fewer than 3 seeds say little about the spread.]")
    busy = project.jobs.current() is not None
    word = (
        "All are trained"
        if left <= 0
        else f"Train {total} students"
        if left == total
        else f"Train the {left} missing students"
    )
    if st.button(word, type="primary", width="stretch", key="schedule_run", disabled=busy or left <= 0):
        project.save(schedule=wanted)
        # What a relabelled item changed is renewed on the way, as on Verify.
        project.start("Schedule", [*(analysis() if project.stale else ()), "schedule"])
        st.rerun()


# -- what came out -------------------------------------------------------------------------------------------


def _result(project: Project) -> None:
    section = project.recipe.schedule
    runs = trained.rows(project) if section else []
    if not runs:
        text = "Accuracy against passes appears here, for every sampler beside random parts and everything."
        theme.empty_state("show_chart", "No student has been trained yet", text, key="schedule_none")
        return
    for line in failures(runs, "sampler"):
        st.warning(theme.plain(line), icon=":material/error:")
    runs = finished(runs)
    total = len(grid(cells(section), section.seeds))
    if len(runs) < total and project.jobs.current() is not None:
        st.progress(len(runs) / total, f"{len(runs)} of {total} students are trained")
    if not runs:
        return
    for note in dict.fromkeys(note for run in runs for note in run["notes"]):
        st.caption(f":orange[{theme.plain(note)}]")
    beats, first = comparison.headline(comparison.cells(runs, answers=trained.answers(project)))
    icon = ":material/check_circle:" if beats else ":material/info:"
    (st.success if beats else st.info)(f"**{theme.plain(first)}**", icon=icon)
    view = st.segmented_control(
        "View", ["Result", *views.VIEWS], default="Result", required=True, key="schedule_view",
        label_visibility="collapsed",
    )  # fmt: skip
    shares = [keep for keep in section.keeps if any(run["keep"] == keep for run in runs)]
    keep = shares[-1] if shares else 1.0
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        if len(shares) > 1 and view != "Factors":
            keep = st.segmented_control(
                "Share of the passes", shares, default=keep, required=True, format_func=keep_words, key="schedule_keep"
            )
        if view not in ("Factors", "Take home"):
            st.segmented_control(
                "The camera over a figure saves", ["svg", "png"], default="svg", required=True, key="schedule_format"
            )
    here = [run for run in runs if run["sampler"] == FULL or run["keep"] == keep]
    if view == "Result":
        _comparison(project, runs, here)
    else:
        views.VIEWS[view](project, here, keep, theme.is_dark())


def _comparison(project: Project, runs: list[dict], here: list[dict]) -> None:
    section = project.recipe.schedule
    st.plotly_chart(
        figures.over_passes(here, "accuracy", dark=theme.is_dark()), key="schedule_chart",
        config=views.picture("accuracy"),
    )  # fmt: skip
    noise = f" · {keep_words(section.noise)} wrong labels planted" if section.noise else ""
    words = f"{runs[0]['test_rows']:,} test items · student {section.student} · {section.epochs} epochs{noise}"
    st.caption(f"Mean and standard deviation over the seeds, on {theme.plain(words)}.")
    tolerance = st.segmented_control(
        "As good as everything means within", [0.005, 0.01, 0.02, 0.05], default=0.01, required=True,
        format_func=lambda t: f"{100 * t:g} point{'s' * (t != 0.01)}", key="schedule_tolerance",
    )  # fmt: skip
    made = comparison.cells(runs, tolerance, trained.answers(project))
    st.markdown("\n".join(f"- {theme.plain(line)}" for line in comparison.sentences(made, tolerance)))
    if words := comparison.how_tested(made):
        st.caption(theme.plain(words))
    st.dataframe(_table(made, _clean(project, section)), hide_index=True, key="schedule_table", width="stretch")
    left = ("failed", "key", "notes", "epochs")
    plain = pd.DataFrame([{k: v for k, v in run.items() if k not in left} for run in runs])
    with st.container(horizontal=True):
        for label, table, name in (
            ("Download all trainings as csv", plain, "schedule"),
            ("Download every epoch as csv", pd.DataFrame(trained.history(runs)), "epochs"),
        ):
            st.download_button(
                label, as_csv(table), f"{name}.csv", "text/csv", key=f"schedule_csv_{name}", on_click="ignore"
            )


def _clean(project: Project, section: Schedule) -> dict[tuple[str, float], float]:
    """Mean accuracy without planted labels, where the same grid was trained without them; for the drop under noise."""
    if not section.noise:
        return {}
    runs = finished(trained.rows(project, section.model_copy(update={"noise": 0.0})))
    return {(cell.sampler, cell.keep): cell.mean for cell in comparison.cells(runs)}


def _table(made: list[comparison.Cell], clean: dict[tuple[str, float], float]) -> pd.DataFrame:
    order = {RS2: 0, FULL_SHORT: 1}
    rows = sorted(made, key=lambda c: (c.keep, order.get(c.sampler, 2), c.sampler))
    before = [clean.get((c.sampler, c.keep)) for c in rows]
    drops = [None if b is None else b - c.mean for b, c in zip(before, rows, strict=True)]
    table = {
        "sampler": [c.sampler for c in rows],
        "share": [keep_words(c.keep) for c in rows],
        "accuracy": [f"{100 * c.mean:.2f} ± {100 * c.sd:.2f}" for c in rows],
        "against rs2 (95 %)": [c.interval for c in rows],
        "drop under noise": ["" if drop is None else f"{100 * drop:.1f}" for drop in drops],
        "passes": [f"{100 * c.share:.0f} %" for c in rows],
        "as good as everything after": [_reached(c) for c in rows],
        "wrong taken": ["" if c.noise_taken is None else f"{100 * c.noise_taken:.0f} %" for c in rows],
        "Gini": [f"{c.gini:.2f}" for c in rows],
        "choosing": [f"{c.choose_seconds:.2f} s" for c in rows],
        "training": [f"{c.train_seconds:.2f} s" for c in rows],
        "seeds": [c.seeds for c in rows],
    }
    for column, there in (
        ("drop under noise", any(d is not None for d in drops)),
        ("wrong taken", any(c.noise_taken is not None for c in rows)),
    ):
        if not there:
            del table[column]
    return pd.DataFrame(table)


def _reached(cell: comparison.Cell) -> str:
    if cell.reached is None:
        return ""
    return "not reached" if cell.reached == float("inf") else f"{100 * cell.reached:.0f} % of all passes"


if __name__ == "__main__":  # as a page of the installed app
    main()
