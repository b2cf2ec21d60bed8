"""Tiles of items: what a gallery shows of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from curation.data.items import Items
from curation.ui.parts.gallery import Tile
from curation.ui.parts.theme import literal
from curation.ui.parts.thumbnails import thumbnail
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState

_decoders = ThreadPoolExecutor(4, thread_name_prefix="thumbnails")  # decoding leaves the interpreter free


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
    """A tile per item row; its id is the row number. note: second line, by default the suggested label.

    colours: label -> colour of the dot, to match a map. flagged: bool [n], marked unless something was decided.
    """
    rows, items = [int(row) for row in rows], analysis.items
    ids = items.column("id")
    made = []
    for row, src in zip(rows, pictures(items, rows, size), strict=True):
        label, badge = state.label(row), state.badge(row)
        if badge is None and flagged is not None and flagged[row]:
            badge = "flagged"
        suggestion = analysis.suggestion(row, state) if badge == "flagged" else None
        said = note(row) if note else f"→ {suggestion}" if suggestion else ""
        colour = (colours or {}).get(label, "")
        made.append(Tile(str(row), src, literal(label), literal(said), badge, title=literal(ids[row]), colour=colour))
    return made


def pictures(items: Items, rows: Sequence[int], size: int) -> list[str]:
    """Thumbnails as data URIs, decoded side by side."""
    return list(_decoders.map(lambda row: thumbnail(items, row, size), rows))
