"""What the colours of a map say: a kind or a number. Up to twenty kinds are told apart, the others share one grey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curation.ui.parts.theme import CLASS_COLOURS, OTHER

# The ten of the theme and ten more, found by a random search: the nearest two of the twenty stay apart (OKLab distance
# of at least 6.5) for normal sight and for the three kinds of colour blindness.
COLOURS = (
    *CLASS_COLOURS,
    *("#6B0FFE", "#39C382", "#C8766E", "#365A90", "#D195FF", "#A17400", "#8187C6", "#703BBB", "#807092", "#B650E7"),
)


# Viridis (van der Walt & Smith 2015), cut at the dark end so that low values stay visible on a dark page.
RAMP = ("#472D7B", "#3B528B", "#2C728E", "#21918C", "#28AE80", "#5EC962", "#ADDC30", "#FDE725")


@dataclass(frozen=True)
class Categories:
    """Colour by kind. names: C of them; codes: int [n], -1 = none; colours: of each name, default `class_colours`."""

    names: Sequence[str]
    codes: np.ndarray
    colours: Mapping[str, str] | None = None
    none: str = "no label"


@dataclass(frozen=True)
class Ramp:
    """Colour by number: float [n], high stands out; what is no finite number has the grey of the rest."""

    values: np.ndarray


def class_colours(names: Sequence[str], counts: np.ndarray | None = None) -> dict[str, str]:
    """A colour for every name; with more than twenty for the twenty most frequent by `counts` (else the first twenty).

    >>> class_colours(["cat", "dog"])
    {'cat': '#3477BC', 'dog': '#E97D37'}
    """
    order = np.arange(len(names))
    if counts is not None and len(names) > len(COLOURS):
        order = np.argsort(-np.asarray(counts), kind="stable")
    colours = dict.fromkeys(names, OTHER)
    colours.update((names[i], colour) for i, colour in zip(sorted(order[: len(COLOURS)]), COLOURS, strict=False))
    return colours
