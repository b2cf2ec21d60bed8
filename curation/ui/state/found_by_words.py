"""Items found by words: those whose text contains them, or those that are nearest to what they mean."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.data.text_search import containing
from curation.maths.similarity.exact import most_similar
from curation.training.text_query import query_vector, reads_queries
from curation.ui.state.project import Project

MOST = 1_000  # items that contain the words
NEAREST = 100  # items near to their meaning; further down, little is alike
CONTAINS, MEANING = "contains", "meaning"
WAYS = {CONTAINS: "contains", MEANING: "meaning"}  # as the field calls them


def ways(project: Project) -> list[str]:
    """How words can be searched for here, out of `WAYS`."""
    encode = project.plan.find("encode")
    meaning = project.plan.done(encode) and reads_queries(encode)
    return [CONTAINS] * project.items.has_texts + [MEANING] * meaning


def found_by_words(project: Project, words: str, way: str) -> np.ndarray:
    """Item rows: nearest to the meaning first, or in reading order. Raises WinnowError."""
    if way == CONTAINS:
        return _containing(str(project.folder), project.plan.find("source").key, words, project)
    return _near(str(project.folder), project.plan.find("encode").key, words, project)


@st.cache_data(max_entries=64, show_spinner="Searching")
def _containing(folder: str, source: str, words: str, _project: Project) -> np.ndarray:
    return containing(_project.items, words, np.flatnonzero(_project.items.ok), MOST)


@st.cache_data(max_entries=64, show_spinner="Searching")
def _near(folder: str, encode: str, words: str, _project: Project) -> np.ndarray:
    rows, x = _project.embeddings()
    query = query_vector(_project.workspace.path("encode", encode), words)
    return rows[most_similar(x, query, np.arange(len(rows)), NEAREST)[0]]
