"""Tiles of items: what a gallery shows of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from curation.ui.parts.gallery import Tile
from curation.ui.parts.item_kinds.content import Content
from curation.ui.parts.item_kinds.shown import brief
from curation.ui.parts.theme import literal
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState


def tiles(
    analysis: AnalysisResults,
    state: ItemState,
    rows: Iterable[int],
    *,
    note: Callable[[int], str] | None = None,
    colours: Mapping[str, str] | None = None,
    flagged: np.ndarray | None = None,
    size: int = 112,
) -> list[Tile]:
    """A tile per item row; its id is the row number. Without any labels its name stands for the label.

    note: second line, by default the suggested label.

    colours: label -> colour of the dot, to match a map. flagged: bool [n], marked unless something was decided.
    """
    rows, items = [int(row) for row in rows], analysis.items
    made = []
    for row, content in zip(rows, brief(items, rows, size), strict=True):
        name, badge = items.cell("id", row), state.badge(row)
        label = state.label(row) if state.classes else name
        if badge is None and flagged is not None and flagged[row]:
            badge = "flagged"
        suggestion = analysis.suggestion(row, state) if badge == "flagged" else None
        said = note(row) if note else f"→ {suggestion}" if suggestion else ""
        colour = (colours or {}).get(label, "")
        made.append(tile(row, name, content, label, said, badge, colour))
    return made


def tile(
    row: int, name: str, content: Content, label: str, note: str = "", badge: str | None = None, colour: str = ""
) -> Tile:
    """The tile of one item, whose id is the row number; what could turn or hide text is shown by its code."""
    said = tuple((literal(who), literal(text)) for who, text in content.said)
    return Tile(str(row), content.src, literal(label), literal(note), badge, literal(name), colour, said)
