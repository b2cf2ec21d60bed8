"""One map, four panels: the classes, the difficulty of every item, and what two ways of pruning keep of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.ui.map.colours import Categories
from curation.ui.map.scene import Panel, Scene


def four_panels(
    xy: np.ndarray,
    among: np.ndarray,
    labels: Categories,
    difficulty: tuple[str, np.ndarray],
    subsets: Sequence[tuple[str, np.ndarray]],
) -> Scene:
    """xy [n, 2]; among: item rows on the figure; difficulty: a score's name and values [n]; subsets: two (title, item
    rows). What a subset leaves out is small and grey."""
    n = len(xy)
    shown = np.zeros(n, bool)
    shown[among] = True

    def panel(title: str, kept: np.ndarray) -> Panel:
        left_out = np.ones(n, bool)
        left_out[kept] = False
        return Panel(labels, title=title, left_out=left_out)

    name, _ = difficulty
    panels = [
        Panel(labels, "label", title="classes", clusters=True, sized=False),
        Panel(labels, title=f"size = difficulty ({name})"),
        *(panel(title, kept) for title, kept in subsets),
    ]
    return Scene(xy, panels, difficulty=difficulty, labels=labels, shown=shown, file="four-panels")
