"""Test accuracy against the share kept, as a figure: a line per method, with random subsets and the full data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from curation.ui.parts.chart_style import SYMBOLS, faint, ink, layout
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted


def accuracy_figure(
    runs: Sequence[Mapping], *, measure: str = "accuracy", dark: bool = False, height: int = 420
) -> go.Figure:
    """Test accuracy against the share kept: a line per method, mean and standard deviation over the seeds.

    runs: one mapping per training run with `method`, `share` (0..1), `seed` and `measure`. The method "full" becomes a
    level band; "random" is always dashed grey. Points of several methods at one share are set slightly apart.
    """
    figure = go.Figure(layout=layout(dark, height))
    groups: dict[str, dict[float, list[float]]] = {}
    for run in runs:
        groups.setdefault(run["method"], {}).setdefault(float(run["share"]), []).append(float(run[measure]))
    full = [value for values in groups.pop("full", {}).values() for value in values]
    shares = sorted({share for group in groups.values() for share in group}) or [1.0]
    step = 0.012 * max(shares[-1] - shares[0], 0.25)
    order = sorted(groups, key=lambda name: name == "random")  # random is listed last
    ends: list[float] = []  # of the error bars
    for i, name in enumerate(order):
        group = sorted(groups[name].items())
        mean = [float(np.mean(values)) for _, values in group]
        spread = [float(np.std(values, ddof=1)) if len(values) > 1 else 0.0 for _, values in group]
        ends += [m + sign * sd for m, sd in zip(mean, spread, strict=True) for sign in (-1, 1)]
        random = name == "random"
        colour = OTHER if random else CLASS_COLOURS[i % len(CLASS_COLOURS)]
        figure.add_scatter(
            x=[share + (i - (len(order) - 1) / 2) * step for share, _ in group],
            y=mean,
            mode="lines+markers",
            name=charted(name),
            line={"color": colour, "width": 2.2, "dash": "dash" if random else "solid"},
            marker={"size": 9, "symbol": "circle-open" if random else SYMBOLS[i % len(SYMBOLS)]},
            error_y={"type": "data", "array": spread, "thickness": 1.4, "width": 5, "color": colour},
            customdata=[[share, sd, len(values)] for (share, values), sd in zip(group, spread, strict=True)],
            hovertemplate="%{y:.1%} ± %{customdata[1]:.1%}, keeping %{customdata[0]:.0%}, "
            "%{customdata[2]} seeds<extra>%{fullData.name}</extra>",
        )
    if full:
        level, sd = float(np.mean(full)), float(np.std(full, ddof=1)) if len(full) > 1 else 0.0
        ends += [level - sd, level + sd]
        figure.add_hrect(y0=level - sd, y1=level + sd, fillcolor=ink(dark), opacity=0.1, line_width=0, layer="below")
        figure.add_hline(y=level, line={"color": ink(dark), "width": 1, "dash": "dot"}, layer="below")
        figure.add_annotation(
            text=f"full data: {level:.1%}", x=0, xref="paper", xanchor="left", y=level + sd, yanchor="bottom",
            showarrow=False, font={"size": 12},
        )  # fmt: skip
    room = 0.08 * max(max(ends, default=1) - min(ends, default=0), 0.02)
    figure.update_xaxes(
        title="share of training items kept", tickvals=shares, tickformat=".0%", showgrid=False, zeroline=False,
        range=[shares[0] - 4 * step, shares[-1] + 4 * step],
    )  # fmt: skip
    figure.update_yaxes(
        title=charted(measure.replace("_", " ")), tickformat=".0%", gridcolor=faint(dark), zeroline=False,
        range=[min(ends, default=0) - room, max(ends, default=1) + 1.5 * room],
    )  # fmt: skip
    figure.update_layout(legend_itemsizing="trace")
    return figure
