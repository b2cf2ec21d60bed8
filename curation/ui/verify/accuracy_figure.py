"""Test accuracy of every subset with its interval, as a figure: lines over the shares, or bars where there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from curation.data.budget import keep_words
from curation.engine.comparison import Cell
from curation.engine.trials import FULL, RANDOM
from curation.ui.parts.chart_style import SYMBOLS, faded, faint, ink, layout
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted


def accuracy_figure(
    cells: Sequence[Cell], shares: dict[float, float] | None = None, *, dark: bool = False, height: int = 420
) -> go.Figure:
    """Accuracy with its 95 % interval: a line per method over several shares, a bar per method at a single one.

    cells: of one grid. shares: keep -> the share of the items it is, for those given as a number. The method "full"
    becomes a level band; "random" is always grey. Points of several methods at one share are set slightly apart.
    """
    figure = go.Figure(layout=layout(dark, height))
    full = next((cell for cell in cells if cell.method == FULL), None)
    subsets = [cell for cell in cells if cell.method != FULL]
    at = {cell.keep: float((shares or {}).get(cell.keep, cell.keep)) for cell in subsets}
    order = sorted({cell.method for cell in subsets}, key=lambda name: (name == RANDOM, name))  # random is last
    if len(at) == 1:
        _bars(figure, sorted(subsets, key=lambda cell: (cell.method == RANDOM, -cell.mean)), order, dark)
    else:
        _lines(figure, subsets, order, at)
    if full is not None:
        _level(figure, full, dark)
    ends = [end for cell in cells for end in _ends(cell)]
    room = 0.08 * max(max(ends, default=1) - min(ends, default=0), 0.02)
    figure.update_yaxes(
        title="accuracy", tickformat=".0%", gridcolor=faint(dark), zeroline=False,
        range=[max(min(ends, default=0) - room, -room), max(ends, default=1) + 1.5 * room],
    )  # fmt: skip
    figure.update_layout(legend_itemsizing="trace")
    return figure


def _lines(figure: go.Figure, subsets: Sequence[Cell], order: Sequence[str], at: dict[float, float]) -> None:
    shares = sorted(at.values()) or [1.0]
    step = 0.012 * max(shares[-1] - shares[0], 0.25)
    for i, name in enumerate(order):
        line = sorted((cell for cell in subsets if cell.method == name), key=lambda cell: at[cell.keep])
        colour, random = _colour(order, name), name == RANDOM
        figure.add_scatter(
            x=[at[cell.keep] + (i - (len(order) - 1) / 2) * step for cell in line],
            y=[cell.mean for cell in line],
            mode="lines+markers",
            name=charted(name),
            line={"color": colour, "width": 2.2, "dash": "dash" if random else "solid"},
            marker={"size": 9, "symbol": "circle-open" if random else SYMBOLS[i % len(SYMBOLS)]},
            error_y=_whiskers(line, colour),
            customdata=[_hover(cell) for cell in line],
            hovertemplate="%{y:.1%}, %{customdata}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(
        title="share of training items kept", tickvals=shares, tickformat=".0%", showgrid=False, zeroline=False,
        range=[shares[0] - 4 * step, shares[-1] + 4 * step],
    )  # fmt: skip


def _bars(figure: go.Figure, bars: Sequence[Cell], order: Sequence[str], dark: bool) -> None:
    """The axis does not start at 0: what is compared are the ends of the bars."""
    for cell in bars:
        colour = _colour(order, cell.method)
        figure.add_bar(
            x=[charted(cell.method)],
            y=[cell.mean],
            width=0.55,
            name=charted(cell.method),
            showlegend=False,
            marker={"color": faded(colour, 0.75)},
            error_y=_whiskers([cell], ink(dark)),
            customdata=[_hover(cell)],
            hovertemplate="%{y:.1%}, %{customdata}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(title=f"keeping {keep_words(bars[0].keep)}", showgrid=False, zeroline=False, type="category")


def _level(figure: go.Figure, full: Cell, dark: bool) -> None:
    low, high = _ends(full)
    figure.add_hrect(y0=low, y1=high, fillcolor=ink(dark), opacity=0.1, line_width=0, layer="below")
    figure.add_hline(y=full.mean, line={"color": ink(dark), "width": 1, "dash": "dot"}, layer="below")
    figure.add_annotation(  # beside the plot, where it covers nothing
        text=f"full data<br>{full.mean:.1%}", x=1, xref="paper", xanchor="left", xshift=6, y=full.mean,
        showarrow=False, align="left", font={"size": 12},
    )  # fmt: skip
    figure.update_layout(margin_r=72)


def _ends(cell: Cell) -> tuple[float, float]:
    low, high = cell.accuracy.interval()
    return (cell.mean, cell.mean) if np.isnan(low) else (low, high)


def _whiskers(cells: Sequence[Cell], colour: str) -> dict:
    ends = [_ends(cell) for cell in cells]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - cell.mean for cell, (_, high) in zip(cells, ends, strict=True)],
        "arrayminus": [cell.mean - low for cell, (low, _) in zip(cells, ends, strict=True)],
        "thickness": 1.4,
        "width": 5,
        "color": colour,
    }


def _hover(cell: Cell) -> str:
    low, high = cell.accuracy.interval()
    interval = "" if np.isnan(low) else f"95 % interval {low:.1%} to {high:.1%}, "
    return f"{interval}keeping {keep_words(cell.keep)}, {cell.seeds} seed{'s' * (cell.seeds != 1)}"


def _colour(order: Sequence[str], name: str) -> str:
    return OTHER if name == RANDOM else CLASS_COLOURS[order.index(name) % len(CLASS_COLOURS)]
