"""Condense: a few images or embeddings in the place of thousands, judged against real ones of the same size."""

import pandas as pd
import streamlit as st

from curation.engine import registry
from curation.engine.against_real import Against, Comparison
from curation.engine.stages import judge
from curation.engine.stages.condense import Condense, baselines, learners
from curation.engine.trials import FULL, finished
from curation.errors import InputError, RecipeError
from curation.ui.condense import estimate, figures, made, start, summary, views
from curation.ui.parts import charts, theme
from curation.ui.parts.csv_download import as_csv
from curation.ui.parts.forms import form
from curation.ui.state.project import Project, open_project
from curation.ui.verify.summary import percent, points

NUMBERS = [1, 2, 5, 10, 20, 50]
MOST_FAILURES = 3  # that are told one by one
FIRST = "dm"  # what is proposed before a person has chosen


def main() -> None:
    project = open_project()
    if project is None or project.items is None or not project.analysed:
        text = "A few images are made that teach a student what thousands do: choose a dataset and analyse it first."
        if theme.empty_state("compress", "Nothing to condense yet", text, "Go to the data", key="condense_empty"):
            st.switch_page("pages/data.py")
        return
    if not project.store.classes:
        text = "These items have no labels. A set is made class by class, and judged by students that learn labels."
        theme.empty_state("compress", "Nothing to condense", text, key="condense_unlabelled")
        return
    theme.header(
        "Condense",
        "A few images or embeddings that teach a student what all items do, judged by students trained from scratch "
        "and compared with real items of the same number and the same bytes.",
    )
    controls, result = st.columns([1, 2.4], gap="large")
    with controls:
        _controls(project)
    with result:
        # While sets are being made, images and cells appear as they come.
        every = 3.0 if project.jobs.current() is not None else None
        st.fragment(_result, run_every=every)(project)


# -- what to condense ----------------------------------------------------------------------------------------
# Keys end in what the recipe says: where a click elsewhere on the page changes that, the choices follow.


def _controls(project: Project) -> None:
    given = next(iter(project.recipe.condense), None)
    known = choices(project)
    title = lambda name: known[name].card.title  # noqa: E731
    first = given.use if given and given.use in known else FIRST if FIRST in known else next(iter(known))
    use = st.selectbox("Method", list(known), index=list(known).index(first), format_func=title, key="condense_use")
    method = known[use]
    st.caption(theme.plain(method.summary))
    with st.expander("Parameters of the method"):
        params = form(method, given.params if given and given.use == use else {}, key="condense")
    if not project.items.has_images:
        st.caption("There are no images here, so embeddings are condensed.")
    others = []
    if more := [name for name in known if name != use]:
        beside = list(dict.fromkeys(s.use for s in project.recipe.condense[1:] if s.use in more))
        others = st.multiselect(
            "Compare with", more, format_func=title, default=beside, key=f"condense_others_{use}{','.join(beside)}",
            help="Each as the recipe has it, or with its defaults. Real items, with and without soft labels, medoids "
            "and the means of k-means are always there.",
        )  # fmt: skip
    numbers = st.multiselect(
        "Items per class", sorted({*NUMBERS, *(given.per_class if given else ())}),
        default=given.per_class if given else [1, 10], key="condense_numbers",
    )  # fmt: skip
    seeds = st.slider(
        "Seeds", 1, 10, given.seeds if given else 3, key="condense_seeds",
        help="Each is a condensation of its own, judged by a student trained from scratch.",
    )  # fmt: skip
    space = Condense(use=use, params=params or {}).space if params is not None else "pixels"
    students = _students(given, space)
    prune, without = _part(project, given)
    size = 0
    if space == "pixels":
        size = st.number_input(
            "Side of the images in pixels", *start.SIDES, start.usual_size(project), key="condense_size",
            help="Every image is brought to a square of this side; the middle of a longer one is kept.",
        )  # fmt: skip
    seconds = st.number_input(
        "Seconds for one condensation", 0, 86_400, int(given.seconds) if given else 0, key="condense_seconds",
        help="0: the method's own number of iterations. With a budget, another machine gives another set.",
    )  # fmt: skip
    if params is None or not numbers or not students:
        st.caption("Choose at least one number of items and one student.")
        return
    common = {
        "per_class": sorted(numbers), "seeds": seeds, "students": students, "prune": prune, "without": without,
        "size": int(size), "seconds": float(seconds), "path": given.path if given and given.use == use else None,
    }  # fmt: skip
    sections = start.on_all_items_too(Condense(use=use, name=use, params=params, **common))
    everywhere = {**common, "prune": "", "without": [], "path": None}
    if given and sorted(numbers) == sorted(given.per_class):
        del everywhere["per_class"]  # the others keep their own
    for name in others:
        kept = [s for s in project.recipe.condense[1:] if s.use == name and not s.of]
        default = Condense(
            use=name, name=name, params=registry.get("condensers", name).validated({}, name), per_class=sorted(numbers)
        )
        sections += [section.model_copy(update=everywhere) for section in kept or [default]]
    _start(project, sections)


def choices(project: Project) -> dict[str, registry.Method]:
    """The condensers this data can use, without what always stands beside."""
    found = {}
    for name, method in registry.methods("condensers").items():
        needs = set(method.card.needs)
        if "baseline" in method.card.tags or "text_embeddings" in needs:
            continue
        if "pixels" not in needs or project.items.has_images:
            found[name] = method
    return found


def _students(given: Condense | None, space: str) -> list[str | dict]:
    """Students that read what the sets hold. Those the recipe gives parameters keep them."""
    able = [name for name, method in learners(space).items() if not method.card.own_code]
    kept = {}
    for one in given.students if given and given.space == space else []:
        kept[one if isinstance(one, str) else one.get("name", one["use"])] = one
    usual = "convnet" if space == "pixels" else "head"
    names = [*able, *(name for name in kept if name not in able)]
    chosen = st.multiselect(
        "Students that judge", names, default=[name for name in kept if name in names] or [usual],
        key=f"condense_students_{space}{','.join(kept)}",
    )  # fmt: skip
    return [kept.get(name, name) for name in chosen]


def _part(project: Project, given: Condense | None) -> tuple[str, list[str]]:
    """Which items are condensed: a saved subset, without flagged items."""
    prunes, flags = [p.name for p in project.recipe.prune], [f.name for f in project.recipe.flag]
    prune = ""
    if prunes:
        options = ["", *prunes]
        at = options.index(given.prune) if given and given.prune in options else 0
        prune = st.selectbox(
            "Items to condense", options, index=at, key=f"condense_prune{options[at]}",
            format_func=lambda name: name or "All train items",
            help="A saved subset is condensed beside all items: prune first, distil after.",
        )  # fmt: skip
    without = []
    if flags:
        without = st.multiselect(
            "Leave out items flagged by", flags, default=[f for f in (given.without if given else []) if f in flags],
            key="condense_without",
        )  # fmt: skip
    return prune, without


def _start(project: Project, sections: list[Condense]) -> None:
    recipe = project.recipe.model_copy(update={"condense": sections})
    try:
        judge.check(project.store)
        the_plan = project.showing("judge", recipe=recipe)
    except (InputError, RecipeError) as error:
        st.error(theme.plain(error), icon=":material/error:")
        return
    sets, trainings = the_plan.of("condense"), the_plan.of("judge")
    left = sum(not the_plan.done(step) for step in trainings)
    beside = ", ".join(use + " + soft" * bool(params.get("soft")) for use, params in baselines(sections[0], recipe))
    st.caption(theme.plain(f"{len(sets)} sets, {len(trainings)} trainings; finished ones are kept. Beside: {beside}."))
    if sections[0].seeds < 3:
        st.caption(":orange[Fewer than 3 seeds say little about the spread.]")
    busy = project.jobs.current() is not None
    if left and not busy:
        estimate.show(project, the_plan, sections[0].size)
    word = (
        "Everything is condensed" if not left else "Condense" if left == len(trainings) else "Condense what is missing"
    )
    if st.button(word, type="primary", width="stretch", key="condense_run", disabled=busy or not left):
        start.condense_also(project, sections)


# -- what came out -------------------------------------------------------------------------------------------


def _result(project: Project) -> None:
    sections = project.recipe.condense
    the_plan = made.planned(project) if sections else None
    runs = made.rows(project, the_plan) if the_plan else []
    going = project.jobs.current() is not None
    if not runs and not (going and sections):
        text = "The sets, as they come to be, and how well students learn from them appear here."
        theme.empty_state("compress", "Nothing is condensed yet", text, key="condense_none")
        return
    lines = failed(runs)
    for line in lines[:MOST_FAILURES]:
        st.warning(theme.plain(line), icon=":material/error:")
    if more := lines[MOST_FAILURES:]:
        st.caption(f"{len(more)} more sets failed; `python -m curation run` lists them.")
    done = finished(runs)
    total = len([step for step in the_plan.of("judge") if not step.extra["rounded"]])
    if len(runs) < total and going:
        st.progress(len(runs) / total, f"{len(runs)} of {total} students are trained")
    found, first = made.compared(runs, the_plan), st.container()
    student, per_class, of = _choice(sections)
    if done:
        line = summary.headline(found, student)
        icon = ":material/check_circle:" if line.good else ":material/info:"
        (first.success if line.good else first.info)(f"**{theme.plain(line.text)}**", icon=icon)
    view = st.segmented_control(
        "View", ["Result", *views.VIEWS], default="Images" if not done else "Result", required=True,
        key="condense_view", label_visibility="collapsed",
    )  # fmt: skip
    shown = views.Shown(project, the_plan, found, student, per_class, of)
    if view != "Result":
        views.VIEWS[view](shown)
    elif done:
        _comparison(shown, done)
    else:
        st.caption("The result appears here when the first students are trained.")
    if notes := dict.fromkeys(f"{run['method']}: {note}" for run in done for note in run["notes"]):
        with st.expander(f"Notes of the methods ({len(notes)})"):
            st.markdown("\n".join(f"- {theme.plain(note)}" for note in notes))


def _choice(sections: list[Condense]) -> tuple[str, int, str]:
    """Student, items per class and choice of items that the views speak of."""
    students = list(dict.fromkeys(name for s in sections for name in s.judges))
    numbers = sorted({n for s in sections for n in s.per_class})
    parts = sorted({s.of for s in sections})
    chosen = [students[0], numbers[-1], parts[0]]
    questions = (
        ("Student", students, str, "condense_student"),
        ("Items per class", numbers, str, "condense_number"),
        ("Condensed", parts, lambda of: of or "all items", "condense_of"),
    )
    if max(len(options) for _, options, *_ in questions) > 1:
        with st.container(horizontal=True):
            for place, (title, options, words, key) in enumerate(questions):
                if len(options) > 1:
                    chosen[place] = st.segmented_control(
                        title, options, default=chosen[place], required=True, format_func=words, key=key
                    )
    return tuple(chosen)


def _comparison(shown: views.Shown, runs: list[dict]) -> None:
    figure = figures.over_items(shown.here, dark=theme.is_dark())
    st.plotly_chart(figure, key="condense_chart", config=charts.picture("condense"))
    st.caption(theme.plain(summary.how_tested(shown.found)))
    lines = [*summary.sentences(shown.found, shown.student), *summary.prune_first(shown.found, shown.student)]
    st.markdown("\n".join(f"- {theme.plain(line)}" for line in lines))
    st.dataframe(
        _table(shown.found, shown.student), hide_index=True, key="condense_table", width="stretch", height="content"
    )
    left = ("failed", "key", "notes", "passes")
    plain = pd.DataFrame([{k: v for k, v in run.items() if k not in left} for run in runs])
    with st.container(horizontal=True):
        st.download_button(
            "Download all trainings as csv", as_csv(plain), "condense.csv", "text/csv", key="condense_csv",
            on_click="ignore",
        )  # fmt: skip
        _prune_first(shown.project)


def _prune_first(project: Project) -> None:
    """The comparison "prune first, distil after" by one click, for the first saved subset."""
    section, prunes = project.recipe.condense[0], project.recipe.prune
    if any(s.of for s in project.recipe.condense) or not prunes:
        return
    busy = project.jobs.current() is not None
    words = f"Prune first: condense {prunes[0].name} too"
    if st.button(theme.plain(words), key="condense_pruned", icon=":material/content_cut:", disabled=busy):
        part = section.model_copy(update={"prune": prunes[0].name, "path": None})
        start.condense_also(project, [start.on_all_items_too(part)[0], *project.recipe.condense])


def _table(found: Comparison, student: str) -> pd.DataFrame:
    rows = summary.order([cell for cell in found.cells if cell.name.student == student])
    everything = lambda c: "all" if c.name.method == FULL else str(c.name.per_class)  # noqa: E731
    table = {
        "per class": [everything(c) for c in rows],
        "set": [theme.literal(c.name.method + (f" as {c.name.like}" if c.name.like else "")) for c in rows],
        "of": [theme.literal(c.name.of) for c in rows],
        "accuracy": [percent(c.accuracy) for c in rows],
    }
    table |= _against("", [c.number for c in rows])
    if any(c.storage and c.number and c.storage.other != c.number.other for c in rows):
        table |= _against(" of as many bytes", [c.storage for c in rows])
    if not any(table["of"]):
        del table["of"]
    return pd.DataFrame(table)


def _against(which: str, held: list[Against | None]) -> dict[str, list[str]]:
    """Columns: the gain over the best real items, which those are, and whether it is proven over all of them."""
    return {
        f"against real items{which}": [points(one.gain) if one else "" for one in held],
        f"the best{which}": [theme.literal(one.other) if one else "" for one in held],
        f"better{which}": ["" if one is None else "yes" if one.better else "not proven" for one in held],
    }


def failed(runs: list[dict]) -> list[str]:
    """What failed, a line per set, student and reason, with the seeds it happened for."""
    seeds: dict[tuple, list[int]] = {}
    for run in runs:
        if run["failed"]:
            size = "everything" if run["per_class"] is None else f"{run['per_class']} per class"
            seeds.setdefault((run["method"], size, run["failed"]), []).append(run["seed"])
    return [
        f"{name}, {size}, seed{'s' * (len(set(of)) > 1)} {', '.join(map(str, sorted(set(of))))}: {why}"
        for (name, size, why), of in seeds.items()
    ]


if __name__ == "__main__":  # as a page of the installed app
    main()
