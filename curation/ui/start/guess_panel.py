"""How data would be read, shown before it is, with a way to say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from curation.data.reading.preview import Guess, preview
from curation.data.remote.location import Remote
from curation.engine import registry
from curation.errors import SourceError, UnavailableError
from curation.ui.parts import theme

AS_GUESSED = "As guessed"
TABLE_ROWS = 3  # shown of a table


def guess_panel(path: Path | Remote, key: str) -> Guess | None:
    """Show how a folder, archive or .npz would be read; None while a question is open. Raises SourceError."""
    guess = _preview(path, _stamp(path), "")
    answers = {params["layout"]: words for params, words in guess.choices if "layout" in params}
    if len(answers) > 1 or guess.question:
        chosen = st.selectbox(
            "The folders are",
            ["", *answers],
            format_func=lambda layout: theme.plain(f"{layout}: {answers[layout]}") if layout else AS_GUESSED,
            key=f"{key}_layout",
            help="What each level of folders is: a split, a class, or * for one that means nothing.",
        )
        if chosen:
            guess = _preview(path, _stamp(path), chosen)
    if guess.question:
        st.warning(theme.plain(guess.question), icon=":material/help:")
        return None
    for note in guess.notes:
        st.caption(theme.plain(note))
    shown = [{column: theme.literal(text) for column, text in row.items()} for row in guess.rows]
    with st.expander("First rows, as they would be read"):
        st.dataframe(shown, hide_index=True, width="stretch", key=f"{key}_rows")
    return guess


def in_doubt(path: Path | Remote) -> bool:
    """Whether a person has to say how it is meant. What cannot be read at all is left to the job that reads it."""
    try:
        return bool(_preview(path, _stamp(path), "").question)
    except SourceError:
        return False


def table_panel(path: Path | Remote, key: str) -> Guess:
    """Show the first rows of a table, so that its columns can be told apart. Raises SourceError."""
    guess = _preview(path, _stamp(path), "", "table")
    for note in guess.notes:
        st.caption(theme.plain(note))
    shown = [{column: theme.literal(text) for column, text in row.items()} for row in guess.rows]
    st.dataframe(shown[:TABLE_ROWS], hide_index=True, width="stretch", key=f"{key}_rows")
    return guess


def named_panel(source: str, params: Mapping[str, str], key: str) -> dict[str, Any]:
    """Show what the columns of a named data set would be taken for; returns what [source] would say of them."""
    try:
        guess = _named(source, dict(params))
    except UnavailableError as error:
        st.caption(theme.plain(error))
        return {}
    if guess.question:
        st.warning(theme.plain(guess.question), icon=":material/help:")
    if guess.rows:
        shown = [{column: theme.literal(text) for column, text in row.items()} for row in guess.rows]
        st.dataframe(
            shown, hide_index=True, width="stretch", height=min(36 * (len(shown) + 1), 260), key=f"{key}_columns"
        )
    return guess.params


@st.cache_data(ttl=60, max_entries=32, show_spinner="Looking at the data")
def _named(source: str, params: dict[str, str]) -> Guess:
    return registry.get("sources", source).preview(**params)


@st.cache_data(ttl=60, max_entries=32, show_spinner="Looking at the data", hash_funcs={Remote: str})
def _preview(path: Path | Remote, stamp: float, layout: str, source: str = "") -> Guess:
    return preview(path, {"layout": layout} if layout else {}, source)


def _stamp(path: Path | Remote) -> float:
    return 0.0 if isinstance(path, Remote) else path.stat().st_mtime
