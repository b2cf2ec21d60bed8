"""Which words of a text speak for which class, by a linear student of the words alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import streamlit as st

from curation.data.items import TRAIN, Items
from curation.maths.words import class_words
from curation.ui.state.project import Project
from curation.ui.state.similar_items import evenly

TOP = 200  # words of a class
SPEAKS = re.compile(r"\w+")


def spoken(project: Project, text: str, label: str, suggestion: str | None) -> list[tuple[int, int, str]]:
    """(start, end, class) of the words of a text that speak for its label or for the suggested one, in order."""
    known = _known(str(project.folder), str(project.plan.find("source").key), project.items)
    found = []
    for word in SPEAKS.finditer(text):
        weights = {name: known.get(name, {}).get(word[0].casefold(), 0.0) for name in (label, suggestion) if name}
        best = max(weights, key=weights.get)
        if weights[best] > 0:
            found.append((word.start(), word.end(), best))
    return found


@st.cache_resource(max_entries=4, show_spinner="Learning what the words say")
def _known(folder: str, source: str, _items: Items) -> Mapping[str, Mapping[str, float]]:
    """Class -> word -> weight, learned from the labels as read: a decision changes them too little to learn again."""
    rows = evenly(_items.rows(TRAIN))
    labels = _items.codes[rows]
    if len(np.unique(labels)) < 2:
        return {}
    return {name: dict(top) for name, top in class_words(_items.texts(rows), labels, _items.classes, TOP).items()}
