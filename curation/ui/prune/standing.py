"""What there is to prune, shown before any method is asked: difficulty, class sizes, flags; and the instant methods."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.data.budget import keep_words
from curation.engine import registry
from curation.engine.stages.prune import Prune
from curation.ui.parts import charts, theme
from curation.ui.prune import choice, preview
from curation.ui.state.analysis_results import AnalysisResults, analysis_results
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project

BINS = 24


def standing(project: Project, *, key: str) -> None:
    """Difficulty, class sizes and flags of the train items as they are now; each as soon as it is computed."""
    analysis, state = analysis_results(project), item_state(project.items, project.effective)
    rows = project.store.candidates
    st.markdown("**What there is to choose from**")
    classes = [f"{len(state.classes):,} classes"] if state.classes else []
    theme.chips([f"{len(rows):,} train items", *classes, *_flagged(analysis, rows)])
    score = next(iter(analysis.scores), None)
    left, right = st.columns(2, gap="medium")
    if score is not None:
        values = analysis.scores[score][rows]
        figure = charts.histogram(values, None, f"{score}: harder to the right", dark=theme.is_dark())
        left.plotly_chart(figure, key=f"{key}_difficulty", config=charts.QUIET)
    else:
        left.caption("Difficulty appears here when the scores are computed.")
    if not state.classes:
        return
    counts = preview.class_counts(state.labels[rows], len(state.classes))
    with right.container(height="content" if len(counts) <= 12 else 300, border=False):
        st.plotly_chart(
            charts.class_bars(state.classes, counts, None, dark=theme.is_dark()),
            key=f"{key}_classes", config=charts.QUIET,
        )  # fmt: skip


def instant(project: Project, like: Prune) -> None:
    """What the methods that answer in a blink would keep, with the share, balance and flags of `like`."""
    score = next(iter(project.scores()), None)
    values = project.score(score) if score else None
    found, known = [], choice.scores(project)
    for method in registry.methods("pruners").values():
        if not method.card.instant or method.missing() or choice.unknown(method, known):
            continue
        section = like.model_copy(update={"use": method.id, "params": method.validated({}, method.id), "seed": 0})
        if (shown := preview.preview(project, section)) is not None:
            found.append(_row(project, method.card.title, shown, values))
    if not found:
        return
    st.markdown(f"**What the instant methods would keep** at {keep_words(like.keep)}")
    columns = {
        "Difficulty": st.column_config.BarChartColumn(
            f"Difficulty kept ({score})", help="Easy items left, hard items right", y_min=0
        ),
        "Smallest class": st.column_config.ProgressColumn(
            help="Share kept of the class that keeps least", format="%.0f %%", min_value=0, max_value=100
        ),
    }
    st.dataframe(found, hide_index=True, width="stretch", column_config=columns, key="prune_instant")


def _row(project: Project, title: str, shown: preview.Preview, values: np.ndarray | None) -> dict:
    known = preview.facts(project, shown)
    row = {"Method": title}
    if values is not None:
        finite = values[shown.candidates][np.isfinite(values[shown.candidates])]
        if len(finite):
            low, high = np.percentile(finite, [0.5, 99.5])
            inside = np.clip(values[shown.taken], low, high)
            row["Difficulty"] = np.histogram(inside[np.isfinite(inside)], BINS, (low, max(high, low + 1e-9)))[
                0
            ].tolist()
    if known.smallest_class:
        _, kept, total = known.smallest_class
        row["Smallest class"] = 100 * kept / max(total, 1)
    if known.mistakes:
        row["Mistakes kept"] = f"{known.mistakes[0]:,} of {known.mistakes[1]:,}"
    elif known.flagged and known.flagged[1]:
        row["Flagged kept"] = f"{known.flagged[0]:,} of {known.flagged[1]:,}"
    return row


def _flagged(analysis: AnalysisResults, rows: np.ndarray) -> list:
    said = []
    for name, flag in analysis.flags.items():
        if count := int(flag.flagged[rows].sum()):
            said.append((f"{analysis.titles[name]}: {count:,} flagged", "flagged"))
    return said
