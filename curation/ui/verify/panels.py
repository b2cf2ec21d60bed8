"""One map, four panels: the classes, the difficulty of every item, and what two ways of pruning keep of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from curation.ui.parts import chart_style, charts
from curation.ui.parts.theme import charted

CAP = 8_000  # points per panel: four of them are drawn


def four_panels(
    xy: np.ndarray,
    rows: np.ndarray,
    codes: np.ndarray,
    names: Sequence[str],
    difficulty: np.ndarray,
    subsets: Sequence[tuple[str, np.ndarray]],
    *,
    dark: bool = False,
    height: int = 820,
) -> go.Figure:
    """xy [n, 2], codes int [n] into names, difficulty [n]; rows: the items to draw; subsets: two (title, item rows).

    Marker size is difficulty everywhere; what a subset leaves out is faint.
    """
    rows = rows if len(rows) <= CAP else np.sort(np.random.default_rng(0).choice(rows, CAP, replace=False))
    titles = ["classes", "marker size = difficulty", *(charted(title) for title, _ in subsets)]
    figure = make_subplots(
        rows=2, cols=2, subplot_titles=titles, horizontal_spacing=0.02, vertical_spacing=0.05,
        shared_xaxes="all", shared_yaxes="all",
    )  # fmt: skip
    layout = chart_style.layout(dark, height)
    legend = {**layout["legend"], "y": 0, "yanchor": "top", "itemsizing": "constant"}  # below, titles stand above
    figure.update_layout({**layout, "showlegend": True, "legend": legend})
    colours = charts.colour_map(names, np.bincount(codes[rows], minlength=len(names)))
    palette = np.array([colours[name] for name in names], dtype=object)
    size = charts.marker_sizes(difficulty, drawn=len(rows))
    faint = chart_style.faint(dark)
    for code in np.unique(codes[rows]):  # panel 1, whose legend serves all
        part = rows[codes[rows] == code]
        _points(figure, xy, part, 5.0, palette[code], name=charted(names[code]), row=1, col=1, legend=True)
    _points(figure, xy, rows, size[rows], list(palette[codes[rows]]), row=1, col=2)
    for col, (_, subset) in enumerate(subsets, start=1):
        inside = np.isin(rows, subset)
        _points(figure, xy, rows[~inside], 3.0, faint, row=2, col=col)
        _points(figure, xy, rows[inside], size[rows[inside]], list(palette[codes[rows[inside]]]), row=2, col=col)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _points(figure, xy, part, size, colour, *, row: int, col: int, name: str = "", legend: bool = False) -> None:
    figure.add_trace(
        go.Scattergl(
            x=xy[part, 0].astype(np.float32),
            y=xy[part, 1].astype(np.float32),
            mode="markers",
            name=name,
            showlegend=legend,
            hoverinfo="skip",
            marker={"size": size, "color": colour, "opacity": 0.85, "line": {"width": 0}},
        ),
        row=row,
        col=col,
    )
