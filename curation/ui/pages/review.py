"""Review: suspicious items, one at a time or many at once; a decision is on the disk when the click returns."""

import streamlit as st

from curation.ui.parts import item_card, theme
from curation.ui.parts.item_card import STYLE
from curation.ui.review import grids, queue, single
from curation.ui.state.analysis_results import AnalysisResults, analysis_results
from curation.ui.state.project import Project, open_project

MODES = {"one": "One by one", "grid": "Grid", "duplicates": "Duplicates", "outliers": "Outliers"}
DRAW = {
    "one": single.one_by_one,
    "grid": grids.label_grid,
    "duplicates": grids.duplicates,
    "outliers": grids.outlier_grid,
}


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        text = "Choose a dataset and analyse it; suspicious items are then shown here."
        if theme.empty_state("rule", "No dataset is open", text, "Choose a dataset", key="review_empty"):
            st.switch_page("pages/data.py")
        return
    analysis = analysis_results(project)
    if not analysis.flags and not queue.sent_by_hand(project.decisions):
        text = "Flags look for wrong labels, duplicates and outliers; they are part of the analysis."
        if theme.empty_state("rule", "Nothing is flagged yet", text, "Go to the analysis", key="review_empty"):
            st.switch_page("pages/data.py")
        return
    st.html(f"{STYLE}<style>{single.CSS}</style>")
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="review_head"
    ):
        head = st.container(width="content")
        analysis = analysis.only(_split(analysis))
        counts, caught = _counts(project, analysis), queue.caught(analysis)
        about = str(caught) if caught else "Most suspicious first. Every decision is saved at once and can be undone."
        coming = [step.method.card.title for step in project.plan.of("flag") if not project.plan.done(step)]
        if coming:
            about = f"Still to come: {', '.join(coming)}. What the other flags found is here already."
        head.html(f'<div class="wn-header"><h1>Review</h1><p>{theme.escaped(about)}</p></div>', width="content")
        mode = st.segmented_control(
            "What to review",
            [name for name in MODES if name == "one" or counts[name]],
            format_func=lambda name: f"{MODES[name]} {counts[name]:,}" if name != "one" else MODES[name],
            default="one",
            required=True,
            key="review_mode",
            label_visibility="collapsed",
            persist_state="session",
        )
    for note in analysis.notes:
        item_card.note(note)
    DRAW[mode](project, analysis)


def _split(analysis: AnalysisResults) -> str:
    """The split to review, "" for all; asked for where flags speak against items of several."""
    if len(analysis.splits) < 2:
        return ""
    st.session_state.setdefault("review_split", "")
    if st.session_state["review_split"] not in ("", *analysis.splits):  # chosen for another dataset
        st.session_state["review_split"] = ""
    return st.selectbox(
        "Split", ["", *analysis.splits], format_func=lambda name: f"Split: {name}" if name else "All splits",
        key="review_split", label_visibility="collapsed", width=150, persist_state="session",
    )  # fmt: skip


def _counts(project: Project, analysis: AnalysisResults) -> dict[str, int]:
    labels = len(queue.mislabel_queue(analysis, queue.sent_by_hand(project.decisions)))
    copies = sum(
        int((flag.flagged & (flag.duplicate_of >= 0)).sum())
        for flag in analysis.of_kind("duplicate").values()
        if flag.duplicate_of is not None
    )
    return {"one": labels, "grid": labels, "duplicates": copies, "outliers": len(queue.outlier_queue(analysis))}


if __name__ == "__main__":  # as a page of the installed app
    main()
