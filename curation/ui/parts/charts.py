"""Plotly figures as plain functions of arrays: same arrays, same bytes, so a zoom survives a rerun.

`dark` picks lines and ramps that read on a dark page. Names in hover texts, legends and ticks are escaped: they are
never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from curation.ui.parts.chart_style import accent, faint, grey, layout
from curation.ui.parts.theme import charted

QUIET = {"displaylogo": False, "displayModeBar": False}  # for charts that are only looked at


def picture(name: str, format: str = "svg") -> dict:
    """For charts a person may want in a paper: hovering shows one button, which saves an svg, or a png."""
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": format, "filename": name, "scale": 2 if format == "png" else 1},
    }


def histogram(values: np.ndarray, kept: np.ndarray, title: str, *, dark: bool = False, bins: int = 40) -> go.Figure:
    """A score before (all, grey) and after (kept, blue) pruning. values: float [n]; kept: bool [n].

    The outermost bins hold what lies beyond the 0.5 and 99.5 percentiles, so that one extreme value does not
    squeeze the rest.
    """
    values, kept = np.asarray(values, np.float64), np.asarray(kept, bool)
    finite = np.isfinite(values)
    low, high = np.percentile(values[finite], [0.5, 99.5]) if finite.any() else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    middle = ((edges[:-1] + edges[1:]) / 2).astype(np.float32)
    figure = go.Figure(layout=layout(dark, 220))
    for name, mask, colour in (("all", finite, grey(dark)), ("kept", finite & kept, accent(dark))):
        counts = np.histogram(np.clip(values[mask], low, high), edges)[0].astype(np.int32)
        figure.add_bar(x=middle, y=counts, name=name, marker={"color": colour, "line": {"width": 0}})
    figure.update_traces(hovertemplate="%{y:,} at %{x:.3g}<extra>%{fullData.name}</extra>")
    figure.update_layout(barmode="overlay", bargap=0.06)
    figure.update_xaxes(title=charted(title), showgrid=False, zeroline=False)
    figure.update_yaxes(nticks=4, gridcolor=faint(dark), zeroline=False)
    return figure


def class_bars(names: Sequence[str], total: np.ndarray, kept: np.ndarray, *, dark: bool = False) -> go.Figure:
    """What each class keeps and loses. total, kept: int [C]. As tall as C asks for: let its container scroll."""
    total, kept = np.asarray(total, np.int32), np.asarray(kept, np.int32)
    labels = [charted(name) for name in names]
    share = [f"{k:,} of {t:,}" for k, t in zip(kept.tolist(), total.tolist(), strict=True)]
    figure = go.Figure(layout=layout(dark, 56 + 24 * len(labels)))
    bar = {
        "orientation": "h",
        "y": labels,
        "customdata": share,
        "hovertemplate": "%{y}: %{customdata} kept<extra></extra>",
    }
    figure.add_bar(x=kept, name="kept", marker={"color": accent(dark)}, **bar)
    figure.add_bar(
        x=total - kept,
        name="lost",
        marker={"color": grey(dark)},
        text=share,
        textposition="outside",
        cliponaxis=False,
        **bar,
    )
    figure.update_layout(
        barmode="stack", bargap=0.3, legend_traceorder="normal", margin={"l": 0, "r": 90, "t": 28, "b": 0}
    )
    figure.update_xaxes(visible=False, range=[0, max(int(total.max(initial=0)), 1) * 1.02])
    figure.update_yaxes(autorange="reversed", ticks="", automargin=True, type="category")
    return figure
