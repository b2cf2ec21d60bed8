"""Items found by words: those whose text contains them, or those that are nearest to what they mean."""

from __future__ import annotations

import numpy as np
import streamlit as st

from curation.data.text_search import MOST, containing
from curation.engine.plan import Step
from curation.engine.text_query import text_encoder
from curation.maths.similarity.exact import most_similar
from curation.training.embed_texts import TextEncoder
from curation.ui.state.project import Project

NEAREST = 100  # items near to the meaning; further down, little is alike
CONTAINS, MEANING = "contains", "meaning"
WAYS = {CONTAINS: "contains", MEANING: "meaning"}  # as the field calls them


def ways(project: Project) -> list[str]:
    """How words can be searched for here, out of `WAYS`."""
    encode = project.plan.find("encode")
    meaning = project.plan.done(encode) and "texts" in encode.method.card.needs
    return [CONTAINS] * project.items.has_texts + [MEANING] * meaning


def found_by_words(project: Project, words: str, way: str) -> np.ndarray:
    """Item rows: nearest to the meaning first, or in reading order, `MOST` at most. Raises WinnowError."""
    if way == CONTAINS:
        return _containing(str(project.folder), str(project.plan.find("source").key), words, project)
    return _near(str(project.folder), str(project.plan.find("encode").key), words, project)


def meaning(project: Project, words: str) -> np.ndarray:
    """float32 [d]: the words as the encoder of the project's embeddings reads them."""
    step = project.plan.find("encode")
    return _encoder(str(project.workspace.path("encode", step.key)), step, project)([words])[0]


@st.cache_data(max_entries=64, show_spinner="Searching")
def _containing(folder: str, source: str, words: str, _project: Project) -> np.ndarray:
    return containing(_project.items, words, np.flatnonzero(_project.items.ok), MOST)


@st.cache_data(max_entries=64, show_spinner="Searching")
def _near(folder: str, encode: str, words: str, _project: Project) -> np.ndarray:
    rows, x = _project.embeddings()
    query = meaning(_project, words)
    return rows[most_similar(x, query, np.arange(len(rows)), NEAREST)[0]] if query.any() else rows[:0]


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _encoder(folder: str, _step: Step, _project: Project) -> TextEncoder:
    return text_encoder(_step.method, _step.params, _project.workspace.path("encode", _step.key))
