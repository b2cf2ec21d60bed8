"""The items on both sides of a cut: what a share of a score means is seen there, and nowhere else."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.ui.parts.gallery import gallery
from curation.ui.parts.item_kinds.shown import many
from curation.ui.parts.tiles import tiles
from curation.ui.prune.preview import Preview
from curation.ui.state.analysis_results import analysis_results
from curation.ui.state.item_state import item_state
from curation.ui.state.project import Project

SHOWN = 3  # on either side
SIZE = 190  # pixels of a tile


def at_the_cut(project: Project, shown: Preview, *, key: str) -> None:
    """The last items that are kept and the first that are not, where items say something that can be read.

    Nothing where the method takes a set rather than an order.
    """
    if not project.items.has_texts or not len(shown.taken) or not len(shown.following):
        return
    what = many(project.items)
    kept, left = shown.taken[-SHOWN:], shown.following[:SHOWN]
    st.markdown(f"**At the cut**: the last {what} that are kept, and the first that are not")
    for words, rows, place in zip(("kept", "not kept"), (kept, left), st.columns(2, gap="medium"), strict=True):
        with place:
            st.caption(f"The {'last' if rows is kept else 'first'} {len(rows)} {words}")
            _tiles(project, shown, rows, f"{key}_{words.replace(' ', '_')}")


def _tiles(project: Project, shown: Preview, rows: np.ndarray, key: str) -> None:
    analysis, state = analysis_results(project), item_state(project.items, project.effective)
    values = shown.score

    def note(row: int) -> str:
        return "" if values is None or not np.isfinite(values[row]) else f"{values[row]:.3g}"

    made = tiles(analysis, state, rows.tolist(), note=note, size=SIZE)
    gallery(made, key=key, size=SIZE, name="At the cut")
