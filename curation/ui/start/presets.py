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

from curation.card import Card
from curation.engine import registry
from curation.engine.recipe import Recipe, parse_recipe

SCORES = ("el2n", "forgetting", "aum", "entropy", "margin")
FLAGS = ("consensus", "conflicting_labels", "duplicates", "outliers")
MAP = "umap"
MISTAKES = 0.05  # share of the sample's train labels that are wrong on purpose
SAMPLE = {"use": "pixels", "size": 8, "colour": "grey"}  # its images as they are

PATIENCE = 800.0  # seconds an encoder may take without a GPU and still be proposed: 10,000 images of a large network
AFTER = (25.0, 0.004)  # evidence, scores, flags and map: to start with, and per image


@dataclass(frozen=True)
class Option:
    """One method a person may choose. problem: why it cannot run here, in words; "" when it can."""

    id: str
    title: str
    problem: str = ""


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
    return [Option(m.id, m.card.title, m.unavailable() or "") for m in registry.methods(kind).values()]


def suited(encoders: Sequence[Option], *, images: bool, features: bool) -> list[Option]:
    """The encoders again, each with what it needs and this source does not have as its problem."""
    found = []
    for option in encoders:
        needs = registry.get("encoders", option.id).card.needs
        problem = option.problem
        if "features" in needs:
            problem = problem or ("" if features else "this source has no features of its own")
        elif not images:
            problem = "this source has no images"
        found.append(Option(option.id, option.title, problem))
    return found


def best(encoders: Sequence[Option], *, side: float, n: int, gpu: bool) -> tuple[str, str]:
    """The encoder to preselect and why. side: pixels of the median image's longer side, 0 when there are no images.

    Returns ("", why not) when none of them can run.
    """
    cards = {option.id: registry.get("encoders", option.id).card for option in encoders if not option.problem}
    if not cards:
        return "", "No encoder can run here; see the reasons below."
    ranks = {name: 3 if side <= card.side else card.rank for name, card in cards.items()}
    in_time = [name for name, card in cards.items() if gpu or n * card.pace[0] <= PATIENCE]
    name = max(sorted(in_time), key=ranks.get, default=min(cards, key=lambda name: cards[name].pace[0]))
    if not ranks[name]:
        return name, "It is the only encoder that can run here."
    if ranks[name] < max(ranks.values()):
        return name, f"No GPU was found, and a large network would take hours on {n:,} images."
    return name, cards[name].why


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
    """How long an analysis of n images will roughly take."""
    card = registry.get("encoders", encoder).card if encoder else Card("", "")
    return n * card.pace[1 if gpu else 0] + AFTER[0] + n * AFTER[1]
