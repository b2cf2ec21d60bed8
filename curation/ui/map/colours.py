"""Colours of classes on a map: up to twenty are told apart, the others share one grey."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.ui.parts.theme import CLASS_COLOURS, OTHER

# The ten of the theme and ten more, found by a random search: the nearest two of the twenty stay apart (OKLab distance
# of at least 6.5) for normal sight and for the three kinds of colour blindness.
COLOURS = (
    *CLASS_COLOURS,
    *("#6B0FFE", "#39C382", "#C8766E", "#365A90", "#D195FF", "#A17400", "#8187C6", "#703BBB", "#807092", "#B650E7"),
)


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
