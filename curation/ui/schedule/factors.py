"""What the factors of the sparse autoencoder are: those most items share, and the rarest, each as a row of items."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.data.results import Factors
from curation.engine import results
from curation.engine.stage import analysis
from curation.maths import factors as maths
from curation.ui.parts import theme
from curation.ui.parts.item_kinds.content import Content
from curation.ui.parts.item_kinds.shown import brief
from curation.ui.state.project import Project

TARGET = "evidence:factors"
ROWS, ITEMS = 6, 12  # factors of each sort, items of each factor
FEWEST = 3  # items a factor fires on, to be shown as a rare one


def show(project: Project) -> None:
    """The factors, or the button that has them found."""
    the_plan = project.showing(*analysis(), TARGET)
    step = the_plan.find("evidence", "factors")
    if not the_plan.done(step):
        busy = project.jobs.current() is not None
        text = "A sparse autoencoder writes every embedding as a few factors; a factor is what many items share."
        button = None if busy else "Find the factors"
        if theme.empty_state("blur_on", "The factors are not known yet", text, button, key="schedule_factors_empty"):
            project.start("Factors", [*(analysis() if project.stale else ()), TARGET])
            st.rerun()
        return
    folder, card = the_plan.workspace.path("evidence", step.key), the_plan.workspace.card("evidence", step.key)
    rows, found = np.asarray(results.load(folder, "rows")), results.load_evidence(folder)
    st.caption(
        f"{found.m:,} factors, {card['dead_factors']:,} of them never fire; together they explain "
        f"{100 * card['explained']:.0f} % of the embeddings (R²). Each row: the items a factor is strongest in."
    )
    if card["explained"] < 0.5:
        st.warning("The factors explain less than half of the embeddings: what is built on them says little.")
    frequent, rare = extremes(found)
    for title, some in (("Most frequent", frequent), ("Rarest", rare)):
        st.markdown(f"**{title}**")
        if not len(some):
            st.caption("There are none.")
        for factor in some:
            _row(project, rows, found, int(factor))


def extremes(found: Factors) -> tuple[np.ndarray, np.ndarray]:
    """int [<= 6] twice: the factors that fire on the most items, and on the fewest. Those that fire on more than half
    of the items, or on fewer than three, tell nothing and are neither."""
    f = maths.frequency(found)
    count = np.round(f * len(found.indices))
    live = np.flatnonzero((f <= maths.ALWAYS_ON) & (count >= FEWEST))
    order = live[np.argsort(-f[live], kind="stable")]
    half = min(ROWS, len(order) - len(order) // 2)
    return order[:half], order[::-1][: min(ROWS, len(order) - half)]


def strongest(found: Factors, factor: int) -> np.ndarray:
    """int [<= 12], positions of the items in which a factor is strongest."""
    at = (found.indices == factor) & (found.values > 0)
    strength = np.where(at, found.values.astype(np.float32), 0.0).max(axis=1)
    order = np.argsort(-strength, kind="stable")[:ITEMS]
    return order[strength[order] > 0]


def _row(project: Project, rows: np.ndarray, found: Factors, factor: int) -> None:
    fires = int(((found.indices == factor) & (found.values > 0)).any(axis=1).sum())
    items, some = project.items, rows[strongest(found, factor)]
    labels = project.store.label_names
    words = f"factor {factor}: {fires:,} items"
    about = [f"{theme.escaped(items.cell('id', row))}: {theme.escaped(labels[row])}" for row in some]
    if items.has_images or items.has_texts:
        contents = brief(items, some, 64)
        inside = "".join(_small(content, words) for content, words in zip(contents, about, strict=True))
    else:
        inside = "".join(f"<span>{words}</span>" for words in about)
    st.html(f'<div class="wn-factor"><small>{theme.escaped(words)}</small>{inside}</div>')


def _small(content: Content, about: str) -> str:
    """One item among those a factor is strongest in. about: escaped."""
    if content.src:
        return f'<img src="{theme.escaped(content.src)}" alt="{about}" title="{about}">'
    text = " ".join(said.text for said in content.said)
    return f'<span dir="auto" title="{about}">{theme.escaped(text)}</span>'


CSS = """<style>
.wn-factor { display: flex; gap: 6px; align-items: center; overflow-x: auto; }
.wn-factor small { flex: 0 0 9.5em; opacity: 0.75; }
.wn-factor img { width: 52px; height: 52px; object-fit: contain; image-rendering: pixelated; border-radius: 4px; }
.wn-factor span { flex: none; max-width: 16rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  padding: 2px 8px; border-radius: 4px; background: color-mix(in srgb, currentColor 8%, transparent); }
</style>"""
