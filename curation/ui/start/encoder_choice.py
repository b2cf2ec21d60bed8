"""Which encoder a page proposes for the open data set, why, and what a better one would bring."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from curation.card import Download
from curation.data.items import Items
from curation.data.textures import fine_texture
from curation.engine import registry
from curation.ui.start import presets
from curation.ui.start.overview import Facts
from curation.ui.state.project import Project


@dataclass(frozen=True)
class Proposal:
    """options: every encoder, with its problem. pick: the one to preselect, "" for none.

    better: weights that are not on this machine, of encoders that know more.
    """

    options: list[presets.Option]
    pick: str
    why: str
    better: list[Download]


def proposal(project: Project, facts: Facts) -> Proposal:
    items = project.items
    options = presets.suited(_encoders(), presets.lacking(items))
    texture = items.has_images and _fine_texture(str(project.plan.find("source").key), items)
    gpu = bool(presets.gpu_name())
    # Of pairs the images are compared: captions alone say less, and are often the same.
    first = [option for option in options if "images" in registry.get("encoders", option.id).card.needs]
    pick, why = presets.best(first or options, side=facts.side, n=facts.usable, gpu=gpu, texture=texture)
    return Proposal(options, pick, why, presets.better(options, pick, texture=texture))


@st.cache_data(ttl=300, show_spinner="Looking for encoders and their weights")
def _encoders() -> list[presets.Option]:
    return presets.options("encoders")


@st.cache_data(max_entries=16, show_spinner="Looking at the images")
def _fine_texture(source: str, _items: Items) -> bool:
    return fine_texture(_items)
