"""Plotly figures of condensed sets as plain functions: accuracy over items, over bytes, and by architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import humanize
import numpy as np
import plotly.graph_objects as go

from curation.engine.against_real import Cell
from curation.engine.trials import FULL
from curation.ui.parts import chart_style
from curation.ui.parts.chart_style import SYMBOLS
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted

_ROUND = [digit * 10**power for power in range(1, 12) for digit in (1, 2, 5)]
SPREAD = 0.012  # of the width, between points of several methods at one number


def over_items(cells: Sequence[Cell], *, dark: bool = False, height: int = 400) -> go.Figure:
    """Accuracy with its 95 % interval against items per class, a line per method; real items dashed, everything a band.

    cells: of one student and one choice of items, without those of as many bytes.
    """
    figure = go.Figure(layout=chart_style.layout(dark, height))
    sets = [cell for cell in cells if cell.name.per_class is not None and not cell.name.like]
    numbers = sorted({cell.name.per_class for cell in sets})
    looks = _looks(sets)
    wide = np.log10(max(numbers, default=1) / min(numbers, default=1)) or 0.3
    for place, (name, look) in enumerate(looks.items()):
        line = sorted((cell for cell in sets if cell.name.method == name), key=lambda c: c.name.per_class)
        aside = 10 ** ((place - (len(looks) - 1) / 2) * SPREAD * wide)
        figure.add_scatter(
            x=[cell.name.per_class * aside for cell in line], y=[cell.mean for cell in line], mode="lines+markers",
            name=charted(name), line={"color": look["colour"], "width": 2.2, "dash": look["dash"]},
            marker={"size": 9, "symbol": look["symbol"]}, error_y=_whiskers(line, look["colour"]),
            customdata=[f"{c.items} items, {c.seeds} seeds" for c in line],
            hovertemplate="%{y:.1%}, %{customdata}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    _level(figure, cells, dark)
    figure.update_xaxes(
        title="items per class", type="log", tickvals=numbers, ticktext=[str(n) for n in numbers], showgrid=False,
        zeroline=False, range=[np.log10(numbers[0]) - 0.12 * wide, np.log10(numbers[-1]) + 0.12 * wide],
    )  # fmt: skip
    figure.update_yaxes(title="test accuracy", tickformat=".0%", gridcolor=chart_style.faint(dark), zeroline=False)
    return figure


def over_bytes(cells: Sequence[Cell], *, dark: bool = False, height: int = 400) -> go.Figure:
    """Accuracy against the bytes a set takes, a point per method and number."""
    figure = go.Figure(layout=chart_style.layout(dark, height))
    sets = [cell for cell in cells if cell.bytes is not None]
    for name, look in _looks(sets).items():
        line = sorted((cell for cell in sets if cell.name.method == name), key=lambda c: c.bytes)
        figure.add_scatter(
            x=[cell.bytes for cell in line], y=[cell.mean for cell in line], mode="markers", name=charted(name),
            marker={"size": 10, "symbol": look["symbol"], "color": look["colour"]},
            error_y=_whiskers(line, look["colour"]),
            customdata=[f"{c.items} items, {c.passes:,.0f} passes, {c.seconds:.1f} s" for c in line],
            hovertemplate="%{y:.1%}, %{x:,} bytes, %{customdata}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    _level(figure, cells, dark)
    sizes = [cell.bytes for cell in sets]
    marks = [n for n in _ROUND if min(sizes, default=1) / 2 <= n <= 2 * max(sizes, default=1)]
    words = [humanize.naturalsize(n, format="%.3g") for n in marks]
    figure.update_xaxes(
        title="size of the set", type="log", tickvals=marks, ticktext=words, showgrid=False, zeroline=False
    )
    figure.update_yaxes(title="test accuracy", tickformat=".0%", gridcolor=chart_style.faint(dark), zeroline=False)
    return figure


def trade_off(cells: Sequence[Cell], *, dark: bool = False, height: int = 400) -> go.Figure:
    """Accuracy against realism, a point per set: what the principal components of real images leave over, as a ratio to
    real images. cells: with `realism`."""
    figure = go.Figure(layout=chart_style.layout(dark, height))
    ratios = [cell.realism["residual_ratio"] for cell in cells]
    figure.add_vline(x=1, line={"color": chart_style.ink(dark), "width": 1, "dash": "dot"}, layer="below")
    figure.add_annotation(
        text="real images", x=1, y=0, yref="paper", yanchor="bottom", xanchor="left", showarrow=False,
        font={"size": 12},
    )  # fmt: skip
    for place, cell in enumerate(cells):
        colour, real = CLASS_COLOURS[place % len(CLASS_COLOURS)], cell.realism
        figure.add_scatter(
            x=[real["residual_ratio"]], y=[cell.mean], mode="markers", name=charted(cell.name.method),
            showlegend=True, marker={"size": 10, "symbol": SYMBOLS[place % len(SYMBOLS)], "color": colour},
            error_y=_whiskers([cell], colour), customdata=[[real["ratio"], real["out_of_range"]]],
            hovertemplate="%{y:.1%} at %{x:.2f}<br>distance to the nearest real image %{customdata[0]:.2f}, "
            "out of range %{customdata[1]:.0%}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_xaxes(
        title="left over by the principal components of real images (ratio)", showgrid=False, zeroline=False,
        range=[min([0.8, *(x - 0.1 for x in ratios)]), max([1.2, *(x + 0.1 for x in ratios)])],
    )  # fmt: skip
    figure.update_yaxes(title="test accuracy", tickformat=".0%", gridcolor=chart_style.faint(dark), zeroline=False)
    return figure


def architectures(on_set: Mapping[str, float], on_all: Mapping[str, float], *, dark: bool = False) -> go.Figure:
    """A point per architecture: its accuracy trained on a set against trained on everything."""
    figure = go.Figure(layout=chart_style.layout(dark, 380))
    names = list(on_set)
    figure.add_scatter(
        x=[on_all[name] for name in names], y=[on_set[name] for name in names], mode="markers+text",
        text=[charted(name) for name in names], textposition="top center", showlegend=False,
        marker={"size": 10, "color": chart_style.accent(dark)},
        hovertemplate="%{text}: %{y:.1%} on the set, %{x:.1%} on everything<extra></extra>",
    )  # fmt: skip
    for axis, title in ((figure.update_xaxes, "trained on everything"), (figure.update_yaxes, "trained on the set")):
        axis(title=title, tickformat=".0%", gridcolor=chart_style.faint(dark), zeroline=False)
    return figure


# ------------------------------------------------------------------------------------------------------------


def _looks(sets: Sequence[Cell]) -> dict[str, dict[str, str]]:
    """method -> colour, dash and symbol; what stands beside first, so that condensed sets are drawn on top."""
    beside = sorted({cell.name.method for cell in sets if cell.baseline})
    own = sorted({cell.name.method for cell in sets if not cell.baseline})
    dashes = ("dash", "dot", "dashdot", "longdash", "longdashdot")
    looks = {
        name: {"colour": OTHER, "dash": dashes[i % len(dashes)], "symbol": SYMBOLS[i % len(SYMBOLS)] + "-open"}
        for i, name in enumerate(beside)
    }
    return looks | {
        name: {"colour": CLASS_COLOURS[i % len(CLASS_COLOURS)], "dash": "solid", "symbol": SYMBOLS[i % len(SYMBOLS)]}
        for i, name in enumerate(own)
    }


def _whiskers(line: Sequence[Cell], colour: str) -> dict:
    ends = np.array([cell.accuracy.interval() for cell in line])
    means = np.array([cell.mean for cell in line])
    ends = np.where(np.isnan(ends), means[:, None], ends)
    return {
        "type": "data", "symmetric": False, "array": np.maximum(ends[:, 1] - means, 0),
        "arrayminus": np.maximum(means - ends[:, 0], 0), "color": colour, "thickness": 1.2, "width": 4,
    }  # fmt: skip


def _level(figure: go.Figure, cells: Sequence[Cell], dark: bool) -> None:
    full = next((cell for cell in cells if cell.name.method == FULL), None)
    if full is not None:
        figure.add_hline(y=full.mean, line={"color": chart_style.ink(dark), "width": 1, "dash": "dot"}, layer="below")
        figure.add_annotation(  # beside the plot, where it covers nothing
            text=f"everything<br>{full.mean:.1%}", x=1, xref="paper", xanchor="left", xshift=6, y=full.mean,
            showarrow=False, align="left", font={"size": 12},
        )  # fmt: skip
        figure.update_layout(margin_r=82)
