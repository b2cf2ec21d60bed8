"""Data: choose a dataset; once a project is open, an overview of it and the form that starts the analysis."""

import humanize
import numpy as np
import streamlit as st

from curation.engine import registry
from curation.errors import InputError
from curation.ui.parts import theme
from curation.ui.parts.actions import announce, items
from curation.ui.parts.csv_download import as_csv
from curation.ui.parts.gallery import gallery
from curation.ui.parts.item_kinds.shown import many
from curation.ui.parts.theme import escaped
from curation.ui.parts.tiles import tiles
from curation.ui.server.uploads import UPLOADS
from curation.ui.start import overview
from curation.ui.start.analysis import analysis_panel
from curation.ui.start.front_page import confirm_delete, front_door
from curation.ui.state.analysis_results import AnalysisResults, analysis_results
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project, close_project, open_project

PAGE = 48  # tiles: whole rows on a laptop and on a desk


def main() -> None:
    project = open_project()
    if project is None:
        front_door()
        return
    try:
        there = project.items is not None
    except InputError as error:  # the folder or file is gone, or the recipe names something that does not exist
        st.error(theme.plain(error), icon=":material/error:")
        there = False
    if there:
        _look(project)
    elif project.jobs.current() is not None:
        _reading(project)
    else:
        _unread(project)


def _reading(project: Project) -> None:
    """Until the source is read; then, or when the job ends, the whole page is drawn again."""
    theme.header(project.name)
    theme.empty_state(
        "hourglass_top", "Reading the data", "Every file is opened once. An overview appears here when that is done."
    )

    @st.fragment(run_every=0.7)
    def wait() -> None:
        step = project.plan.find("source")
        if project.plan.done(step) or project.jobs.current() is None:
            st.rerun()

    wait()


def _unread(project: Project) -> None:
    """Reading failed or was stopped: the job strip says why."""
    theme.header(project.name)
    text = "Fix the problem and try again, or delete this project and choose other data."
    again = theme.empty_state("folder_off", "This dataset has not been read", text, "Try again", key="data_unread")
    if again:
        project.start(f"Read {project.name}", ["source"])
        st.rerun()
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button("Delete this project", key="data_delete", icon=":material/delete:"):
            confirm_delete(project.name)
        if st.button("Choose other data", key="data_close"):
            close_project()
            st.rerun()


# -- the first look --------------------------------------------------------------------------------------------


def _look(project: Project) -> None:
    announce()
    analysis, state = analysis_results(project), item_state(project.items, project.effective)
    facts = overview.facts(project.items, state.labels, state.classes)
    theme.header(project.name, _origin(project))
    _numbers(facts, len(state.classes))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _some(project, analysis, state)
    with right:
        with st.container(border=True, key="analysis"):
            analysis_panel(project, analysis, state, facts)
        _remarks(project, facts)
        if state.classes:
            with st.container(border=True, key="classes", height="content" if len(state.classes) <= 20 else 420):
                train = facts.counts[:, 0]
                low, high = train.min(), train.max()
                sizes = f"{low:,} each" if low == high else f"{low:,} to {high:,}"
                st.markdown(f"**Items per class**: {sizes} for training")
                st.html(overview.class_bars(state.classes, facts.counts))


def _origin(project: Project) -> str:
    """What was read, in words."""
    section = project.recipe.source
    title, path = registry.get("sources", section.use).card.title, section.params.get("path")
    if path is None:
        return title
    uploaded = UPLOADS in path.parts
    return f"{title}: {path.name}, uploaded" if uploaded else f"{title}: {path}"


def _numbers(facts: overview.Facts, classes: int) -> None:
    words = {"train": "Train", "val": "Validation", "test": "Test", "unlabeled": "No label"}
    numbers = [("Items", f"{facts.items:,}"), *([("Classes", f"{classes:,}")] if classes else [])]
    numbers += [(words[name], f"{count:,}") for name, count in facts.splits.items()]
    numbers.append(("Size", humanize.naturalsize(facts.bytes, format="%.3g")))
    if facts.sides:
        short, full = overview.size_words(facts.sides)
        numbers.append(("Pixels", short, full))
    if facts.letters:
        median, most = facts.letters
        numbers.append(("Characters", f"{median:,}", f"in the median text; nine in ten have at most {most:,}"))
    numbers.append(("Unusable", f"{len(facts.problems):,}", "Items that cannot be read; the reasons are listed below"))
    theme.metrics(numbers)


@st.fragment
def _some(project: Project, analysis: AnalysisResults, state: ItemState) -> None:
    """A page of items, in a random order that is always the same."""
    usable = np.random.default_rng(0).permutation(np.flatnonzero(project.items.ok))
    if not (project.items.has_images or project.items.has_texts):
        st.info("This source has features, but neither images nor texts.", icon=":material/hide_image:")
        return
    choose, pages = st.columns([2, 3], vertical_alignment="bottom")
    names = list(state.classes)
    code = -1
    if names:
        code = choose.selectbox(
            "Show",
            range(-1, len(names)),
            format_func=lambda c: "All classes, mixed" if c < 0 else names[c],
            key="look_class",
            label_visibility="collapsed",
        )
    rows = usable if code < 0 else usable[state.labels[usable] == code]
    with pages.container(horizontal=True, horizontal_alignment="right"):
        page = st.pagination(max(-(-len(rows) // PAGE), 1), key=f"look_page_{code}", max_visible_pages=5)
    rows = rows[(page - 1) * PAGE : page * PAGE]
    shown = tiles(analysis, state, rows, flagged=analysis.marked())
    selected = {str(row) for row in project.selected.tolist()}
    chosen = gallery(shown, key="look", selected=selected, size=74, name=many(project.items).capitalize())
    project.selected = [int(row) for row in chosen.selected]
    word = f"Show the {len(chosen.selected):,} selected on the map"
    shown_there = bool(chosen.selected) and project.analysed
    if shown_there and st.button(word, key="look_map", icon=":material/scatter_plot:"):
        st.switch_page("pages/map.py")


def _remarks(project: Project, facts: overview.Facts) -> None:
    """Notes of the source, and the items that could not be read."""
    if project.items.notes:
        lines = "".join(f"<p>{escaped(note)}</p>" for note in project.items.notes)
        st.html(f"<style>{_NOTES}</style><div class='wn-notes'>{lines}</div>")
    if not len(facts.problems):
        return
    table = overview.problems_table(project.items, facts.problems)
    count = f"{items(len(facts.problems))} that cannot be used"
    with st.expander(count, key="problems", icon=":material/report:"):
        shown = {column: [theme.literal(text) for text in texts] for column, texts in table.items()}
        st.dataframe(shown, hide_index=True, height=min(36 * (len(facts.problems) + 1), 320), key="problems_table")
        name = f"{project.name}-problems.csv"
        csv = as_csv(table)
        st.download_button("Download as csv", csv, name, "text/csv", key="problems_csv", on_click="ignore")


_NOTES = """
.wn-notes { border-left: 3px solid color-mix(in srgb, currentColor 25%, transparent); padding: 0.1rem 0 0.1rem 0.8rem; }
.wn-notes p { margin: 0.25rem 0; font-size: 0.88rem; line-height: 1.45; opacity: 0.8; }
"""


if __name__ == "__main__":  # as a page of the installed app
    main()
