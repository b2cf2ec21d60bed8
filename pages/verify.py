"""Verify: train a student on each subset, on random subsets of the same size and on everything. Is it enough?"""

import pandas as pd
import streamlit as st

from curation.engine import registry
from curation.engine.plan import FULL, RANDOM
from curation.engine.recipe import Verify
from curation.ui import charts, theme, verdict
from curation.ui.forms import form
from curation.ui.project import Project, open_project

DARK = theme.is_dark()
SHARES = [0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9]


def main() -> None:
    project = open_project()
    if project is None or project.items is None or not project.recipe.prune:
        text = "Save one or more subsets first; then students trained on them show whether they are enough."
        if theme.empty_state("monitoring", "Nothing to verify yet", text, "Choose a subset", key="verify_empty"):
            st.switch_page("pages/prune.py" if project else "pages/data.py")
        return
    theme.header("Verify", "Students are trained on each subset, on random ones of the same size, and on everything.")
    controls, result = st.columns([1, 2.4], gap="large")
    with controls:
        wanted = _controls(project)
    with result:
        _result(project, wanted)


def _controls(project: Project) -> Verify | None:
    students, now = registry.methods("students"), project.recipe.verify
    options = list(students)
    use = st.selectbox(
        "Student",
        options,
        index=options.index(now.use) if now else options.index("head"),
        format_func=lambda s: students[s].card.title,
        key="verify_student",
    )
    method = students[use]
    st.caption(theme.plain(method.summary))
    keeps = st.multiselect(
        "Shares to try for every subset's method",
        SHARES,
        default=[k for k in (now.keeps if now else []) if k in SHARES],
        format_func=lambda k: f"{100 * k:.4g} %",
        placeholder="each subset's own share",
        key="verify_keeps",
    )
    seeds = st.slider(
        "Seeds", 1, 10, now.seeds if now else 3, key="verify_seeds", help="Trainings per method and share."
    )
    with st.expander("Parameters of the student"):
        params = form(method, now.params if now and now.use == use else {}, key="verify")
    if params is None:
        return None
    wanted = Verify(use=use, seeds=seeds, keeps=sorted(keeps), params=params)
    _start(project, wanted)
    return wanted


def _start(project: Project, wanted: Verify) -> None:
    prunes = project.recipe.prune
    shares = {k for p in prunes for k in (wanted.keeps or [p.keep])}
    subsets = sum(len(wanted.keeps) or 1 for _ in prunes)
    baselines = len(shares) if not any(p.name == RANDOM for p in prunes) else 0
    total = wanted.seeds * (subsets + baselines + 1)
    left = total - len(project.verified()) if project.recipe.verify == wanted else total
    words = f"{_counted(subsets, 'subset')}, random at {_counted(len(shares), 'share')}, everything"
    st.caption(f"{words}; {wanted.seeds} seeds each: {total} trainings, what is done already is kept.")
    if wanted.seeds < 3:
        st.caption(":orange[Fewer than 3 seeds say little: the spread is part of the answer.]")
    busy = project.jobs.current() is not None
    word = (
        "All are trained" if left <= 0 else f"Train {total} students" if left == total else f"Train the {left} missing"
    )
    if st.button(
        word,
        type="primary",
        width="stretch",
        key="verify_run",
        disabled=busy or left <= 0,
    ):
        project.save(verify=wanted)
        project.start("Verify", until="verify")
        st.rerun()


def _result(project: Project, wanted: Verify | None) -> None:
    runs = project.verified() if project.recipe.verify else []
    if not runs:
        text = "Accuracy on the test split against the share kept will stand here, random and full beside every method."
        theme.empty_state("show_chart", "No student has been trained yet", text, key="verify_none")
        return
    made = verdict.cells(runs)
    tested = f"{runs[0]['test_rows']:,} test items · student {runs[0]['student']}"
    tolerance = st.segmented_control(
        "Enough means within", [0.005, 0.01, 0.02, 0.05], default=0.01, required=True,
        format_func=lambda t: f"{100 * t:g} point{'s' * (t != 0.01)}", key="verify_tolerance",
    )  # fmt: skip
    _words(made, tolerance)
    figure = charts.accuracy_figure(runs, dark=DARK, height=400)
    st.plotly_chart(figure, key="verify_chart", config=charts.QUIET)
    st.caption(f"Mean and standard deviation over the seeds, on {theme.plain(tested)}.")
    st.dataframe(_table(made), hide_index=True, key="verify_table", width="stretch")
    csv = pd.DataFrame(_rows(runs)).to_csv(index=False)
    buttons = st.container(horizontal=True)
    buttons.download_button("Every training as csv", csv, "verify.csv", "text/csv", key="verify_csv", on_click="ignore")
    if buttons.button("Export a subset", key="verify_export", icon=":material/ios_share:"):
        st.switch_page("pages/export.py")


def _words(made: list[verdict.Cell], tolerance: float) -> None:
    best = verdict.enough(made, tolerance)
    full = next((c for c in made if c.method == FULL), None)
    if best and full:
        gap = 100 * (best.mean - full.mean)
        st.success(
            f"**{theme.plain(best.method)} at {100 * best.keep:.4g} % is enough**: {100 * best.mean:.1f} ± "
            f"{100 * best.sd:.1f} %, {abs(gap):.1f} points {'above' if gap >= 0 else 'below'} training on everything "
            f"({100 * full.mean:.1f} ± {100 * full.sd:.1f} %).",
            icon=":material/check_circle:",
        )
    elif full:
        st.warning(
            f"No subset comes within {100 * tolerance:g} point{'s' * (tolerance != 0.01)} of training on everything "
            f"({100 * full.mean:.1f} ± {100 * full.sd:.1f} %).",
            icon=":material/info:",
        )
    compared = [c for c in made if c.gain is not None]
    good, weak = [c for c in compared if c.better], [c for c in compared if not c.better]
    if good:
        st.markdown("  \n".join(theme.plain(verdict.sentence(c)) for c in good))
    if weak:
        st.markdown("  \n".join(f":orange[{theme.plain(verdict.sentence(c))}]" for c in weak))


def _table(made: list[verdict.Cell]) -> pd.DataFrame:
    order = {FULL: 2, RANDOM: 1}
    rows = sorted(made, key=lambda c: (c.keep, order.get(c.method, 0), c.method))
    return pd.DataFrame(
        {
            "method": [c.method for c in rows],
            "kept": [f"{100 * c.keep:.4g} %" for c in rows],
            "accuracy": [f"{100 * c.mean:.2f} ± {100 * c.sd:.2f}" for c in rows],
            "against random": ["" if c.gain is None else f"{100 * c.gain:+.2f} ± {100 * c.gain_sd:.2f}" for c in rows],
            "worst class": [f"{100 * c.worst_class:.1f}" for c in rows],
            "seeds": [c.seeds for c in rows],
            "student passes": [f"{c.passes:,.0f}" for c in rows],
            "training": [f"{c.seconds:.2f} s" for c in rows],
        }
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _rows(runs: list[dict]) -> list[dict]:
    wanted = (
        "method",
        "keep",
        "seed",
        "student",
        "accuracy",
        "worst_class",
        "train_rows",
        "test_rows",
        "passes",
        "train_seconds",
    )
    return [{name: run[name] for name in wanted} for run in runs]


main()
