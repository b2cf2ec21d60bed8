"""The learning curve as a figure: arrays in, one plotly figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from curation.maths.fitting.learning_curve import Curve, Refusal
from curation.ui.parts import chart_style
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted

Intervals = Mapping[tuple[str, int], tuple[float, float]]  # (method, items) -> the ends around its accuracy

_POINTS = 80  # at which the line is drawn


@dataclass(frozen=True)
class Selected:
    """A selection to hold against the curve: n items, the accuracy of the student trained on them, one per seed."""

    method: str
    n: int
    accuracies: Sequence[float]


def curve_figure(
    curve: Curve | Refusal,
    *,
    runs: dict[int, Sequence[float]] | None = None,
    selected: Sequence[Selected] = (),
    predict: float | None = None,
    intervals: Intervals | None = None,
    dark: bool = False,
    height: int = 420,
) -> go.Figure:
    """Test accuracy against the number of items, random subsets as points, the fitted law as a line with its bands.

    runs: accuracies of random subsets by size, drawn when the curve was refused; else the curve's own are drawn.
    selected: every method's points, each with how many random items one of its is worth in the hover text.
    intervals: of "random" and the methods; where there is none, a standard deviation over the seeds to either side.
    predict: a size to mark on the curve. Beyond the largest size measured the line is dotted. A refusal draws the
    points alone: its sentence belongs beside the chart.
    """
    figure = go.Figure(layout=chart_style.layout(dark, height))
    fitted = isinstance(curve, Curve)
    if fitted:
        sizes, mean, sd = curve.sizes, 1 - curve.mean, curve.sd
        counts = curve.seeds
    else:
        sizes = np.array(sorted(runs or {}), np.float64)
        groups = [np.asarray(runs[n], np.float64) for n in sorted(runs or {})]
        mean, counts = np.array([g.mean() for g in groups]), np.array([len(g) for g in groups])
        sd = np.array([g.std(ddof=1) if len(g) > 1 else 0.0 for g in groups])
    ink = chart_style.ink(dark)
    reach = [*sizes, *(s.n for s in selected), *([predict] if predict else [])]
    if fitted:
        _law(figure, curve, np.array(reach), ink)
    figure.add_scatter(
        x=sizes, y=mean, mode="markers", name="random",
        marker={"size": 9, "symbol": "circle-open", "color": OTHER, "line": {"width": 2}},
        **_spread("random", sizes, mean, sd, intervals, OTHER),
        customdata=counts,
        hovertemplate="%{y:.1%} on %{x:,} random items, %{customdata} seeds<extra></extra>",
    )  # fmt: skip
    for i, method in enumerate(dict.fromkeys(s.method for s in selected)):
        _selection(figure, curve, [s for s in selected if s.method == method], i, intervals)
    if fitted and predict:
        _prediction(figure, curve, predict, ink)
    figure.update_xaxes(
        type="log", title="training items", showgrid=False, zeroline=False, tickformat=",", automargin=True,
        **_ticks(np.array(reach, np.float64)),
    )  # fmt: skip
    figure.update_yaxes(
        title="accuracy", tickformat=".0%", gridcolor=chart_style.faint(dark), zeroline=False, automargin=True
    )
    figure.update_layout(legend_itemsizing="trace")
    return figure


def _law(figure: go.Figure, curve: Curve, reach: np.ndarray, ink: str) -> None:
    """Bands from the widest to the narrowest, then the line: solid where it was measured, dotted beyond."""
    n = np.geomspace(reach.min(), reach.max(), _POINTS)
    for level, strength in ((0.95, 0.10), (0.80, 0.16)):
        low, high = curve.band(n, level)
        if np.isnan(low).any():
            continue
        figure.add_scatter(
            x=np.concatenate([n, n[::-1]]), y=1 - np.concatenate([low, high[::-1]]), mode="lines", fill="toself",
            fillcolor=chart_style.faded(ink, strength), line={"width": 0}, name=f"{level:.0%} band", hoverinfo="skip",
        )  # fmt: skip
    top = curve.sizes[-1]
    for name, part, dash in (("curve", n[n < top], "solid"), ("prediction", n[n > top], "dot")):
        if len(part):
            x = np.append(part, top) if dash == "solid" else np.append(top, part)
            figure.add_scatter(
                x=x, y=curve.accuracy(x), mode="lines", name=name, line={"color": ink, "width": 2, "dash": dash},
                hovertemplate="%{y:.1%} predicted on %{x:,.0f} random items<extra></extra>",
            )  # fmt: skip


def _selection(
    figure: go.Figure, curve: Curve | Refusal, points: list[Selected], i: int, intervals: Intervals | None
) -> None:
    points = sorted(points, key=lambda s: s.n)
    runs = [np.asarray(s.accuracies, np.float64) for s in points]
    sd = [float(r.std(ddof=1)) if len(r) > 1 else 0.0 for r in runs]
    worth = (
        [curve.multiplier(1 - r, s.n) for s, r in zip(points, runs, strict=True)] if isinstance(curve, Curve) else []
    )
    words = [f"worth {w} as many random items" for w in worth] or [""] * len(points)
    colour = CLASS_COLOURS[i % len(CLASS_COLOURS)]
    apart = 1.02 ** ((i // 2 + 1) * (-1) ** i)  # beside the random ones and each other, so that no bar hides another
    figure.add_scatter(
        x=[s.n * apart for s in points], y=[float(r.mean()) for r in runs], name=charted(points[0].method),
        mode="markers+text", text=["> max" if np.isinf(w.value) else f"{w.value:.1f}x" for w in worth],
        textposition="top left" if apart < 1 else "top right", cliponaxis=False, textfont={"size": 11, "color": colour},
        marker={"size": 9, "symbol": chart_style.SYMBOLS[(i + 1) % len(chart_style.SYMBOLS)], "color": colour},
        **_spread(points[0].method, [s.n for s in points], [float(r.mean()) for r in runs], sd, intervals, colour),
        customdata=[[len(r), w, s.n] for r, w, s in zip(runs, words, points, strict=True)],
        hovertemplate="%{y:.1%} on %{customdata[2]:,} items, %{customdata[0]} seeds<br>%{customdata[1]}"
        "<extra>%{fullData.name}</extra>",
    )  # fmt: skip


def _spread(
    method: str,
    sizes: Sequence[float],
    mean: Sequence[float],
    sd: Sequence[float],
    intervals: Intervals | None,
    colour: str,
) -> dict:
    """The error bars of some points."""
    given = intervals or {}
    ends = [given.get((method, int(n)), (m - s, m + s)) for n, m, s in zip(sizes, mean, sd, strict=True)]
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [high - m for (_, high), m in zip(ends, mean, strict=True)],
        "arrayminus": [m - low for (low, _), m in zip(ends, mean, strict=True)],
    }
    return {"error_y": {**bars, "thickness": 1.4, "width": 5, "color": colour}}


def _prediction(figure: go.Figure, curve: Curve, n: float, ink: str) -> None:
    low, high = curve.band(n, 0.95)
    at = float(curve.accuracy(n))
    band = "" if np.isnan(low) else f" ({1 - high:.1%} to {1 - low:.1%})"
    figure.add_scatter(
        x=[n], y=[at], mode="markers", name="", showlegend=False, hoverinfo="skip",
        marker={"size": 13, "symbol": "star", "color": ink},
    )  # fmt: skip
    figure.add_annotation(
        x=float(np.log10(n)), y=at, text=f"{n:,.0f} items: {at:.1%}{band}", showarrow=False, yshift=18,
        xanchor="right" if n > np.sqrt(curve.sizes[0] * curve.sizes[-1]) else "left", font={"size": 12},
    )  # fmt: skip


def _ticks(n: np.ndarray) -> dict:
    """1, 2 and 5 of every decade that is shown: a log axis of one decade would else have one number on it."""
    if len(n) == 0:
        return {}
    low, high = np.log10(n.min()), np.log10(n.max())
    room = 0.05 * max(high - low, 0.3)
    marks = [m * 10.0**e for e in range(int(np.floor(low)) - 1, int(np.ceil(high)) + 1) for m in (1, 2, 5)]
    marks = [m for m in marks if low - room <= np.log10(m) <= high + room]
    return {"range": [low - room, high + room], "tickvals": marks, "ticktext": [f"{m:,.0f}" for m in marks]}
