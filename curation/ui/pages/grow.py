"""Grow: which items to label next. A strategy asks, a person answers, the model learns in seconds and asks again."""

import streamlit as st

from curation.engine.plan import POOL, Plan
from curation.engine.stages.query import Grow
from curation.ui.grow import batches, label, pool_map, progress, request, search
from curation.ui.grow.batches import Batch
from curation.ui.parts import theme
from curation.ui.parts.item_card import STYLE
from curation.ui.start import presets
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project, create_project, open_project

VIEWS = {"label": "Label", "map": "Map", "curve": "Curve", "find": "Find"}
UNLABELLED = (
    "Unlabelled items are those of a split named “unlabeled”, rows of a table or array with an empty label, and files "
    "in a folder without class folders."
)


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        _nothing_open(project)
        return
    if st.session_state.get("grow:project") != project.name:  # what was chosen for another dataset is not for this one
        st.session_state["grow:project"] = project.name
        for key in [key for key in st.session_state if str(key).startswith("grow_")]:
            del st.session_state[key]
    st.html(f"{STYLE}<style>{label.CSS}{pool_map.CSS}{search.CSS}</style>")
    state = item_state(project.items, project.effective)
    some = batches.unlabelled(project.items)
    if not some and not st.session_state.get(f"grow:try:{project.name}") and not project.recipe.grow:
        _all_labelled(project)
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="grow_head"):
        st.html(
            '<div class="wn-header"><h1>Grow</h1><p>A strategy chooses, you label, the model learns.</p></div>',
            width="content",
        )
        view = "curve"
        if some and project.recipe.encode:
            view = st.segmented_control(
                "View", list(VIEWS), format_func=VIEWS.get, default="label", required=True, key="grow_view",
                label_visibility="collapsed", persist_state="session",
            )  # fmt: skip
    if project.recipe.encode is None or not _encoded(project):
        _encode(project, state)
        return
    if some:
        grow, place = request.controls(project, state)
    else:
        grow = project.recipe.grow or Grow(use=request.WARM, batch=50)
    recipe = batches.with_map(project.recipe, project.recipe.grow or grow)
    the_plan = project.planned("encode", "query", "map", recipe=recipe)
    batch = _batch(project, the_plan) if some else None
    left = len(batches.waiting(project.items, state))
    if some:
        with place:
            pressed, problem = _button(project, state, grow, batch, left)
        _words(project, state, grow, left, problem)
        if pressed:
            request.ask(project, grow)
    if view == "label":
        _label(project, the_plan, grow, batch)
    elif view == "map":
        _map(project, the_plan, batch)
    elif view == "find":
        search.find(project, the_plan, grow.concept if grow else "")
    elif grow is not None:
        progress.show_progress(project, the_plan, grow, theme.is_dark())


# -- nothing to grow yet ---------------------------------------------------------------------------------------


def _nothing_open(project: Project | None) -> None:
    if project is not None and project.jobs.current() is not None:
        text = "Every item is opened once; this page continues when that is done."
        theme.empty_state("hourglass_top", "The data is being read", text, key="grow_wait")
        return
    text = f"Open a dataset that has unlabelled items. {UNLABELLED}"
    if theme.empty_state("potted_plant", "No dataset is open", text, "Choose a dataset", key="grow_empty"):
        st.switch_page("pages/data.py")
    _offer_sample()


def _all_labelled(project: Project) -> None:
    if not project.items.classes:
        text = f"These items come without labels, and none are asked for. {UNLABELLED}"
        theme.empty_state("potted_plant", "There is nothing to label", text, key="grow_empty")
        return
    text = f"Every item has a label. {UNLABELLED} A simulation can still show how few labels would be enough."
    title = "There are no unlabelled items"
    if theme.empty_state("potted_plant", title, text, "Simulate on this labelled dataset", key="grow_empty"):
        st.session_state[f"grow:try:{project.name}"] = True
        st.rerun()
    _offer_sample()


def _offer_sample() -> None:
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button(
            "Try the sample: digits with 5 labels per class", key="grow_sample", type="tertiary",
            icon=":material/play_arrow:",
        ):  # fmt: skip
            source = {"use": "sample", "labelled": 5}
            recipe = {"source": source, "encode": presets.SAMPLE, "map": {"use": "pca"}}
            project = create_project("Digits to label", recipe)
            project.save(grow=Grow(use=request.WARM, batch=50))
            batches.remember(project.planned("query"))
            project.start("Prepare the sample", ["query", "map"])
            st.rerun()


def _encoded(project: Project) -> bool:
    return project.plan.done(project.plan.find("encode"))


def _encode(project: Project, state: ItemState) -> None:
    if project.jobs.current() is not None:
        text = "Every item is read once. You can get the first batch when that is done."
        theme.empty_state("hourglass_top", "The items are being encoded", text, key="grow_wait")
    else:
        request.embeddings_first(project, state)


# -- the batch -------------------------------------------------------------------------------------------------


def _batch(project: Project, the_plan: Plan) -> Batch | None:
    """The batch on the desk. Looked up once for every state of decisions and results."""
    folder = project.workspace.path("query", "")
    there = tuple(sorted(path.name for path in folder.glob("[!.]*"))) if folder.is_dir() else ()
    asked = project.folder / batches.ASKED
    there += (asked.read_text() if asked.exists() else "",)
    return _looked_up(str(project.folder), the_plan.recipe.toml(), project.log.stamp(), there, the_plan, project)


@st.cache_resource(max_entries=16, show_spinner=False)
def _looked_up(folder: str, recipe: str, stamp: tuple, there: tuple, _plan: Plan, _project: Project) -> Batch | None:
    return batches.current(_plan, _project.log.all())


def _button(project: Project, state: ItemState, grow: Grow | None, batch: Batch | None, left: int):
    """The one button: (whether it was pressed, what stands in its way)."""
    problem = request.obstacle(project, state, grow, left) if grow else None
    open_ = batch is not None and bool((~batches.answered(state)[batch.rows]).any())
    pressed = st.button(
        request.NEXT, type="secondary" if open_ else "primary", key="grow_next", icon=":material/auto_awesome:",
        disabled=grow is None or problem is not None or project.jobs.current() is not None,
        help="Items of this batch without a label can come again" if open_ else None,
    )  # fmt: skip
    return pressed, problem


def _words(project: Project, state: ItemState, grow: Grow | None, left: int, problem: str | None) -> None:
    """The strategy in words, what it costs, and what stands in its way."""
    if grow is None:
        return
    st.caption(theme.plain(" ".join([request.about(project, grow), *request.remarks(project, state, grow, left)])))
    if problem:
        st.warning(theme.plain(problem), icon=":material/info:")


def _label(project: Project, the_plan: Plan, grow: Grow | None, batch: Batch | None) -> None:
    job = project.jobs.current()
    if job is not None and "query" in (job.targets or ()):
        text = "The model learns from the labels and picks the next items; it takes seconds."
        theme.empty_state("hourglass_top", "The next batch is being chosen", text, key="grow_wait")
        return
    if batch is None or not len(batch.rows):
        text = "Choose a strategy above and get the first batch; it appears here, with a key for every label."
        theme.empty_state("potted_plant", "There is no batch yet", text, key="grow_none")
        return
    for note in batch.notes:
        st.caption(theme.plain(f"{note[:1].upper()}{note[1:]}."))
    if batch.card["params"].get("candidates") == "seals":
        st.caption(_seals(the_plan, batch))

    def more() -> None:
        state = item_state(project.items, project.effective)
        still = len(batches.waiting(project.items, state))
        if grow is None or project.jobs.current() is not None:
            return
        if problem := request.obstacle(project, state, grow, still):
            st.warning(theme.plain(problem), icon=":material/info:")
        else:
            request.ask(project, grow)

    vectors = project.embeddings()
    label.label(project, batch, vectors, more)


def _seals(the_plan: Plan, batch: Batch) -> str:
    """What SEALS looked at, in words."""
    card = batch.card
    words = [
        f"{card['considered']:,} of {card['open']:,} items were considered ({card['fraction_considered']:.1%}), "
        f"the neighbours of {card['labelled']:,} labelled items"
    ]
    key = card["inputs"].get("similarity")
    if key and the_plan.workspace.done("evidence", key):
        index = the_plan.workspace.card("evidence", key)
        exact = index.get("search") == "exact"
        words.append(
            "the search is exact" if exact else f"the index finds {index['recall']:.0%} of the true neighbours"
        )
    return theme.plain("; ".join(words) + ".")


def _map(project: Project, the_plan: Plan, batch: Batch | None) -> None:
    step = the_plan.find("map", POOL)
    if the_plan.done(step):
        pool_map.pool_map(project, the_plan, batch, theme.is_dark())
        return
    title = step.method.card.title if step is not None else "PCA"
    text = f"Labelled items in colour, the others in grey, the batch outlined. {title} draws it once."
    busy = project.jobs.current() is not None
    button = None if busy else "Draw the map"
    if theme.empty_state("scatter_plot", "There is no map of the pool yet", text, button, key="grow_map_empty"):
        request.draw_map(project)


if __name__ == "__main__":  # as a page of the installed app
    main()
