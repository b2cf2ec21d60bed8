"""Prune: choose a method and a share, see at once what is kept and lost, save the subset."""

import numpy as np
import streamlit as st

from curation import packages
from curation.data.budget import budget, keep_words
from curation.engine import registry
from curation.engine.stages.prune import Prune
from curation.errors import RecipeError
from curation.ui.map import card
from curation.ui.map.colours import Categories
from curation.ui.map.renderer import point_map
from curation.ui.map.scene import Panel, Scene
from curation.ui.parts import charts, theme
from curation.ui.parts.forms import form
from curation.ui.prune import choice, preview, standing
from curation.ui.prune.at_the_cut import at_the_cut
from curation.ui.state.project import Project, open_project


def main() -> None:
    project = open_project()
    if project is None or project.items is None:
        text = "Choose a dataset; what there is to choose from is then shown here."
        if theme.empty_state("content_cut", "Nothing to prune yet", text, "Go to the data", key="prune_empty"):
            st.switch_page("pages/data.py")
        return
    if not project.analysed:
        _before(project)
        return
    with theme.header("Prune", "Keep the part worth training on. The share says how much is kept."):
        compare = st.toggle("Compare two methods", key="prune_compare")
    saved = {p.name: p for p in project.recipe.prune}
    st.html(choice.STYLE)
    if saved:
        _saved(project, saved)
    if not compare:
        _subset(project, "a", wide=True)
        return
    left, right = st.columns(2, gap="large")
    with left:
        a = _subset(project, "a")
    with right:
        b = _subset(project, "b", random=True)
    if a is not None and b is not None:
        both = len(np.intersect1d(a.taken, b.taken))
        either = len(np.union1d(a.taken, b.taken))
        st.caption(f"{both:,} items are in both subsets, {both / max(either, 1):.0%} of those in either.")


def _before(project: Project) -> None:
    """While the analysis is missing or at work: what is known of the data so far, and what pruning waits for."""
    theme.header("Prune", "Keep the part worth training on.")
    if project.jobs.current() is not None:
        st.info("The analysis is at work; its results appear here as they come. Then a subset can be chosen.")
    else:
        line, button = st.columns([4, 1], vertical_alignment="center")
        line.info("Pruners need embeddings and scores: analyse the dataset first.")
        if button.button("Go to the analysis", type="primary", key="prune_analyse", width="stretch"):
            st.switch_page("pages/data.py")
    standing.standing(project, key="prune_before")


def _subset(project: Project, side: str, wide: bool = False, random: bool = False) -> preview.Preview | None:
    """Controls and result of one method."""
    controls, result = st.columns([1, 2.2], gap="large") if wide else (st.container(), st.container())
    with controls:
        section = _controls(project, side, wide, random)
    with result:
        if section is None:
            return None
        shown = preview.preview(project, section)
        if shown is None:
            _offer(project, section, side)
            standing.standing(project, key=f"prune_standing_{side}")
        else:
            _result(project, section, shown, side, wide)
        if wide:
            standing.instant(project, section)
    return shown


def _offer(project: Project, section: Prune, side: str) -> None:
    """The button that computes a subset in a job, and how long that takes."""
    method = registry.get("pruners", section.use)
    spent = choice.duration(method, len(project.store.candidates))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{theme.plain(method.card.title)}** is computed as a job, {spent} here; you can go on meanwhile."
        )
        if st.button(
            "Compute the subset",
            key=f"prune_compute_{side}",
            type="primary",
            disabled=project.jobs.current() is not None,
            help="Another job is at work" if project.jobs.current() is not None else None,
        ):
            preview.start_preview(project, section)
            st.rerun()


def _controls(project: Project, side: str, wide: bool, random: bool) -> Prune | None:
    keep = _share(project, side)
    method = choice.choose(project, side, cards=wide, random=random)
    name = method.id
    if missing := method.missing():
        st.warning(theme.plain(packages.needs(method.card.title, missing)))
        return None
    always = method.card.balances
    balance = bool(project.store.classes) and st.toggle(
        "Keep the same share of every class", value=True, key=f"prune_balance_{side}{'_always' if always else ''}",
        help=f"{method.card.title} always does." if always else "So no class is lost.", disabled=always,
    )  # fmt: skip
    flags = [f.name for f in project.recipe.flag]
    without = st.multiselect(
        "Leave out items flagged by",
        flags,
        key=f"prune_without_{side}",
        help="These items are removed before the method chooses; the manifest gives the reason.",
    )
    with st.expander("Parameters of the method", expanded=False):
        scores = choice.scores(project)
        params = form(method, choice.start(method, scores), key=f"prune_{side}", scores=scores)
        seed = st.number_input("Seed", 0, 10_000, 0, key=f"prune_seed_{side}") if method.card.stochastic else 0
    if params is None:
        return None
    return Prune(use=name, name=name, keep=keep, balance=balance, without=without, seed=int(seed), params=params)


def _share(project: Project, side: str) -> float:
    """Share and number of rows, one always following the other."""
    n = len(project.store.train) - int(project.store.holds(project.effective.dropped)[project.store.train].sum())
    percent, count = f"prune_keep_{side}", f"prune_count_{side}"
    st.session_state.setdefault(percent, 50.0)
    st.session_state.setdefault(count, budget(st.session_state[percent] / 100, n))

    def from_percent() -> None:
        st.session_state[count] = budget(st.session_state[percent] / 100, n)

    def from_count() -> None:
        st.session_state[percent] = max(round(100 * st.session_state[count] / n, 1), 0.1)

    left, right = st.columns([2, 1], vertical_alignment="bottom")
    left.slider("Keep", 0.5, 100.0, step=0.5, format="%.1f %%", key=percent, on_change=from_percent)
    right.number_input("Items", 1, n, key=count, on_change=from_count, label_visibility="visible")
    exact = st.session_state[count] / n
    # The count is exact; the slider is rounded to what it can show.
    return exact if budget(exact, n) == st.session_state[count] else st.session_state[percent] / 100


def _result(project: Project, section: Prune, shown: preview.Preview, side: str, wide: bool) -> None:
    store, known = project.store, preview.facts(project, shown)
    numbers = [
        ("Kept", f"{known.kept:,}", f"of {known.of:,} train items"),
        ("Pruned", f"{known.of - known.kept:,}"),
    ]
    if known.smallest_class:
        name, kept, total = known.smallest_class
        numbers.append(("Smallest class share", f"{kept / max(total, 1):.0%}", f"{name}: {kept:,} of {total:,}"))
    if known.mistakes:
        numbers.append(("Known mistakes kept", f"{known.mistakes[0]:,} of {known.mistakes[1]:,}"))
    elif known.flagged:
        numbers.append(("Flagged items kept", f"{known.flagged[0]:,} of {known.flagged[1]:,}"))
    theme.metrics(numbers)
    for said in shown.said:
        st.warning(theme.plain(said), icon=":material/info:")
    _save(project, section, side)
    at_the_cut(project, shown, key=f"prune_cut_{side}")

    rows, inside = shown.candidates, np.isin(shown.candidates, shown.taken)
    counts, kept_counts = (preview.class_counts(store.labels[r], len(store.classes)) for r in (rows, shown.taken))
    score, values = section.params.get("by"), shown.score
    if values is None and (score := next(iter(project.scores()), None)):
        values = project.score(score)
    places = st.columns([3, 2], gap="medium") if wide else (st.container(), st.container())
    with places[0]:
        _map(project, shown, None if values is None else (score, values), side, 560 if wide else 380)
    with places[1]:
        if values is not None:
            figure = charts.histogram(values[rows], inside, f"{score}: harder to the right", dark=theme.is_dark())
            st.plotly_chart(figure, key=f"prune_hist_{side}", config=charts.QUIET)
        if store.classes:
            with st.container(height=330 if wide else 300, border=False):
                figure = charts.class_bars(store.classes, counts, kept_counts, dark=theme.is_dark())
                st.plotly_chart(figure, key=f"prune_classes_{side}", config=charts.QUIET)
    if shown.left_out:
        st.caption(f"{len(shown.left_out):,} items were left out by flags before the method chose.")


def _map(
    project: Project, shown: preview.Preview, difficulty: tuple[str, np.ndarray] | None, side: str, height: int
) -> None:
    """What is kept in the colours of the classes, what is pruned small and grey."""
    xy, store = project.xy(), project.store
    if xy is None:
        return
    among, kept = np.zeros(len(xy), bool), np.zeros(len(xy), bool)
    among[shown.candidates], kept[shown.taken] = True, True
    labels = Categories(store.classes, store.labels)
    scene = Scene(
        xy,
        [Panel(labels, "label", left_out=~kept)],
        difficulty=difficulty,
        labels=labels,
        shown=among,
        left_out="pruned",
        card=card.address(project),
        file=f"{project.name}-pruned",
        alt="Map of the training items: what is kept in the colours of the classes, what is pruned grey",
    )
    with st.container(key=f"prune_map_box_{side}", height=height, border=False):
        point_map(f"prune_map_{side}", scene, dark=theme.is_dark())


def _save(project: Project, section: Prune, side: str) -> None:
    taken = {p.name for p in project.recipe.prune}
    suggestion = f"{section.use}-{100 * section.keep:.3g}"
    name, button = st.columns([2, 1], vertical_alignment="bottom")
    chosen = name.text_input("Name", value=suggestion, key=f"prune_name_{side}_{suggestion}", max_chars=60).strip()
    word = "Replace subset" if chosen in taken else "Save subset"
    if button.button(word, type="primary", key=f"prune_save_{side}", width="stretch", disabled=not chosen):
        others = [p for p in project.recipe.prune if p.name != chosen]
        try:
            project.save(prune=[*others, section.model_copy(update={"name": chosen})])
        except RecipeError as error:
            st.error(theme.plain(error), icon=":material/error:")
            return
        st.toast(f"Saved {theme.plain(chosen)}. Next: verify or export it")
        st.rerun()


def _saved(project: Project, saved: dict[str, Prune]) -> None:
    """The recipe's subsets as one row of menus, and the way on."""
    with st.container(horizontal=True, vertical_alignment="center", key="prune_saved"):
        st.markdown("Saved subsets", width="content")
        for name, section in saved.items():
            words = [registry.get("pruners", section.use).card.title, f"{keep_words(section.keep)} kept"]
            words += ["same share of every class"] if section.balance else []
            words += [f"without items flagged by {', '.join(section.without)}"] if section.without else []
            with st.popover(theme.plain(name), icon=":material/bookmark:", key=f"prune_saved_{name}"):
                st.markdown("  \n".join(theme.plain(word) for word in words))
                if st.button("Remove this subset", key=f"prune_remove_{name}", icon=":material/delete:"):
                    rest = [p for p in project.recipe.prune if p.name != name]
                    exports = [e for e in project.recipe.export if e.prune != name]
                    project.save(prune=rest, export=exports)
                    st.rerun()
        if st.button("Verify", key="prune_verify", icon=":material/monitoring:"):
            st.switch_page("pages/verify.py")


if __name__ == "__main__":  # as a page of the installed app
    main()
