"""Verify: train a student on each subset, on random subsets of the same size and on everything. Is it enough?"""

import pandas as pd
import streamlit as st

from curation.data.budget import keep_words
from curation.engine import registry
from curation.engine.comparison import Comparison, compare
from curation.engine.stage import analysis
from curation.engine.stages.prune import Prune
from curation.engine.stages.verify import Verify, trials
from curation.engine.trials import FULL, RANDOM, failures, finished
from curation.ui.parts import charts, theme
from curation.ui.parts.csv_download import as_csv
from curation.ui.parts.forms import form
from curation.ui.prune import choice
from curation.ui.state.project import Project, open_project
from curation.ui.verify import choices, duration, summary, views
from curation.ui.verify.accuracy_figure import accuracy_figure


def main() -> None:
    project = open_project()
    if project is None or project.items is None or not project.analysed:
        text = "Students are trained on embeddings or images: choose a dataset and analyse it first."
        if theme.empty_state("monitoring", "Nothing to verify yet", text, "Go to the data", key="verify_empty"):
            st.switch_page("pages/data.py")
        return
    if not project.store.classes and project.recipe.verify is None:
        text = (
            "These items have no labels, and no student of Winnow learns anything from such items that would tell how "
            'good they are. On the command line, [verify] with use = "command" runs your own trainer.'
        )
        theme.empty_state("monitoring", "Not verified here", text, key="verify_unlabelled")
        return
    theme.header(
        "Verify", "Students are trained on each subset, on random subsets of the same size, and on the full data."
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
    students, given, saved = registry.methods("students"), project.recipe.verify, project.recipe.prune
    if saved:
        names = ", ".join(f"**{theme.plain(p.name)}** ({keep_words(p.keep)})" for p in saved)
        st.markdown(f"Saved subsets, always compared: {names}")
    further = {m: method for m, method in registry.methods("pruners").items() if m not in {p.name for p in saved}}
    methods = st.multiselect(
        "Compare these methods too" if saved else "Methods to compare",
        [m for m in further if m != RANDOM],
        default=[] if saved else [m for m in choices.FIRST if m in further],
        format_func=lambda m: further[m].card.title,
        key="verify_methods",
        help="Each with its defaults and the same share of every class, in addition to the saved subsets.",
    )
    n = len(project.store.candidates)
    spent = [(further[name].card.title, choice.duration(further[name], n)) for name in methods]
    if long := [f"{title} {words}" for title, words in spent if words != choice.AT_ONCE]:
        st.caption(theme.plain(f"Choosing takes, here: {', '.join(long)}."))
    keeps = st.multiselect(
        "Shares to try",
        choices.SHARES,
        default=[k for k in (given.keeps if given else [] if saved else [0.1, 0.3, 0.5]) if k in choices.SHARES],
        format_func=lambda k: f"{100 * k:.4g} %",
        placeholder="each subset's own share",
        key="verify_keeps",
    )
    options = list(students)
    use = st.selectbox(
        "Student",
        options,
        index=options.index(given.use) if given else options.index("head"),
        format_func=lambda s: students[s].card.title,
        key="verify_student",
    )
    method = students[use]
    st.caption(theme.plain(method.summary))
    seeds = st.slider(
        "Seeds", 1, 10, given.seeds if given else 3, key="verify_seeds", help="Trainings per method and share."
    )
    with st.expander("Parameters of the student"):
        params = form(method, given.params if given and given.use == use else {}, key="verify")
    if params is not None:
        wanted = Verify(use=use, seeds=seeds, keeps=sorted(keeps), params=params)
        _start(project, choices.subsets(saved, methods, keeps), wanted)


def _start(project: Project, prunes: list[Prune], wanted: Verify) -> None:
    if not prunes:
        st.caption("Choose at least one method, or save a subset on the Prune page.")
        return
    every = trials(project.recipe, prunes, wanted)
    same = project.recipe.verify == wanted and project.recipe.prune == prunes
    runs = finished(project.verified()) if project.recipe.verify else []
    total, left = len(every), len(every) - len(runs) * same
    shares = len({k for p in prunes for k in (wanted.keeps or [p.keep])})
    words = (
        f"{_counted(len(prunes), 'subset')} at {_counted(shares, 'share')}, random ones of their size, the full data"
    )
    st.caption(f"{words}; {_counted(wanted.seeds, 'seed')} each: {total} trainings. Finished ones are kept.")
    if wanted.seeds < 3:
        st.caption(":orange[Fewer than 3 seeds say little about the spread.]")
    if steps := wanted.params.get("steps"):
        st.caption(f"Every training takes {steps:,} steps, whatever the subset's size.")
    busy = project.jobs.current() is not None
    if left > 0 and not busy:
        duration.show(project, every, wanted, runs, left)
    word = (
        "All are trained"
        if left <= 0
        else f"Train {total} students"
        if left == total
        else f"Train the {left} missing students"
    )
    if st.button(word, type="primary", width="stretch", key="verify_run", disabled=busy or left <= 0):
        project.save(verify=wanted, prune=prunes)
        # What a relabelled item changed is renewed on the way: the page shows trials beside the analysis they know.
        project.start("Verify", [*(analysis() if project.stale else ()), "verify"])
        st.rerun()


# -- what came out -------------------------------------------------------------------------------------------


def _result(project: Project) -> None:
    runs = project.verified() if project.recipe.verify else []
    if not runs:
        text = "Accuracy on the test split at every share appears here, beside random subsets and the full data."
        theme.empty_state("show_chart", "No student has been trained yet", text, key="verify_none")
        return
    for line in failures(runs, "method"):
        st.warning(theme.plain(line), icon=":material/error:")
    runs = finished(runs)
    if not runs:
        return
    view = st.segmented_control(
        "View", ["Result", *views.VIEWS], default="Result", required=True, key="verify_view",
        label_visibility="collapsed",
    )  # fmt: skip
    if view != "Result":
        views.VIEWS[view](project, runs, theme.is_dark())
        return
    if words := summary.unfinished(runs):
        st.warning(theme.plain(words), icon=":material/trending_up:")
    summed = compare(runs, project.answers())
    tolerance = st.segmented_control(
        "Enough means within", [0.005, 0.01, 0.02, 0.05], default=0.01, required=True,
        format_func=lambda t: f"{100 * t:g} point{'s' * (t != 0.01)}", key="verify_tolerance",
    )  # fmt: skip
    _words(summed, tolerance)
    shares = {run["keep"]: run["share"] for run in runs}
    figure = accuracy_figure(summed.cells, shares, dark=theme.is_dark(), height=400)
    st.plotly_chart(figure, key="verify_chart", config=charts.picture("verify"))
    tested = f"Student: {runs[0]['student']}, {_length(project.recipe.verify)}"
    st.caption(theme.plain(f"{summary.how_tested(summed)} {tested}."))
    for line in summary.notes(summed):
        st.caption(theme.plain(line))
    st.dataframe(_table(summed), hide_index=True, key="verify_table", width="stretch")
    csv = as_csv(pd.DataFrame(runs).drop(columns="failed"))
    buttons = st.container(horizontal=True)
    buttons.download_button(
        "Download all trainings as csv", csv, "verify.csv", "text/csv", key="verify_csv", on_click="ignore"
    )
    if buttons.button("Export a subset", key="verify_export", icon=":material/ios_share:"):
        st.switch_page("pages/export.py")


def _words(summed: Comparison, tolerance: float) -> None:
    if said := summary.enough(summed, tolerance):
        box = st.success if said.standing == "proven" else st.warning
        icon = ":material/check_circle:" if said.standing == "proven" else ":material/info:"
        box(f"**{theme.plain(said.claim)}**{theme.plain(said.text)}", icon=icon)
    lines = []
    for line in summary.by_share(summed):
        words = theme.plain(line)
        lines.append(f":orange[{words}]" if line.standing == "open" else words)
    st.markdown("  \n".join(lines))


def _table(summed: Comparison) -> pd.DataFrame:
    order = {FULL: 2, RANDOM: 1}
    rows = sorted(summed.cells, key=lambda c: (c.keep, order.get(c.method, 0), c.method))
    table = {
        "method": [theme.literal(c.method) for c in rows],
        "kept": [f"{keep_words(c.keep)}" for c in rows],
        "accuracy": [summary.percent(c.accuracy) for c in rows],
        "against random": ["" if c.gain is None else summary.points(c.gain) for c in rows],
        "against full data": ["" if c.gap is None else summary.points(c.gap) for c in rows],
        "sd over seeds": ["" if c.seeds == 1 else "none" if c.accuracy.same else f"{100 * c.spread:.2f}" for c in rows],
        "worst class": [f"{100 * c.worst_class:.1f}" for c in rows],
        "wrong labels kept": ["" if c.mislabels_kept is None else f"{c.mislabels_kept:.0%}" for c in rows],
        "seeds": [c.seeds for c in rows],
        "student passes": [f"{c.passes:,.0f}" for c in rows],
        "choosing": [f"{c.select_seconds:.2f} s" for c in rows],
        "training": [f"{c.seconds:.2f} s" for c in rows],
    }
    if all(c.mislabels_kept is None for c in rows):
        del table["wrong labels kept"]
    return pd.DataFrame(table)


def _length(verify: Verify) -> str:
    """What all trainings have in common; the two ways answer different questions."""
    if steps := verify.params.get("steps"):
        return f"{steps:,} steps for every subset, as much computation as for the full data"
    if epochs := verify.params.get("epochs"):
        return f"{epochs} epochs of each subset, so smaller ones need less computation"
    return "the student's default length of training"


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


if __name__ == "__main__":  # as a page of the installed app
    main()
