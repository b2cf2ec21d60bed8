"""One item in detail, as HTML: what is known of it, why it is in doubt, what it looks like beside others.

Everything a person or a file named is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from curation.ui.parts.gallery import Tile
from curation.ui.parts.reading import CSS
from curation.ui.parts.theme import escaped
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import DECISIONS, ItemState
from curation.ui.state.reasons import reasons


def facts(analysis: AnalysisResults, state: ItemState, row: int) -> None:
    """What is known of an item, as a list."""
    items, label, suggestion = analysis.items, state.label(row), analysis.suggestion(row, state)
    given = f" (given: {items.cell('label', row)})" if state.relabelled[row] else ""
    lines = [("label", label + given)] if state.classes else []
    lines += [("suggested", suggestion)] if suggestion else []
    lines += [("decision", DECISIONS[state.decision[row]])] if state.decided[row] or state.queued[row] else []
    lines += [("split", items.cell("split", row))]
    if width := items.cell("width", row):  # None where the items are no images
        lines.append(("size", f"{width} x {items.cell('height', row)} pixels"))
    for name, values in analysis.scores.items():
        if np.isfinite(values[row]):
            easier = (values < values[row]).sum() / max(np.isfinite(values).sum() - 1, 1)
            lines.append((name, f"{values[row]:.3g}, harder than {int(100 * easier)}% of items"))
    cells = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in lines)
    st.html(f'<dl class="wn-facts">{cells}</dl>')


def why(analysis: AnalysisResults, state: ItemState, row: int) -> None:
    """Why an item is in doubt, a line for each reason."""
    lines = "".join(
        f'<p class="{"wn-against" if status else ""}">{escaped(text)}</p>'
        for text, status in reasons(analysis, state, row)
    )
    st.html(f'<div class="wn-why">{lines}</div>')


def note(text: str, *, width: str = "stretch") -> None:
    """A line of small text."""
    st.html(f'<div class="wn-note">{escaped(text)}</div>', width=width)


def strip(tiles: Sequence[Tile], *, columns: int, of_words: int, captions: bool = True) -> None:
    """Small items in rows of `columns`, or of `of_words` where they show words, to be looked at only: label and note
    below each. Of words, four rows at most."""
    if any(tile.said for tile in tiles):
        columns, tiles = of_words, tiles[: 4 * of_words]
    cells = []
    for tile in tiles:
        below = f"<small>{escaped(tile.note)}</small>" if tile.note else ""
        caption = f"<figcaption>{escaped(tile.label)}{below}</figcaption>" if captions else ""
        cells.append(f'<figure title="{escaped(tile.title)}">{_small(tile)}{caption}</figure>')
    st.html(f'<div class="wn-strip" style="--columns:{columns}">{"".join(cells)}</div>')


def compared(tiles: Sequence[Tile], said: Sequence[str]) -> None:
    """Items two in a row, to tell what they do not have in common. said: the words of each as HTML."""
    cells = []
    for tile, words in zip(tiles, said, strict=True):
        caption = f"<figcaption>{escaped(tile.label)}<small>{escaped(tile.note)}</small></figcaption>"
        text = f'<blockquote class="wn-words" dir="auto" tabindex="0">{words}</blockquote>'
        cells.append(f'<figure title="{escaped(tile.title)}">{_picture(tile)}{text}{caption}</figure>')
    st.html(f'<div class="wn-strip wn-compared" style="--columns:2">{"".join(cells)}</div>')


def _picture(tile: Tile) -> str:
    kind = ' class="wn-pixels"' if tile.src.startswith("data:image/png") else ""
    return f'<img{kind} src="{escaped(tile.src)}" alt="{escaped(tile.label)}">' if tile.src else ""


def _small(tile: Tile) -> str:
    """The picture of a tile, its words, or both."""
    said = ""
    for who, text in tile.said:
        name = f"<small>{escaped(who)}</small> " if who else ""
        said += f'<p dir="auto">{name}{escaped(text)}</p>'
    return _picture(tile) + (f'<blockquote class="wn-words">{said}</blockquote>' if said else "")


# For pages that show items: `st.html(STYLE)` once.
STYLE = (
    f"""<style>{CSS}</style>"""
    + """<style>
.wn-note { font-size: 0.9rem; opacity: 0.75; overflow-wrap: anywhere; }
.wn-facts.wn-facts { display: grid; grid-template-columns: auto 1fr; gap: 0.15rem 0.75rem; margin: 0; padding: 0;
  font-size: 0.85rem; }
.wn-facts.wn-facts dt { opacity: 0.65; font-weight: 400; }
.wn-facts.wn-facts dd { margin: 0; padding: 0; overflow-wrap: anywhere; }
.wn-why p { margin: 0 0 0.3rem; padding-left: 1.1rem; font-size: 0.92rem; line-height: 1.45; position: relative; }
.wn-why p::before { content: "–"; position: absolute; left: 0.1rem; opacity: 0.5; }
.wn-why .wn-against::before { content: "▲"; font-size: 0.7rem; top: 0.2rem; opacity: 1; color: var(--wn-flagged); }
.wn-strip { display: grid; grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); gap: 8px; }
.wn-strip figure { margin: 0; min-width: 0; }
.wn-strip img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 5px;
  background: color-mix(in srgb, currentColor 6%, transparent); }
.wn-strip blockquote.wn-words { margin: 0; padding: 0.4rem 0.6rem; border: 0; border-radius: 5px; font-size: 0.85rem;
  line-height: 1.45; background: color-mix(in srgb, currentColor 5%, transparent); max-height: 6.2em;
  overflow: hidden; }
.wn-compared blockquote.wn-words { max-height: 12em; overflow-y: auto; scrollbar-width: thin; }
.wn-strip blockquote.wn-words p { margin: 0; padding: 0; font-size: inherit; }
.wn-strip blockquote.wn-words small { display: inline; }
.wn-strip figcaption { font-size: 0.8rem; line-height: 1.35; margin-top: 3px; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.wn-strip small { display: block; opacity: 0.65; overflow: hidden; text-overflow: ellipsis; }
</style>"""
)
