"""Which words of a text speak for its label and which for the suggested one, says a linear student of words."""

from __future__ import annotations

import streamlit as st

from curation.data.contents import TextRows
from curation.data.items import TRAIN, Items
from curation.maths.words import ClassWords, class_words
from curation.ui.state.project import Project

LEAST = 0.7  # a word speaks for a class where it is about twice as frequent in it as in the other


def speaking(project: Project, text: str, label: str, suggestion: str | None) -> list[tuple[int, int, bool]]:
    """(start, end, whether for the label) of the words of a text that speak for its label, or for the suggested one."""
    classes = project.items.classes
    if label not in classes or len(classes) < 2:
        return []
    known = _known(str(project.folder), str(project.plan.find("source").key), project.items)
    against = classes.index(suggestion) if suggestion in classes else None
    words = known.in_text(text, classes.index(label), against)
    return [(start, end, weight > 0) for start, end, weight in words if abs(weight) >= LEAST]


@st.cache_resource(max_entries=4, show_spinner="Learning what the words say")
def _known(folder: str, source: str, _items: Items) -> ClassWords:
    """From the labels as read: decisions change too few of them to count all words again."""
    rows = _items.rows(TRAIN)
    return class_words(TextRows(_items, rows), _items.codes[rows], len(_items.classes))
