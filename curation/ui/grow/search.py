"""Find the first examples of a rare concept: by words, by an image, by items already selected, or at random.

A model cannot look for a class it has no examples of. It starts from a few examples of the concept and some random
items as counterexamples; after that, batches find the rest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from curation.data.contents import Images
from curation.data.images import open_image
from curation.data.items import Items
from curation.data.reading.image_checks import examine
from curation.data.view import View
from curation.engine import results
from curation.engine.plan import Plan
from curation.engine.registry import Method
from curation.errors import SourceError, WinnowError
from curation.maths.similarity.exact import cosines
from curation.training.active_learning import OTHERS
from curation.ui.grow.batches import WHY, waiting
from curation.ui.parts import actions, item_card, theme
from curation.ui.parts.gallery import Tile, gallery
from curation.ui.parts.item_kinds.shown import brief
from curation.ui.parts.theme import plain
from curation.ui.parts.tiles import tile
from curation.ui.start import presets
from curation.ui.state.found_by_words import CONTAINS, MEANING, found_by_words, meaning, ways
from curation.ui.state.item_state import ItemState, item_state
from curation.ui.state.project import Project

SHOWN = 60  # items found
NEGATIVES = 20  # random items to answer "any other" with, by default
WAYS = {
    "contains": "Words in the text",
    "words": "Words by their meaning",
    "image": "An image",
    "items": "Like these items",
    "chance": "Random items",
}


@st.fragment(key="grow_find")
def find(project: Project, the_plan: Plan, concept: str) -> None:
    """Search the pool, select the items that show the concept, label them."""
    actions.announce()
    state = item_state(project.items, project.effective)
    step = the_plan.find("encode")
    folder = the_plan.workspace.path("encode", step.key)
    rows, x = np.asarray(results.load(folder, "rows")), results.load(folder, "embeddings")
    left, picked = st.columns([2, 5], gap="medium")
    with left:
        offered, first = _ways(project, step.method)
        way = st.radio("Search by", offered, offered.index(first), format_func=WAYS.get, key="grow_find_way",
                       persist_state="session")  # fmt: skip
        try:
            query = _query(project, step.method, step.params, folder, state, way, (rows, x), concept)
        except WinnowError as error:
            st.warning(plain(error), icon=":material/info:")
            query = None
        _others(project, state)
    with picked:
        candidates = waiting(project.items, state)
        candidates = candidates[np.isin(candidates, rows)]
        if way == "chance":
            found = np.random.default_rng(len(candidates)).permutation(candidates)[:SHOWN]
            alike = np.full(len(found), np.nan)
        elif way == "contains" and query is not None:
            query = query[np.isin(query, candidates)]
            found, alike = query[:SHOWN], np.full(min(len(query), SHOWN), np.nan)
            first = f", the first {SHOWN} are shown" if len(query) > SHOWN else ""
            item_card.note(f"Found {actions.items(len(query))} without a label{first}.")
        elif query is None:
            text = "Results appear here, most similar first. Select the items that show the concept and label them."
            theme.empty_state("search", "No search yet", text, key="grow_find_none")
            return
        else:
            alike = _alike(str(folder), query.astype(np.float32).tobytes(), x)[np.searchsorted(rows, candidates)]
            best = np.argsort(-alike, kind="stable")[:SHOWN]
            found, alike = candidates[best], alike[best]
        _results(project, concept, found, alike)


@st.cache_resource(max_entries=8, show_spinner="Searching")
def _alike(folder: str, query: bytes, _x: np.ndarray) -> np.ndarray:
    """float32 [m]: cosine of every embedding with the query. Choosing among what was found asks again and again."""
    return cosines(_x, np.frombuffer(query, np.float32))


# -- what is searched for --------------------------------------------------------------------------------------


def _query(project: Project, method: Method, params: dict, folder, state: ItemState, way: str, vectors, concept: str):
    """The vector to search with, or the item rows that contain some words; None while nothing was entered."""
    if way == "contains":
        words = _typed(concept)
        return found_by_words(project, words, CONTAINS) if words else None
    if way == "words":
        return _by_words(project, method, params, folder, concept)
    if way == "image":
        return _by_image(project, method, params, folder)
    if way == "items":
        return _by_items(project, state, vectors, concept)
    item_card.note("A page of random items: unbiased, but slow when the concept is rare.")
    return None


def _ways(project: Project, method: Method) -> tuple[list[str], str]:
    """How the items can be searched, out of `WAYS`, and the way that comes first."""
    first = "words" if "text" in method.card.tags else "image" if encodes_anything(method) else "items"
    without = {"contains"}
    if project.items.has_texts:
        first, without = "contains", set()
        if MEANING not in ways(project):
            without.add("words")
    if not project.items.has_images:
        without.add("image")
    return [way for way in WAYS if way not in without], first


def _typed(concept: str) -> str:
    """The words to search for."""
    return " ".join(st.text_input("Words", concept, key=f"grow_find_words_{concept}", max_chars=200).split())


def _by_words(project: Project, method: Method, params: dict, folder, concept: str) -> np.ndarray | None:
    if MEANING in ways(project):
        words = _typed(concept)
        return meaning(project, words) if words else None
    if "text" not in method.card.tags:
        st.info(
            f"The encoder {plain(method.card.title)} reads no words; search by an image or by items, or analyse with "
            f"one that does. {presets.reads_words()}", icon=":material/info:",
        )  # fmt: skip
        return None
    words = _typed(concept)
    if not words:
        return None
    known = results.load(folder, "class_embeddings")
    if known is not None and words in project.items.classes:
        return np.asarray(known[project.items.classes.index(words)], np.float32)
    return _ready(str(folder), words, project.items, method, params).text[0]


def _by_image(project: Project, method: Method, params: dict, folder) -> np.ndarray | None:
    if not encodes_anything(method):
        st.info(
            f"The encoder {plain(method.card.title)} was fitted to this dataset and is not kept, so it cannot encode "
            "another image: search by items instead.", icon=":material/info:",
        )  # fmt: skip
        return None
    file = st.file_uploader("An image that shows the concept", ["png", "jpg", "jpeg", "webp"], key="grow_find_image",
                            max_upload_size=20)  # fmt: skip
    if file is None:
        return None
    return _seen(str(folder), file.getvalue(), project.items, method, params)


def _by_items(project: Project, state: ItemState, vectors: tuple[np.ndarray, np.ndarray], concept: str):
    examples = (
        np.flatnonzero((state.labels == state.classes.index(concept)) & ~state.dropped)
        if concept in state.classes
        else ()
    )
    selected = project.selected
    options = {"selected": f"The {len(selected):,} selected on the map"} if len(selected) else {}
    if len(examples):
        options["examples"] = f"The {len(examples):,} labelled {concept}"
    if not options:
        item_card.note("Select some items on the map of this page, or label one with the concept's name first.")
        return None
    which = st.radio("Examples", list(options), format_func=lambda w: plain(options[w]), key="grow_find_items")
    rows = selected if which == "selected" else np.asarray(examples)
    rows = rows[np.isin(rows, vectors[0])][:1000]
    part = np.asarray(vectors[1][np.searchsorted(vectors[0], rows)], np.float32)
    return (part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)).mean(axis=0) if len(rows) else None


def opened(data: bytes) -> Image.Image:
    """An uploaded image, read as the dataset's own are. A decoder process tries it first, so that a file that crashes a
    decoder does not reach the server. Raises SourceError."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "image").write_bytes(data)
        fact = examine(Path(folder), ["image"], lambda *_: None)[0]
    if fact.status != "ok":
        raise SourceError(f"The image cannot be read: {fact.status}. Give a png, jpg or webp.")
    return open_image(data)


def encodes_anything(method: Method) -> bool:
    """Whether an encoder can encode new images: one that was fitted to the dataset is not kept."""
    return "images" in method.card.needs and "rng" not in method.injected


def encoded(encoder: Any, image: Image.Image) -> np.ndarray:
    """float32 [d]: one image through an encoder that is ready to run."""
    import torch

    with torch.inference_mode():
        batch = torch.from_numpy(np.ascontiguousarray(encoder.prepare(image))[None])
        return encoder.forward(batch)[0].float().cpu().numpy()


@st.cache_data(max_entries=16, show_spinner="Reading the image")
def _seen(folder: str, data: bytes, _items: Items, _method: Method, _params: dict) -> np.ndarray:
    """The embedding of an image somebody sent; every click on what it found asks again."""
    return encoded(_ready(folder, "", _items, _method, _params), opened(data))


@st.cache_resource(max_entries=2, show_spinner="Loading the encoder")
def _ready(folder: str, words: str, _items: Items, _method: Method, _params: dict) -> Any:
    """The encoder of the embeddings in `folder`, ready to run on the CPU; its `text` holds the words, where it can
    read them. It is shown the data set's images again, since their size may decide how it reads any other."""
    _method.check(_params)
    offer = {"device": "cpu", "progress": lambda done, total, message="": None, "seed": 0}
    view = View.of(images=Images(_items, np.flatnonzero(_items.ok)), classes=(words,) if words else ())
    return _method.call(view, **_params, **{k: v for k, v in offer.items() if k in _method.injected})


# -- what was found --------------------------------------------------------------------------------------------


def _results(project: Project, concept: str, found: np.ndarray, alike: np.ndarray) -> None:
    session, chosen = st.session_state, f"grow:found:{project.name}"
    bar = st.container(horizontal=True, vertical_alignment="center", gap="small", key="grow_find_bar")
    with st.container(key="grow_find_scroll"):
        choice = gallery(
            _tiles(project, found, alike), key="grow_find_tiles", selected=session.get(chosen, frozenset()), size=92,
            name="Items found",
        )  # fmt: skip
    session[chosen] = choice.selected
    picked = found[np.isin(found, [int(id_) for id_ in choice.selected])]
    with bar:
        _name(project, concept, picked, lambda: session.update({chosen: frozenset()}))


def _name(project: Project, concept: str, picked: np.ndarray, after: Callable[[], None]) -> None:
    """Label the selected items."""
    key = f"grow_find_name_{concept}"  # another concept, another name to start with

    def give() -> None:
        if name := " ".join((st.session_state.get(key) or "").split()):
            project.decide(picked, "relabel", name, WHY)
            actions.announce_later(f"Labelled {actions.items(len(picked))}: {name}")
            after()

    name = st.text_input(
        "Name of the concept", concept, key=key, width=260, max_chars=200, placeholder="Label",
        label_visibility="collapsed",
    )  # fmt: skip
    st.button(
        f"Label {len(picked):,} selected" if len(picked) else "Label the selected", key="grow_find_label",
        type="primary", disabled=not len(picked) or not name.strip(), on_click=give,
    )  # fmt: skip
    st.button("Undo", key="grow_find_undo", type="tertiary", on_click=actions.undo, args=(project,))


def _others(project: Project, state: ItemState) -> None:
    """Label random items as counterexamples."""

    def give() -> None:
        left = waiting(project.items, state)
        rows = np.sort(np.random.default_rng(len(left)).permutation(left)[: st.session_state["grow_find_count"]])
        project.decide(rows, "relabel", OTHERS, WHY)
        actions.announce_later(f"Labelled {actions.items(len(rows))}, drawn at random: {OTHERS}")

    st.divider()
    item_card.note(f"A model also needs counterexamples. Random items almost never show a rare concept, so they "
                  f"can be labelled “{OTHERS}” unseen.")  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.number_input("Random items", 1, 1000, NEGATIVES, key="grow_find_count", width=110,
                        label_visibility="collapsed")  # fmt: skip
        st.button(f"Label “{OTHERS}”", key="grow_find_others", on_click=give)


def _tiles(project: Project, rows: np.ndarray, alike: np.ndarray) -> list[Tile]:
    made = []
    for row, score, content in zip(rows.tolist(), alike, brief(project.items, rows, 112), strict=True):
        note = "" if np.isnan(score) else f"similarity {score:.2f}"
        name = project.items.cell("id", row)
        made.append(tile(row, name, content, name, note))
    return made


CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-grow_find_scroll) { max-height: max(360px, calc(100vh - 20rem)); }
.st-key-grow_find_scroll { height: 100%; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }
"""
