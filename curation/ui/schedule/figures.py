"""The figures of the schedule as plain functions: runs in, one plotly figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from curation.engine.stages.schedule import RS2
from curation.engine.trials import FULL
from curation.ui.parts import chart_style
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted
from curation.ui.schedule.comparison import Cell

_POINTS = 40  # passes at which runs with epochs of different lengths are averaged


def over_passes(runs: Sequence[Mapping], what: str, *, dark: bool = False, height: int = 400) -> go.Figure:
    """ "accuracy" or "noise" of every sampler against the passes used, as a share of those of everything: the mean over
    the seeds with a band of one standard deviation. runs: finished, at one share, and everything."""
    figure = go.Figure(layout=chart_style.layout(dark, height))
    whole = max((run["epochs"]["passes"][-1] for run in runs), default=1.0)
    groups: dict[str, list[Mapping]] = {}
    for run in runs:
        if run["epochs"][what] is not None:
            groups.setdefault(run["sampler"], []).append(run["epochs"])
    for name, colour in _colours(groups, dark).items():
        x, mean, sd = _averaged(groups[name], what)
        x = x / whole
        if sd.any():
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]), y=np.concatenate([mean - sd, (mean + sd)[::-1]]), mode="lines",
                fill="toself", line={"width": 0}, fillcolor=chart_style.faded(colour, 0.16), hoverinfo="skip",
                showlegend=False, legendgroup=name,
            )  # fmt: skip
        figure.add_scatter(
            x=x, y=mean, mode="lines", name=charted(name), legendgroup=name,
            line={"color": colour, "width": 2.2, "dash": {RS2: "dash", FULL: "dot"}.get(name, "solid")},
            customdata=np.stack([sd, np.full(len(x), len(groups[name]))], axis=1),
            hovertemplate="%{y:.1%} ± %{customdata[0]:.1%} after %{x:.0%}, %{customdata[1]} seeds"
            "<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    title = {"accuracy": "test accuracy", "noise": "wrong labels among what is taken"}[what]
    _axes(figure, "passes used, of those of everything", title, dark)
    return figure


def usage(used: Mapping[str, Sequence[np.ndarray]], *, dark: bool = False, height: int = 400) -> go.Figure:
    """Share of the items against how often they were trained on, a line per sampler, the mean over the seeds.

    used: sampler -> one array int [m] a seed.
    """
    figure = go.Figure(layout=chart_style.layout(dark, height))
    last = max((int(times.max(initial=0)) for seeds in used.values() for times in seeds), default=0)
    for name, colour in _colours(used, dark).items():
        shares = [np.bincount(times, minlength=last + 1) / max(len(times), 1) for times in used[name]]
        figure.add_scatter(
            x=np.arange(last + 1), y=np.mean(shares, axis=0), mode="lines+markers", name=charted(name),
            line={"color": colour, "width": 2.2, "shape": "hvh", "dash": "dash" if name == RS2 else "solid"},
            marker={"size": 5},
            hovertemplate="%{y:.1%} of the items were trained on %{x} times<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    _axes(figure, "times an item was trained on", "share of the items", dark)
    figure.update_xaxes(tickformat="d")
    return figure


def times(made: Sequence[Cell], *, dark: bool = False) -> go.Figure:
    """Seconds of a run, a bar per sampler: what it stands on, choosing, and training. made: cells of one share, and
    everything."""
    order = sorted(made, key=lambda c: c.prepare_seconds + c.choose_seconds + c.train_seconds)
    figure = go.Figure(layout=chart_style.layout(dark, 90 + 30 * len(order)))
    parts = (
        ("preparing, once", "prepare_seconds", CLASS_COLOURS[1]),
        ("choosing", "choose_seconds", CLASS_COLOURS[0]),
        ("training", "train_seconds", chart_style.grey(dark)),
    )
    for name, field, colour in parts:
        figure.add_bar(
            x=[getattr(cell, field) for cell in order], y=[charted(cell.sampler) for cell in order], orientation="h",
            name=name, marker={"color": colour, "line": {"width": 0}},
            hovertemplate="%{x:.2f} s<extra>%{y}: %{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.3, legend_traceorder="normal")
    figure.update_xaxes(title="seconds, the mean over the seeds", gridcolor=chart_style.faint(dark), zeroline=False)
    figure.update_yaxes(automargin=True, type="category", ticksuffix="  ")
    return figure


# ------------------------------------------------------------------------------------------------------------


def _averaged(epochs: Sequence[Mapping], what: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(passes, mean, standard deviation) where all of these runs have something to say."""
    first, last = (f(e["passes"][at] for e in epochs) for f, at in ((max, 0), (min, -1)))
    x = np.unique(np.linspace(min(first, last), last, _POINTS))
    y = np.stack([np.interp(x, e["passes"], e[what]) for e in epochs])
    return x, y.mean(axis=0), y.std(axis=0, ddof=1) if len(y) > 1 else np.zeros(len(x))


def _colours(names: Mapping, dark: bool) -> dict[str, str]:
    """A colour per sampler, baselines in ink and grey, in the order they are drawn: the recipe's own on top."""
    own = sorted(name for name in names if name not in (RS2, FULL))
    fixed = {name: colour for name, colour in ((FULL, chart_style.ink(dark)), (RS2, OTHER)) if name in names}
    return fixed | {name: CLASS_COLOURS[i % len(CLASS_COLOURS)] for i, name in enumerate(own)}


def _axes(figure: go.Figure, x: str, y: str, dark: bool) -> None:
    figure.update_xaxes(title=x, tickformat=".0%", showgrid=False, zeroline=False, automargin=True, rangemode="tozero")
    figure.update_yaxes(title=y, tickformat=".0%", gridcolor=chart_style.faint(dark), zeroline=False, automargin=True)
