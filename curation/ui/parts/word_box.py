"""The field for words to search for, and whether a text must contain them or only mean the same."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from curation.ui.state.found_by_words import WAYS, ways
from curation.ui.state.project import Project

LONGEST = 200  # characters


def word_box(
    project: Project, key: str, *, width: int | str = "stretch", on_change: Callable | None = None, args: tuple = ()
) -> None:
    """Draw the field where the items can be searched by words; `asked` tells what was entered."""
    if not (offered := ways(project)):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width=width, key=f"{key}_box"):
        st.text_input(
            "Words to search for", key=key, placeholder="Search the texts", icon=":material/search:",
            label_visibility="collapsed", on_change=on_change, args=args, persist_state="session",
        )  # fmt: skip
        if len(offered) > 1:
            st.selectbox(
                "How the words are searched for", list(offered), format_func=WAYS.get, key=f"{key}_way", width=124,
                label_visibility="collapsed", on_change=on_change, args=args, persist_state="session",
            )  # fmt: skip


def asked(project: Project, key: str) -> tuple[str, str]:
    """The words, "" for none, and a way of `WAYS`; known before the field is drawn."""
    offered = ways(project)
    words = " ".join((st.session_state.get(key) or "")[:LONGEST].split()) if offered else ""
    way = st.session_state.get(f"{key}_way")
    return words, way if way in offered else next(iter(offered), "")
