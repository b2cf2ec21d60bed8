"""Accuracy against labels: curves of a person's own batches and of simulations, as a figure, a table and in words.

Pure functions; the page draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from curation.engine.trials import FULL, RANDOM
from curation.ui.grow import own_labels
from curation.ui.parts import chart_style
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted, literal

YOURS = "your labels"
MEASURES = {
    "accuracy": "Accuracy",
    "average_precision": "Average precision",
    "worst_class": "Worst class",
    "positives": "Positives found",
}
AGAINST = {"labels": "Labels", "cost": "Cost"}


def own_points(cards: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for every batch a person was shown, in the form of a simulation's rows."""
    names = [*MEASURES, "precisions", "fraction_considered", "score_ops", "fit_seconds", "pick_seconds"]
    return [
        {"method": YOURS, "seed": 0, "round": number, "labels": card["labelled"], "cost": card["spent"]}
        | {name: card[name] for name in names if card.get(name) is not None}
        for number, card in enumerate(cards)
    ]


def measures(rows: Sequence[Mapping]) -> list[str]:
    """The `MEASURES` that at least one row has."""
    return [name for name in MEASURES if any(row.get(name) is not None for row in rows)]


def priced(rows: Sequence[Mapping]) -> bool:
    """Whether items differ in cost, so that a curve against cost differs from one against labels."""
    return any(row["labels"] != row["cost"] for row in rows)


def curves(rows: Sequence[Mapping], measure: str, against: str) -> dict[str, list[tuple[float, float, float, int]]]:
    """method -> (where, mean, standard deviation, seeds) of each round that has the measure, in order.

    >>> rows = [{"method": "margin", "round": 0, "labels": 10, "accuracy": a} for a in (0.5, 0.7)]
    >>> [(x, round(mean, 2), round(sd, 2), n) for x, mean, sd, n in curves(rows, "accuracy", "labels")["margin"]]
    [(10.0, 0.6, 0.14, 2)]
    """
    groups: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for row in rows:
        if row.get(measure) is not None:
            groups.setdefault(row["method"], {}).setdefault(row["round"], []).append((row[against], row[measure]))
    made = {}
    for method, rounds in groups.items():
        lines = []
        for _, points in sorted(rounds.items()):
            x, y = np.array(points, np.float64).T
            lines.append((float(x.mean()), float(y.mean()), float(y.std(ddof=1)) if len(y) > 1 else 0.0, len(y)))
        made[method] = lines
    return made


def growth_figure(
    rows: Sequence[Mapping],
    *,
    measure: str = "accuracy",
    against: str = "labels",
    dark: bool = False,
    height: int = 400,
) -> go.Figure:
    """A line per strategy with a band of one standard deviation over the seeds; a person's own labels are a thick
    line, random is dashed grey, everything labelled is a level line. rows: as `growth.rows` and `own_points` give."""
    figure = go.Figure(layout=chart_style.layout(dark, height))
    made = curves(rows, measure, against)
    full = made.pop(FULL, None)
    share, ink = measure != "positives", chart_style.ink(dark)
    shown = "%{y:.1%} ± %{customdata[0]:.1%}" if share else "%{y:,.0f} ± %{customdata[0]:,.1f}"
    order = sorted(made, key=lambda name: (name == YOURS, name != RANDOM))  # a person's own on top
    others = [name for name in made if name not in (YOURS, RANDOM)]
    for name in order:
        x, mean, sd, seeds = (np.array(column) for column in zip(*made[name], strict=True))
        colour = ink if name == YOURS else OTHER if name == RANDOM else CLASS_COLOURS[others.index(name) % 10]
        if sd.any() and len(x) > 1:
            figure.add_scatter(
                x=np.concatenate([x, x[::-1]]), y=np.concatenate([mean - sd, (mean + sd)[::-1]]), mode="lines",
                fill="toself", line={"width": 0}, fillcolor=chart_style.faded(colour, 0.18), hoverinfo="skip",
                showlegend=False, legendgroup=name,
            )  # fmt: skip
        figure.add_scatter(
            x=x, y=mean, mode="lines+markers", name=charted(name), legendgroup=name,
            line={"color": colour, "width": 3 if name == YOURS else 2.2, "dash": "dash" if name == RANDOM else "solid"},
            marker={"size": 8 if name == YOURS else 6, "symbol": "circle-open" if name == RANDOM else "circle"},
            customdata=np.stack([sd, seeds], axis=1),
            hovertemplate=f"{shown} at %{{x:,}} {against}, %{{customdata[1]}} seeds<extra>%{{fullData.name}}</extra>",
        )  # fmt: skip
    if full and share:
        level = full[0][1]
        figure.add_hline(y=level, line={"color": ink, "width": 1, "dash": "dot"}, layer="below")
        figure.add_annotation(
            text=f"everything labelled: {level:.1%}", x=0, xref="paper", xanchor="left", y=level, yanchor="bottom",
            showarrow=False, font={"size": 12},
        )  # fmt: skip
    figure.update_xaxes(
        title=AGAINST[against].lower(), showgrid=False, zeroline=False, tickformat=",", rangemode="tozero"
    )  # fmt: skip
    figure.update_yaxes(
        title=MEASURES[measure].lower(), tickformat=".0%" if share else ",", gridcolor=chart_style.faint(dark),
        zeroline=False, automargin=True, range=_range(made, full, share),
    )  # fmt: skip
    figure.update_layout(legend_itemsizing="trace")
    return figure


def table(rows: Sequence[Mapping]) -> pd.DataFrame:
    """Every strategy after its last round: mean and standard deviation over the seeds."""
    last: dict[str, dict[int, Mapping]] = {}
    for row in rows:
        last.setdefault(row["method"], {})[row["seed"]] = row
    order = sorted(last, key=lambda name: (name == FULL, name == RANDOM, name))
    made: dict[str, list] = {"strategy": order, "labels": [f"{_mean(last[m], 'labels'):,.0f}" for m in order]}
    if priced(rows):
        made["cost"] = [f"{_mean(last[m], 'cost'):,.0f}" for m in order]
    for name in measures(rows):
        made[MEASURES[name].lower()] = [_spread(last[m], name) for m in order]
    random = last.get(RANDOM, {})
    if random and "accuracy" in measures(rows):
        made["against random"] = [_gain(last[m], random) if m not in (RANDOM, FULL, YOURS) else "" for m in order]
    if any(_mean(last[m], "fraction_considered") < 1 for m in order if m not in (RANDOM, FULL)):
        made["considered"] = [_considered(last[m]) if m not in (RANDOM, FULL) else "" for m in order]
    made["fit"] = [f"{_mean(last[m], 'fit_seconds'):.2f} s" for m in order]
    made["seeds"] = [f"{len(last[m])}" for m in order]
    return pd.DataFrame(made)


def per_class(rows: Sequence[Mapping], classes: Sequence[str]) -> pd.DataFrame:
    """Average precision of every class after the last round of each strategy, the mean over the seeds.

    A strategy whose rounds knew other classes is left out.
    """
    last: dict[str, dict[int, Sequence]] = {}
    for row in rows:
        if len(row.get("precisions") or ()) == len(classes):
            last.setdefault(row["method"], {})[row["seed"]] = row["precisions"]
    made: dict[str, list] = {"class": [literal(name) for name in classes]}
    for method, seeds in last.items():
        values = np.array(list(seeds.values()), np.float64)  # None, a class without test items, becomes NaN
        made[method] = ["–" if np.isnan(v).any() else f"{100 * v.mean():.1f}" for v in values.T]
    return pd.DataFrame(made)


def worth(rows: Sequence[Mapping], use: str, more: int = 500) -> own_labels.Worth:
    """What the next labels are worth, estimated from the batches a person was shown or else from the simulation of the
    same strategy. The sentence says which."""
    own = own_labels.worth([row for row in rows if row["method"] == YOURS], more)
    simulated = curves(rows, "accuracy", "labels").get(use, [])
    if own.gain is not None or not simulated:
        return own
    found = own_labels.worth([{"labels": round(x), "accuracy": mean} for x, mean, _, _ in simulated], more)
    if found.gain is None:
        return own
    words = f"By the simulation of {use}, from {simulated[-1][0]:,.0f} labels on: "
    return own_labels.Worth(found.gain, more, words + found.sentence[:1].lower() + found.sentence[1:])


def _range(made: Mapping[str, list], full: list | None, share: bool) -> list[float]:
    """From the lowest to the highest end of a band, with some room; never so narrow that noise looks like a rise."""
    lines = [*made.values(), *([full] if full and share else [])]
    ends = [mean + sign * sd for line in lines for _, mean, sd, _ in line for sign in (-1, 1)]
    room = 0.06 * max(max(ends) - min(ends), 0.1 if share else 1.0) + (0.02 if share else 0.0)
    return [min(ends) - room, max(ends) + room]


def _mean(rows: Mapping[int, Mapping], name: str) -> float:
    values = [row[name] for row in rows.values() if row.get(name) is not None]
    return float(np.mean(values)) if values else float("nan")


def _spread(rows: Mapping[int, Mapping], name: str) -> str:
    values = [row[name] for row in rows.values() if row.get(name) is not None]
    if not values:
        return "–"
    scale, digits = (1, 0) if name == "positives" else (100, 1)
    sd = f" ± {scale * np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * np.mean(values):,.{digits}f}{sd}"


def _gain(rows: Mapping[int, Mapping], random: Mapping[int, Mapping]) -> str:
    """Points of accuracy above random of the same seed, and their standard deviation."""
    pairs = [
        rows[seed]["accuracy"] - random[seed]["accuracy"]
        for seed in rows.keys() & random.keys()
        if None not in (rows[seed].get("accuracy"), random[seed].get("accuracy"))
    ]
    if not pairs:
        return "–"
    sd = f" ± {100 * np.std(pairs, ddof=1):.1f}" if len(pairs) > 1 else ""
    return f"{100 * np.mean(pairs):+.1f}{sd}"


def _considered(rows: Mapping[int, Mapping]) -> str:
    share = _mean(rows, "fraction_considered")
    return "–" if np.isnan(share) else f"{share:.0%}"
