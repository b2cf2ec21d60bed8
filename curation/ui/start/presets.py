"""What a new project starts with, and which encoder suits the data, with the reason in words."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from curation.engine import registry
from curation.engine.recipe import Recipe, parse_recipe

SCORES = ("el2n", "forgetting", "aum", "entropy", "margin")
FLAGS = ("consensus", "conflicting_labels", "duplicates", "outliers")
MAP = "umap"
MISTAKES = 0.05  # share of the sample's train labels that are wrong on purpose
SAMPLE = {"use": "pixels", "size": 8, "colour": "grey"}  # its images as they are

TINY = 16  # pixels; up to here networks trained on photographs see a blur, and the pixels themselves say it all
MANY = 10_000  # images; above, a large network without a GPU takes hours
NETWORKS = ("open_clip", "timm")  # encoders that are worth a GPU

# Seconds per image on two cores and on one GPU, rough; what is not listed costs no more than reading the images.
PACE = {"open_clip": (0.08, 0.002), "timm": (0.1, 0.003), "patches": (0.012, 0.001)}
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
    """Every method of a kind, with its problem. Looks for weights too, which takes seconds when a hub is silent."""
    return [Option(m.id, m.card.title, m.unavailable() or "") for m in registry.methods(kind).values()]


def suited(encoders: Sequence[Option], *, images: bool, features: bool) -> list[Option]:
    """The encoders again, each with what it needs that this source does not bring as its problem."""
    found = []
    for option in encoders:
        needs = registry.get("encoders", option.id).card.needs
        problem = option.problem
        if "features" in needs:
            problem = problem or ("" if features else "this source brings no features of its own")
        elif not images:
            problem = "this source brings no images"
        found.append(Option(option.id, option.title, problem))
    return found


def best(encoders: Sequence[Option], *, side: float, n: int, gpu: bool) -> tuple[str, str]:
    """The encoder to preselect and why. side: pixels of the median image's longer side, 0 when there are no images.

    Returns ("", why not) when none of them can run.
    """
    there = {option.id for option in encoders if not option.problem}
    if "precomputed" in there:
        return "precomputed", "The source brings features of its own."
    if "pixels" in there and side <= TINY:
        return "pixels", "Images this small are told apart well by their pixels as they are."
    if "open_clip" in there and (gpu or n <= MANY):
        return "open_clip", "Its weights are at hand, and it tells most everyday things apart."
    if "patches" in there and "open_clip" in there:
        return "patches", f"No GPU was found, and {n:,} images would take a large network hours."
    if "patches" in there:
        return "patches", "It works offline: it learns from the images themselves, nothing is downloaded."
    if there:
        return sorted(there)[0], "It is the only kind that can run here."
    return "", "No encoder can run here; see the reasons below."


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
    pace = PACE.get(encoder, (0.001, 0.001))[1 if gpu and encoder in NETWORKS else 0]
    return n * pace + AFTER[0] + n * AFTER[1]
