"""Review: suspicious items, one at a time or many at once; a decision is on the disk when the click returns."""

import streamlit as st

from curation.ui.parts import item_card, theme
from curation.ui.parts.item_card import STYLE
from curation.ui.parts.word_box import asked, word_box
from curation.ui.review import grids, queue, single
from curation.ui.state.analysis_results import AnalysisResults, analysis_results
from curation.ui.state.found_by_words import found_by_words
from curation.ui.state.project import Project, open_project

WORDS = "review_words"  # what is searched for
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
        analysis, words = _narrowed(project, analysis)
        counts, caught = _counts(project, analysis), queue.caught(analysis)
        about = str(caught) if caught else "Most suspicious first. Every decision is saved at once and can be undone."
        coming = [step.method.card.title for step in project.plan.of("flag") if not project.plan.done(step)]
        if coming:
            about = f"Still to come: {', '.join(coming)}. What the other flags found is here already."
        head.html(f'<div class="wn-header"><h1>Review</h1><p>{theme.escaped(about)}</p></div>', width="content")
        modes = [name for name in MODES if counts[name] or (name == "one" and analysis.classes)] or ["one"]
        if st.session_state.get("review_mode") not in modes:  # chosen for another dataset
            st.session_state.pop("review_mode", None)
        mode = st.segmented_control(
            "What to review",
            modes,
            format_func=lambda name: f"{MODES[name]} {counts[name]:,}" if name != "one" else MODES[name],
            default=modes[0],
            required=True,
            key="review_mode",
            label_visibility="collapsed",
            persist_state="session",
        )
    if words and not any(counts.values()):
        _nothing_found(words)
        return
    for note in analysis.notes:
        item_card.note(note)
    DRAW[mode](project, analysis)


def _narrowed(project: Project, analysis: AnalysisResults) -> tuple[AnalysisResults, str]:
    """What is reviewed, of one split or found by words; and the words, "" for none."""
    words, way = asked(project, WORDS)
    if words:
        analysis = analysis.among(found_by_words(project, words, way))
    if not way:
        return analysis.only(_split(analysis)), words
    with st.popover(theme.plain(f"“{words}”") if words else "Search", icon=":material/search:", key="review_search"):
        word_box(project, WORDS, width=360)
        return analysis.only(_split(analysis)), words


def _nothing_found(words: str) -> None:
    def everything() -> None:
        st.session_state[WORDS] = ""

    text = "Flags speak against other items; the map can search all of them."
    with st.container(key="review_nothing"):
        theme.empty_state("search_off", f"Nothing in doubt is found by “{words}”", text)
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button("Review everything", key="review_everything", on_click=everything)


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
