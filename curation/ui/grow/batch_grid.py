"""The whole batch as a grid: one label for many items, or the model's guesses where it is confident."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.ui.grow.current_item import PAGE, Desk, tiles
from curation.ui.parts import item_card
from curation.ui.parts.gallery import gallery, pager, part


def grid(desk: Desk) -> None:
    session, rows, chosen = st.session_state, desk.batch.rows, f"grow:chosen:{desk.project.name}"
    if (opened := (session.get("grow_tiles") or {}).get("opened")) is not None and int(opened) != desk.at:
        desk.go(int(opened))
        st.rerun(scope="fragment")
    place = st.container(key="grow_bulk", gap="xsmall")
    with st.container(key="grow_scroll"):
        choice = gallery(
            tiles(desk, rows[part(desk.page, len(rows), PAGE)], 96),
            key="grow_tiles",
            selected=session.get(chosen, frozenset()),
            size=64,
            name="The batch",
        )
    session[chosen] = choice.selected
    pager(desk.page, len(rows), PAGE)
    picked = rows[np.isin(rows, [int(id_) for id_ in choice.selected])]
    with place:
        if len(picked):
            _bulk(desk, picked)
        else:
            _sure(desk)


def _bulk(desk: Desk, picked: np.ndarray) -> None:
    """One label for all selected items."""
    count, key = f"{len(picked):,}", "grow_bulk_name"

    def given() -> None:
        if name := " ".join((st.session_state.get(key) or "").split()):
            desk.many(picked, name)

    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        name = st.selectbox(
            "Label for all selected", desk.state.classes, index=None, key=key, accept_new_options=True,
            placeholder="Label, or type a new one", label_visibility="collapsed", width=190,
        )  # fmt: skip
        st.button(f"Label {count}", key="grow_bulk_label", type="primary", disabled=not name, on_click=given)
        rows, names = desk.batch.sure(picked, 0.0)
        if len(rows):
            st.button(f"Accept {count}", key="grow_bulk_accept", on_click=desk.many, args=(rows, names),
                      help="Label each with the model's guess")  # fmt: skip
        st.button(f"Skip {count}", key="grow_bulk_skip", on_click=desk.skip_many, args=(picked,))


def _sure(desk: Desk) -> None:
    """Accept the guesses the model is confident of; without any, a line on how to use the grid."""
    if desk.batch.predicted is None or not len(desk.open):
        item_card.note("Click several to label them together; double-click one to show it large.")
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        item_card.note("Model confidence", width="content")
        above = st.selectbox(
            "Smallest confidence of the model", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99], 4, key="grow_above",
            format_func=lambda p: f"above {100 * p:.0f} %", label_visibility="collapsed", width=130,
            persist_state="session",
        )  # fmt: skip
        rows, names = desk.batch.sure(desk.open, above)
        st.button(
            f"Accept {len(rows):,} guesses", key="grow_accept_sure", disabled=not len(rows),
            on_click=desk.many, args=(rows, names), help="Look at them first: a confident model can be wrong",
        )  # fmt: skip
