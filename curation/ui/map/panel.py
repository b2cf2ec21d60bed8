"""What stands beside the map: the items chosen there as a gallery, one of them from close by, and the actions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from curation.ui.map import selection
from curation.ui.map.colours import Categories
from curation.ui.parts import actions, item_card, reading, theme
from curation.ui.parts.gallery import gallery, pager, part
from curation.ui.parts.item_kinds.shown import whole
from curation.ui.parts.tiles import tiles
from curation.ui.parts.word_box import asked, word_box
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.found_by_words import found_by_words
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project
from curation.ui.state.similar_items import nearest, twins

PAGE = 60  # tiles
FOUND = "found"  # the order in which a search found them, beside `selection.ORDERS`


@st.fragment(key="map_side")
def side(project: Project, analysis: AnalysisResults, shown: np.ndarray, look: selection.Look) -> None:
    """Gallery and actions; a lasso reruns this and nothing else. shown: item rows the map's filters let through."""
    actions.announce()
    session = st.session_state
    state = item_state(analysis.items, project.effective)
    opened = f"map:opened:{project.name}"
    for key in ("map_tiles", "map_near"):  # a tile opened in the run that is just starting
        if (wanted := (session.get(key) or {}).get("opened")) is not None:
            session[opened] = int(wanted)
    with st.container(key="map_side", gap="small"):
        if session.get(opened) is not None:
            targets = _close(project, analysis, state, session[opened])
        else:
            targets = _many(project, analysis, state, shown, look)
        actions.action_bar(project, targets, state.classes, key="map", after=lambda: _decided(project))
        actions.stale_line(project, analysis.known, key="map")


def _many(
    project: Project, analysis: AnalysisResults, state: ItemState, shown: np.ndarray, look: selection.Look
) -> Sequence[int]:
    """The gallery. Returns the items the actions apply to."""
    session = st.session_state
    selected = project.selected
    rows = selected if len(selected) else shown
    found = session.get(f"map:found:{project.name}")
    orders = selection.ORDERS
    if found is not None and np.array_equal(np.sort(found), selected):  # until something else is selected
        orders = {FOUND: "As found", **orders}
    word_box(project, "map_words", on_change=_find, args=(project, shown))
    if (words := session.get(f"map:nothing:{project.name}")) is not None:
        item_card.note(f"Nothing on the map contains “{words}”.")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="map_head"):
        if len(selected):
            st.button(
                f"{len(selected):,} selected", key="map_clear", icon=":material/close:", icon_position="right",
                help="Clear", on_click=select, args=(project, ()),
            )  # fmt: skip
        else:
            item_card.note(f"All {len(rows):,}", width="content")
        key = "map_order_found" if FOUND in orders else "map_order"
        order = st.selectbox(
            "Order", list(orders), format_func=orders.get, key=key, label_visibility="collapsed", width=200,
            persist_state="session", on_change=first_page,
        )  # fmt: skip
    rows = found if order == FOUND else selection.ordered(analysis, rows, order, look.size)
    _about(analysis, state, rows)
    page = f"map_page_{session.get('map:set', 0)}"  # a key for every set: each starts at its first page
    colour = selection.colouring(analysis, state, look, theme.is_dark())
    colours = colour.colours if isinstance(colour, Categories) and look.colour == "label" else None
    chosen = f"map:chosen:{project.name}"
    with st.container(key="map_scroll", border=False):
        choice = gallery(
            tiles(analysis, state, rows[part(page, len(rows), PAGE)], colours=colours, flagged=analysis.marked()),
            key="map_tiles",
            selected=session.get(chosen, frozenset()),
            size=78,
            name="Selected items" if len(selected) else "Items on the map",
        )
    session[chosen] = choice.selected
    pager(page, len(rows), PAGE)
    return sorted(int(id_) for id_ in choice.selected) or selected.tolist()


def _about(analysis: AnalysisResults, state: ItemState, rows: np.ndarray) -> None:
    """What is among them, in one line."""
    flagged = int(analysis.marked()[rows].sum())
    parts = [f"{count:,} × {name}" for name, count in selection.composition(state, rows)]
    theme.chips([(f"{flagged:,} flagged", "flagged")] * bool(flagged) + parts)


def _close(project: Project, analysis: AnalysisResults, state: ItemState, row: int) -> Sequence[int]:
    """One item from close by, with its neighbours. Returns the items the actions apply to."""
    session, items = st.session_state, analysis.items

    def back() -> None:
        session[f"map:opened:{project.name}"] = None

    with st.container(horizontal=True, vertical_alignment="center", key="map_head"):
        st.button("Back", key="map_back", icon=":material/arrow_back:", type="tertiary", on_click=back)
        item_card.note(items.cell("id", row))
        near, distances = nearest(analysis, row)
        if len(near):
            st.button(
                "Select similar", key="map_similar", type="tertiary", help="It and its nearest neighbours",
                on_click=select, args=(project, [row, *near.tolist()]),
            )  # fmt: skip
    with st.container(key="map_scroll", border=False):
        content = whole(items, row)
        # words need the whole width
        left, right = (st.container(), st.container()) if content.said else st.columns([2, 3], gap="small")
        with left:
            reading.close_up(content, state.label(row), key=f"map_read_{row}", side=320)
        with right:
            item_card.facts(analysis, state, row)
        item_card.why(analysis, state, row)
        if len(same := twins(analysis, row)):
            st.caption("Copies")
            named = tiles(analysis, state, same[:8], note=lambda twin: items.cell("id", twin))
            item_card.strip(named, columns=4, of_words=2)
        if not len(near):
            return [row]
        st.caption("Nearest neighbours")
        note = dict(zip(near.tolist(), (f"distance {d:.2f}" for d in distances), strict=True))
        chosen = f"map:near:{project.name}:{row}"
        choice = gallery(
            tiles(analysis, state, near, note=note.get, flagged=analysis.marked()),
            key="map_near",
            selected=session.get(chosen, frozenset()),
            size=78,
            name="Nearest neighbours",
        )
        session[chosen] = choice.selected
    return sorted(int(id_) for id_ in choice.selected) or [row]


def select(project: Project, rows: Sequence[int], opened: int | None = None) -> None:
    """Callback: select these items, on the map as well, and show them, or one of them from close by."""
    show(project, rows, opened)
    st.rerun(["map_side", "map_chart"])


def show(project: Project, rows: Sequence[int], opened: int | None = None) -> None:
    """What was selected on the map: the side is about to show it, from its first page."""
    project.selected = rows
    _forget_choice(project)
    st.session_state[f"map:opened:{project.name}"] = opened
    first_page()


def _find(project: Project, shown: np.ndarray) -> None:
    """Callback: select what the words that were entered find on the map."""
    words, way = asked(project, "map_words")
    rows = found_by_words(project, words, way) if words else np.empty(0, np.int64)
    rows = rows[np.isin(rows, shown)]
    st.session_state[f"map:found:{project.name}"] = rows if len(rows) else None
    st.session_state[f"map:nothing:{project.name}"] = words if words and not len(rows) else None
    select(project, rows.tolist())


def first_page() -> None:
    """The gallery is about to show another set, or another order: it starts at its first page."""
    st.session_state["map:set"] = st.session_state.get("map:set", 0) + 1


def _forget_choice(project: Project) -> None:
    """Nothing is chosen in the galleries any more."""
    for key in [key for key in st.session_state if str(key).startswith(("map:chosen:", "map:near:"))]:
        st.session_state[key] = frozenset()


def _decided(project: Project) -> None:
    """Something was decided: the map may have other colours now."""
    _forget_choice(project)
    st.rerun(["map_side", "map_chart"])
