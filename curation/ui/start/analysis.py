"""The analysis of an open dataset: its results, or a form to start it with an estimate of its time."""

from __future__ import annotations

from collections.abc import Sequence

import humanize
import numpy as np
import streamlit as st

from curation.engine import registry, stage
from curation.errors import InputError
from curation.ui.map.colours import Categories
from curation.ui.map.renderer import point_map
from curation.ui.map.scene import Panel, Scene
from curation.ui.parts import theme
from curation.ui.parts.actions import items
from curation.ui.parts.forms import form
from curation.ui.parts.item_kinds.shown import many
from curation.ui.parts.which_one import stands_on
from curation.ui.review.queue import caught
from curation.ui.server.allowed_paths import check_paths
from curation.ui.start import overview, presets
from curation.ui.start.encoder_choice import proposal
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState
from curation.ui.state.project import Project


def analysis_panel(project: Project, analysis: AnalysisResults, state: ItemState, facts: overview.Facts) -> None:
    """The results; or the form that starts the analysis."""
    running = project.recipe.encode and project.jobs.current() is not None
    found = bool(analysis.scores or analysis.flags or (analysis.xy is not None and not analysis.drawing))
    if not project.analysed or not found:  # encoded only, to grow
        st.markdown("**Analysis**")
        if running:
            _coming(project, analysis, state)
        else:
            _choose(project, facts, "primary")
        return
    st.markdown("**What the analysis found**")
    theme.chips(_result(analysis, state))
    if st.button("Open the map", type="primary", key="open_map", icon=":material/scatter_plot:"):
        st.switch_page("pages/map.py")
    if project.stale:
        again, button = st.columns([3, 2], vertical_alignment="center")
        again.caption(f"{items(project.stale)} relabelled since the scores were computed")
        if button.button("Update the analysis", key="update_analysis", width="stretch"):
            project.start("Update the analysis", stage.analysis())
            st.rerun()
    with st.expander("Change the analysis", key="other_analysis"):
        _choose(project, facts, "secondary")


def _coming(project: Project, analysis: AnalysisResults, state: ItemState) -> None:
    """What a running analysis has found so far; the job strip draws the page again when there is more."""
    if analysis.xy is None:
        st.caption("Running. The results appear here as they come; you can look at the items meanwhile.")
        return
    if said := _result(analysis, state, whole=False):
        theme.chips(said)
    labels = Categories(state.classes, state.labels)
    score = next(iter(analysis.scores.items()), None)
    scene = Scene(analysis.xy, [Panel(labels, "label")], difficulty=score, labels=labels, file=f"{project.name}-map")
    with st.container(key="coming_map_box", height=340, border=False):
        point_map("coming_map", scene, dark=theme.is_dark())
    st.caption(theme.plain(_waiting(project, analysis)))
    if st.button("Open the map", type="primary", key="open_map", icon=":material/scatter_plot:"):
        st.switch_page("pages/map.py")


def _waiting(project: Project, analysis: AnalysisResults) -> str:
    first = "A first map, drawn by PCA; the one you asked for follows. " if analysis.drawing else ""
    steps = [step for step in project.plan.missing() if step.stage in ("score", "flag", "map")]
    return f"{first}Still to come: {', '.join(step.method.card.title for step in steps) or 'the last step'}."


def _result(analysis: AnalysisResults, state: ItemState, *, whole: bool = True) -> list:
    """What is found, as chips. whole: every flag has said what it thinks, so that they can be judged together."""
    counts = {analysis.titles[name]: int(flag.flagged.sum()) for name, flag in analysis.flags.items()}
    said = [(f"{title}: {n:,} flagged", "flagged") if n else f"{title}: none" for title, n in counts.items()]
    for name, values in list(analysis.scores.items())[:1]:
        if (hardest := overview.hardest_class(state.labels, state.classes, values)) is not None:
            said.append(f"Hardest class ({name}): {hardest}")
    if whole and (mistakes := caught(analysis)) is not None:
        said.append((str(mistakes), "kept"))
    said += [(note, None) for note in analysis.notes]
    return said


def _choose(project: Project, facts: overview.Facts, kind: str) -> None:
    have, recipe = project.items, project.recipe
    train = facts.splits.get("train", 0)
    lack = presets.lacking(have)
    free = "labels" in lack and train  # what needs no label is analysed without
    if np.count_nonzero(facts.counts[:, 0]) < 2 and not free:
        found = "only one class" if train else "no labelled items"
        st.warning(f"The train split has {found}; an analysis needs at least two classes. Put the files into one "
                   "folder per class, or use a table with a column of labels.")  # fmt: skip
        if facts.splits.get("unlabeled") and st.button(
            "Label items", key="analysis_grow", icon=":material/potted_plant:"
        ):
            st.switch_page("pages/grow.py")
        return
    proposed, gpu = proposal(project, facts), presets.gpu_name()
    options, pick = proposed.options, proposed.pick
    ready = {o.id: o.title for o in options if not o.problem}
    if not ready:
        st.error(theme.plain(proposed.why))
    use = recipe.encode.use if recipe.encode and recipe.encode.use in ready else pick
    chosen = st.selectbox(
        "Encoder", list(ready), list(ready).index(use) if ready else None, format_func=ready.get, key="encoder"
    )
    if chosen == pick:
        st.caption(theme.plain(proposed.why))
    if proposed.better:
        with st.expander("What a better encoder would bring", key="encoder_better"):
            for download in proposed.better:
                st.caption(f"{download.brings} To fetch its weights ({download.size}), where there is a network:")
                st.code(download.command, language="sh", wrap_lines=True)
    params = None
    if chosen:
        with st.expander("Parameters of the encoder", key="encoder_more"):
            given = recipe.encode.params if recipe.encode and recipe.encode.use == chosen else {}
            params = form(registry.get("encoders", chosen), given, key="encoder")
    if away := [o for o in options if o.problem]:
        with st.expander(f"{len(away)} encoders not available here", key="encoder_away"):
            st.caption("  \n".join(f"**{theme.plain(o.title)}**: {theme.plain(o.problem)}" for o in away))
    with st.expander("Scores, flags and map", key="analysis_more"):
        # What the items lack is not offered. Pairs often share a caption, and are no copies of each other.
        proposed_flags = (*presets.FLAGS, *(presets.TEXT_FLAGS if "pairs" in lack else presets.PAIR_FLAGS))
        proposed_scores = presets.WITHOUT_LABELS if free else presets.SCORES
        if "pairs" not in lack:
            proposed_scores = presets.PAIR_SCORES
        lack = presets.lacking(have, chosen)
        scores = _several("Scores", "scores", [s.use for s in recipe.score] or proposed_scores, lack)
        flags = _several("Flags", "flags", [f.use for f in recipe.flag] or proposed_flags, lack)
        places = [m for m in registry.methods("maps").values() if not m.missing()]
        start = next((i for i, m in enumerate(places) if m.id == (recipe.map.use if recipe.map else presets.MAP)), 0)
        place = st.selectbox("Map", places, start, format_func=lambda m: m.card.title, key="place")
    mute = _reads_no_names(chosen, [*(("scores", s) for s in scores), *(("flags", f) for f in flags)])
    if mute:
        st.warning(f"{theme.plain(mute)} {presets.reads_words()}", icon=":material/info:")
    device = gpu or "no GPU found, so it runs on the CPU"
    cost = humanize.naturaldelta(presets.seconds(chosen or "", facts.usable, bool(gpu)))
    st.caption(theme.plain(f"{facts.usable:,} items, {train:,} of them for training · {device} · about {cost}"))
    word = f"Analyse {facts.usable:,} {many(have)}"
    blocked = not chosen or bool(mute) or params is None or project.jobs.current() is not None
    if st.button(word, type=kind, key="analyse", icon=":material/play_arrow:", disabled=blocked, width="stretch"):
        _start(project, chosen, params, scores, flags, place.id if place else None)


def _reads_no_names(encoder: str | None, methods: list[tuple[str, str]]) -> str:
    """Which chosen method compares images with class names that the encoder cannot read; "" for none."""
    if not encoder or "text" in (card := registry.get("encoders", encoder).card).tags:
        return ""
    wanting = [m.card.title for m in (registry.get(*of) for of in methods) if "class_embeddings" in m.card.needs]
    return f"{' and '.join(wanting)} needs an encoder that reads class names; {card.title} does not." if wanting else ""


def _several(label: str, kind: str, start: Sequence[str], lack: Sequence[str]) -> list[str]:
    """Some methods of a kind, of those that need nothing the items lack."""
    fit = [
        m
        for m in registry.methods(kind).values()
        if not m.missing() and not (stands_on(m) | {*m.card.tags} & {"pairs"}) & {*lack}
    ]
    there = {m.id: m.card.title for m in fit}
    return st.multiselect(
        label, list(there), [s for s in dict.fromkeys(start) if s in there], format_func=there.get, key=f"choose_{kind}"
    )


def _start(project: Project, use: str, params: dict, scores: list[str], flags: list[str], place: str | None) -> None:
    try:
        check_paths(params)
        asked = presets.with_analysis(
            project.recipe, encode={"use": use, **params}, scores=scores, flags=flags, place=place
        )
    except InputError as error:
        st.error(theme.plain(error), icon=":material/error:")
        return
    project.save(encode=asked.encode, score=asked.score, flag=asked.flag, map=asked.map)
    project.start("Analyse", stage.analysis())
    st.rerun()
