"""Further views of the trained students: learning curve, selection via proxy, savings, and the four-panel figure.

Each view is a function of the project, its finished runs and the colour scheme."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from curation.data.budget import keep_words
from curation.engine.comparison import compare
from curation.engine.trials import FULL, RANDOM
from curation.maths.fitting import learning_curve
from curation.maths.fitting.proxy import Correlation, rank_correlation
from curation.maths.uncertainty import over_seeds
from curation.ui.map import card
from curation.ui.map.colours import Categories
from curation.ui.map.renderer import point_map
from curation.ui.parts import chart_style, charts, theme
from curation.ui.state.project import Project
from curation.ui.verify import curve_figure, panels, proxy_check, savings, summary

# -- the learning curve --------------------------------------------------------------------------------------


def learning(project: Project, runs: list[dict], dark: bool) -> None:
    """Accuracy against size, fitted on random subsets, and what other methods' subsets are worth on that curve."""
    sizes, errors = _random_errors(runs)
    if len(sizes) < learning_curve.SIZES:
        st.info(
            f"A learning curve needs random subsets of at least {learning_curve.SIZES} sizes, the full data included; "
            f"there are {len(sizes)}. Add shares on the left and train them."
        )
        return
    found = _fitted(tuple(sizes), tuple(map(tuple, errors)))
    if isinstance(found, learning_curve.Refusal):
        st.warning(f"No curve. {found.reason}")
        by_size = {int(n): [1 - e for e in group] for n, group in zip(sizes, errors, strict=True)}
        points = curve_figure.curve_figure(
            found, runs=by_size, selected=_selected(runs), intervals=_intervals(project, runs), dark=dark
        )
        st.plotly_chart(points, key="verify_curve", config=charts.picture("learning-curve"))
        return
    selected = _selected(runs)
    total = max(sizes)
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    percent = left.slider("Predict the accuracy at a share of", 1, 300, 100, format="%d %%", key="verify_predict",
                          help="Above 100 %: with more labelled items like these.")  # fmt: skip
    n = max(total * percent / 100, 1.0)
    low, high = found.band(n, 0.95)
    right.metric("Predicted accuracy", f"{100 * found.accuracy(n):.1f} %", border=True)
    figure = curve_figure.curve_figure(
        found, selected=selected, predict=n, intervals=_intervals(project, runs), dark=dark, height=420
    )
    st.plotly_chart(figure, key="verify_curve", config=charts.picture("learning-curve"))
    if not np.isnan(low):
        st.caption(
            f"{n:,.0f} random items: 95 % band from {100 * (1 - high):.1f} to {100 * (1 - low):.1f} % on these test "
            "items. Error bars: 95 % intervals that count the choice of test items too."
        )
    if warning := found.warning(n):
        st.warning(warning)
    gain = found.value_of_next(total, 1000)
    st.markdown(f"1,000 more labels like these would add **{100 * gain:.2f} points** of accuracy.")
    rows = [(s.method, f"{s.n:,}", str(found.multiplier([1 - a for a in s.accuracies], s.n))) for s in selected]
    if rows:
        st.dataframe(
            pd.DataFrame(rows, columns=["method", "items", "random items worth one of these (95 % band)"]),
            hide_index=True, key="verify_worth", width="stretch",
        )  # fmt: skip


@st.cache_data(max_entries=16, show_spinner="Fitting the curve")
def _fitted(sizes: tuple, errors: tuple) -> learning_curve.Curve | learning_curve.Refusal:
    return learning_curve.fit(sizes, errors, rng=np.random.default_rng(0))


def _random_errors(runs: list[dict]) -> tuple[list[float], list[list[float]]]:
    by_size: dict[int, list[float]] = {}
    for run in runs:
        if run["method"] in (RANDOM, FULL):
            by_size.setdefault(run["train_rows"], []).append(1 - run["accuracy"])
    return list(by_size), list(by_size.values())


def _selected(runs: list[dict]) -> list[curve_figure.Selected]:
    """Every method's subsets, by size."""
    groups: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        if run["method"] not in (RANDOM, FULL):
            groups.setdefault((run["method"], run["train_rows"]), []).append(run["accuracy"])
    return [curve_figure.Selected(method, n, accuracies) for (method, n), accuracies in groups.items()]


def _intervals(project: Project, runs: list[dict]) -> curve_figure.Intervals:
    sizes = {(run["method"], run["keep"]): run["train_rows"] for run in runs}
    found = {}
    for cell in compare(runs, project.answers()).cells:
        ends, method = cell.accuracy.interval(), RANDOM if cell.method == FULL else cell.method
        if not np.isnan(ends[0]):
            found[method, sizes[cell.method, cell.keep]] = ends
    return found


# -- selection via proxy -------------------------------------------------------------------------------------

_LOST = 0.005  # accuracy a subset may lose and still count as reaching that of the full data


def proxy(project: Project, runs: list[dict], dark: bool) -> None:
    """Time to accuracy, the whole selection included, and whether proxy and target rank items alike."""
    found = proxy_check.accounts(project)
    if not found:
        st.info("Train the full data and at least one subset to compare their times.")
        return
    trainings = st.number_input(
        "Target trainings on the subset", 1, 1000, 1, key="verify_trainings",
        help="The selection is paid for once, however often the subset is trained on.",
    )  # fmt: skip
    gaps = {(cell.method, cell.keep): cell.gap for cell in compare(runs, project.answers()).cells}
    table = {
        "subset": [f"{a.name} at {keep_words(a.keep)}" for a in found],
        "selection": [f"{a.chosen_in:.1f} s" for a in found],
        "training on the subset": [f"{a.subset:.1f} s" for a in found],
        "training on the full data": [f"{a.full:.1f} s" for a in found],
        "accuracy, points": [summary.points(gaps[a.name, a.keep] or over_seeds([a.gain])) for a in found],
        "time to accuracy": [f"{a.faster(int(trainings)):.2f} x" if a.gain >= -_LOST else "-" for a in found],
    }
    st.dataframe(pd.DataFrame(table), hide_index=True, key="verify_proxy", width="stretch")
    st.caption(
        "Selection includes all that the subset needs: embeddings, the recorded student, scores and the choice itself. "
        "Below 1 x, selection and training took longer than training on the full data. A dash marks a subset that "
        "loses more than half a point of accuracy."
    )
    ranked = proxy_check.rankings(project)
    if ranked is None:
        st.caption(
            "How alike proxy and target rank items is shown once a run is recorded and the full data is trained."
        )
        return
    name, ours, target, theirs = ranked
    rho = _correlation(ours, theirs)
    st.plotly_chart(_ranks_figure(ours, theirs, name, target, dark), key="verify_ranks", config=charts.picture("ranks"))
    st.caption(
        f"Difficulty (negative mean margin) of {len(ours):,} items by rank: recorded student {theme.plain(name)} "
        f"against {theme.plain(target)}. Spearman's rank correlation {rho.rho:.2f} "
        f"(95 % interval {rho.low:.2f} to {rho.high:.2f})."
    )


@st.cache_data(max_entries=8, show_spinner="Comparing the rankings")
def _correlation(ours: np.ndarray, theirs: np.ndarray) -> Correlation:
    return rank_correlation(ours, theirs, draws=100 if len(ours) > 20_000 else 500)


def _ranks_figure(ours: np.ndarray, theirs: np.ndarray, name: str, target: str, dark: bool) -> go.Figure:
    """Both rankings as percentiles, as a density: single points of 50,000 would say nothing."""
    share = [100 * values.argsort().argsort() / max(len(values) - 1, 1) for values in (ours, theirs)]
    counts, _, _ = np.histogram2d(*share, bins=25)
    figure = go.Figure(layout=chart_style.layout(dark, 420))
    scale = [[0, "rgba(0,0,0,0)"], [1, "#3E7CB1" if not dark else "#7FB2DD"]]
    middle = np.arange(2, 100, 4)
    figure.add_heatmap(x=middle, y=middle, z=counts.T, colorscale=scale, showscale=False,
                       hovertemplate="%{z:.0f} items<extra></extra>")  # fmt: skip
    figure.update_xaxes(title=f"harder for {theme.charted(name)}, percentile", showgrid=False, zeroline=False)
    figure.update_yaxes(title=f"harder for {theme.charted(target)}, percentile", showgrid=False, zeroline=False)
    return figure


# -- the figure ----------------------------------------------------------------------------------------------


def figure(project: Project, runs: list[dict], dark: bool) -> None:
    """One map, four panels: classes, difficulty, one subset, another."""
    xy, score = project.xy(), next(iter(project.scores()), None)
    cells = {
        f"{s.shown['method']} at {keep_words(s.shown['keep'])}": s
        for s in project.verification.of("verify")
        if "prune" in s.inputs and s.seed == 0 and project.workspace.done("prune", s.inputs["prune"])
    }
    if xy is None or score is None or len(cells) < 2:
        st.info("The figure needs a map, a score and two trained subsets.")
        return
    left, right = st.columns(2)
    names = list(cells)
    ours = left.selectbox("Subset", names, key="verify_ours")
    rest = [n for n in names if n != ours]
    same = [n for n in rest if n == f"{RANDOM} at {ours.rpartition(' at ')[2]}"]
    other = right.selectbox("Compare with", rest, index=rest.index(same[0]) if same else 0, key="verify_beside")
    store = project.store
    subsets = [(name, project.subset(cells[name])) for name in (ours, other)]
    labels = Categories(store.classes, store.labels)
    drawn = panels.four_panels(xy, store.candidates, labels, (score, project.score(score)), subsets)
    with st.container(key="verify_panels_box", height=900, border=False):
        point_map("verify_panels", replace(drawn, card=card.address(project)), dark=dark)
    st.caption("The four maps move together; PNG and SVG save them as one picture")


VIEWS = {"Learning curve": learning, "Proxy": proxy, "Savings": savings.show, "Figure": figure}
