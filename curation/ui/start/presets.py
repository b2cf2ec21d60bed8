"""What a new project starts with, and which encoder suits the data and why."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from curation.card import Card, Download
from curation.data.chat.rows import is_chat
from curation.data.items import Items
from curation.engine import registry
from curation.engine.recipe import Recipe, parse_recipe
from curation.engine.registry import Method
from curation.training import weights

SCORES = ("el2n", "forgetting", "aum", "entropy", "margin")
WITHOUT_LABELS = ("length", "msttr")  # scores of texts that have no labels
FLAGS = ("consensus", "conflicting_labels", "duplicates", "outliers")
PAIR_SCORES = ("clip_score", "length")  # of image-text pairs
PAIR_FLAGS = ("caption_swap", "boilerplate", "caption_conflict")
TEXT_FLAGS = ("near_duplicates", "text_quality", "chat_quality")  # beside FLAGS where the items are texts
MAP = "umap"
MISTAKES = 0.05  # share of the sample's train labels that are wrong on purpose
SAMPLE = {"use": "pixels", "size": 8, "colour": "grey"}  # its images as they are

PATIENCE = 800.0  # seconds an encoder may take without a GPU and still be proposed: 10,000 images of a large network
AFTER = (25.0, 0.004)  # evidence, scores, flags and map: to start with, and per image


@dataclass(frozen=True)
class Option:
    """One method a person may choose. problem: why it cannot run here, in words; "" when it can.

    fetched: whether all it needs is on this machine; False where weights would be downloaded first.
    """

    id: str
    title: str
    problem: str = ""
    fetched: bool = True


# -- recipes -------------------------------------------------------------------------------------------------


def sample() -> dict[str, Any]:
    """The recipe behind "Try the sample", as nested dicts: everything preselected, and nothing to download."""
    return {
        "source": {"use": "sample", "mistakes": MISTAKES},
        "encode": SAMPLE,
        "score": [{"use": name} for name in SCORES],
        "flag": [{"use": name} for name in FLAGS],
        "map": {"use": MAP},
    }


def with_analysis(
    recipe: Recipe,
    *,
    encode: Mapping[str, Any],
    scores: Sequence[str],
    flags: Sequence[str],
    place: str | None,
) -> Recipe:
    """The recipe with other encoder, scores, flags and map; what stays keeps its name, seed and parameters.

    encode: `use` and parameters. scores, flags, place: method ids. Raises RecipeError, for instance when a flag is
    taken away that a prune refers to.
    """
    raw = tomllib.loads(recipe.toml())
    raw["encode"] = {key: value for key, value in encode.items() if value is not None}
    raw["score"] = _chosen(raw.get("score", []), scores)
    raw["flag"] = _chosen(raw.get("flag", []), flags)
    if place is None:
        raw.pop("map", None)
    elif raw.get("map", {}).get("use") != place:
        raw["map"] = {"use": place}
    return parse_recipe({name: part for name, part in raw.items() if part != []})


def _chosen(sections: Sequence[Mapping[str, Any]], ids: Sequence[str]) -> list[Mapping[str, Any]]:
    there = [section for section in sections if section["use"] in ids]
    return [*there, *({"use": id_} for id_ in ids if not any(section["use"] == id_ for section in there))]


# -- what can run here -----------------------------------------------------------------------------------------


def options(kind: str) -> list[Option]:
    """Every method of a kind, with its problem. Looks for weights too, which takes seconds without a network."""
    return [Option(m.id, m.card.title, m.unavailable() or "", _fetched(m)) for m in registry.methods(kind).values()]


def _fetched(method: Method) -> bool:
    if method.missing():
        return False
    return method.card.download is None or weights.cached(method.card.download.repository, [method.card.download.file])


def lacking(items: Items, encoder: str | None = None) -> list[str]:
    """What a method may read of items and these do not have. encoder: id of the one they go through, where it is known:
    captions can be compared with images only where it reads both."""
    both = items.has_texts and items.has_images
    there = {
        "images": items.has_images,
        "texts": items.has_texts,
        "responses": items.has_texts,
        "chats": is_chat(items),
        "text_embeddings": both and (encoder is None or "text" in registry.get("encoders", encoder).card.tags),
        "pairs": both,  # as a tag: what speaks of captions
        "features": items.features is not None,
        "labels": bool(items.classes),
    }
    return [name for name, has in there.items() if not has]


def suited(encoders: Sequence[Option], lack: Sequence[str]) -> list[Option]:
    """The encoders that read nothing the items do not have (`lacking`)."""
    return [option for option in encoders if not {*registry.get("encoders", option.id).card.needs} & {*lack}]


def best(encoders: Sequence[Option], *, side: float, n: int, gpu: bool, texture: bool) -> tuple[str, str]:
    """The encoder to preselect and why. side: pixels of the median image's longer side, 0 when there are no images.
    texture: whether they are small and show no shapes.

    Weights that would have to be downloaded are not proposed while another encoder can run (see `better`).
    Returns ("", why not) when none of them can run.
    """
    cards = {option.id: registry.get("encoders", option.id).card for option in encoders if not option.problem}
    if not cards:
        return "", "No encoder can run here; see the reasons below."
    fetched = {option.id for option in encoders if option.fetched}

    def rank(name: str) -> int:
        card = cards[name]
        if 0 < side <= card.side:
            return 4
        return card.rank if name in fetched and not (texture and card.shapes) else 0

    ranked = [name for name in sorted(cards) if rank(name)]
    if not ranked:
        name = max(sorted(cards), key=lambda name: (name in fetched, cards[name].rank))
        return name, "It is the best of the encoders that can run here."
    in_time = [name for name in ranked if gpu or n * cards[name].pace[0] <= PATIENCE]
    name = max(in_time, key=rank, default=min(ranked, key=lambda name: cards[name].pace[0]))
    if rank(name) < max(map(rank, ranked)):
        return name, f"No GPU was found, and a large network would take hours on {n:,} items. {cards[name].why}"
    shapes = [cards[other] for other in sorted(cards) if cards[other].shapes and other in fetched]
    if texture and shapes and rank(name) < 4:
        title = max(shapes, key=lambda card: card.rank).title
        return name, f"{cards[name].why} These show fine texture and no shapes; {title} looks for shapes."
    return name, cards[name].why


def better(encoders: Sequence[Option], pick: str, *, texture: bool) -> list[Download]:
    """The weights of encoders of a higher rank that are not on this machine; each says what it would bring."""
    rank = registry.get("encoders", pick).card.rank if pick else 0
    cards = [registry.get("encoders", option.id).card for option in encoders if not option.fetched]
    return [c.download for c in cards if c.download and c.rank > rank and not (texture and c.shapes)]


def reads_words() -> str:
    """Which encoder compares images with words, in a sentence, and how to fetch it where it is not on this machine."""
    method = next(m for m in registry.methods("encoders").values() if "text" in m.card.tags)
    if _fetched(method):
        return f"{method.card.title} reads words."
    download = method.card.download
    return f"{method.card.title} reads words; its weights ({download.size}) come with `{download.command}`."


@cache
def gpu_name() -> str:
    """The GPU a job will find, "" for none. Asked of the system, since importing torch takes seconds."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple GPU"
    if not shutil.which("nvidia-smi"):
        return ""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.splitlines()[0].strip() if said.strip() else ""


def seconds(encoder: str, n: int, gpu: bool) -> float:
    """How long an analysis of n items will roughly take."""
    card = registry.get("encoders", encoder).card if encoder else Card("", "")
    return n * card.pace[1 if gpu else 0] + AFTER[0] + n * AFTER[1]
