"""Plotly figures as plain functions of arrays: same arrays, same bytes, so a zoom or a lasso survives a rerun.

`dark` picks lines and ramps that read on a dark page. Names in hover texts, legends and ticks are escaped: they are
never read as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from curation.ui.parts.chart_style import accent, faint, grey, layout
from curation.ui.parts.theme import CLASS_COLOURS, OTHER, charted

# How every chart is shown: `st.plotly_chart(figure, config=CONFIG)`. The lasso is a visible button, the wheel zooms,
# and a drawn lasso has no handles to drag by accident.
CONFIG = {
    "displaylogo": False,
    "displayModeBar": True,
    "scrollZoom": True,
    "editSelection": False,
    "modeBarButtonsToRemove": ["zoomIn2d", "zoomOut2d", "autoScale2d", "toImage"],
}
QUIET = {"displaylogo": False, "displayModeBar": False}  # for charts that are only looked at


def picture(name: str) -> dict:
    """For charts a person may want in a paper: hovering shows one button, which saves an svg."""
    return {
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }


# Viridis (van der Walt & Smith 2015), cut so that high values stand out and low ones stay visible on the page.
_RAMP = ("#440154", "#472D7B", "#3B528B", "#2C728E", "#21918C", "#28AE80", "#5EC962", "#ADDC30", "#FDE725")


@dataclass(frozen=True)
class Categories:
    """Colour by kind. names: C of them; codes: int [n], -1 = none; colours: of each name, default `colour_map`."""

    names: Sequence[str]
    codes: np.ndarray
    colours: Mapping[str, str] | None = None
    none: str = "no label"


@dataclass(frozen=True)
class Ramp:
    """Colour by number. values: float [n], high stands out; title: of the colour bar."""

    values: np.ndarray
    title: str


def colour_map(names: Sequence[str], counts: Sequence[int] | None = None) -> dict[str, str]:
    """A colour for every name. With more than ten, the ten largest by `counts` (else the first ten) are told apart
    and the others share one grey: more hues than that nobody can tell apart.

    >>> colour_map(["cat", "dog"])
    {'cat': '#3477BC', 'dog': '#E97D37'}
    """
    order = range(len(names))
    if counts is not None and len(names) > len(CLASS_COLOURS):
        order = np.argsort(-np.asarray(counts), kind="stable")
    first = sorted(int(i) for i in list(order)[: len(CLASS_COLOURS)])
    colours = dict.fromkeys(names, OTHER)
    colours.update((names[i], colour) for i, colour in zip(first, CLASS_COLOURS, strict=False))
    return colours


# -- the map -----------------------------------------------------------------------------------------------


def map_figure(
    xy: np.ndarray,
    colour: Categories | Ramp,
    *,
    difficulty: np.ndarray | None = None,
    flagged: np.ndarray | None = None,
    hover: Mapping[str, np.ndarray] | None = None,
    rows: np.ndarray | None = None,
    dark: bool = False,
    height: int = 660,
) -> go.Figure:
    """Every item a point: place = xy [n, 2], size = difficulty [n], colour as told, flagged [n] = outlined diamond.

    One WebGL trace per class and flag, so that a double click in the legend leaves one class. Each point carries its
    row number (`points` reads it back). Sizes come from `marker_sizes`, over all n items, so they do not change with
    what is drawn. hover: lines of the hover text, each an array [n]; the first is set bold.
    rows: which items to draw, default all; see `sample_rows`.
    """
    rows = np.arange(len(xy)) if rows is None else np.asarray(rows)
    xy = np.asarray(xy, dtype=np.float32)
    flagged = np.zeros(len(xy), bool) if flagged is None else np.asarray(flagged, bool)
    sizes = marker_sizes(np.zeros(len(xy)) if difficulty is None else difficulty, drawn=len(rows)).astype(np.float32)
    many = len(rows) > 5_000
    ink = "#F2F5F8" if dark else "#141B22"
    edge = "#F0562B" if isinstance(colour, Ramp) else ink  # a ramp may end in the colour of the ink
    traces: list[go.Scattergl] = []
    for mark in (False, True):  # flagged ones are drawn last, on top
        for group, (name, members, marker) in enumerate(_groups(colour, rows)):
            part = members[flagged[members] == mark]
            if len(part) == 0:
                continue
            looks = {
                "size": np.maximum(sizes[part], 5.5 if many else 8) if mark else sizes[part],
                "symbol": "diamond" if mark else "circle",
                "opacity": 1 if mark else 0.8,
                "line": {"width": (1 if many else 1.5) if mark else 0, "color": edge},
            }
            values = {"color": np.asarray(colour.values, np.float32)[part]} if isinstance(colour, Ramp) else {}
            traces.append(
                go.Scattergl(
                    x=xy[part, 0],
                    y=xy[part, 1],
                    mode="markers",
                    customdata=part.astype(np.int32)[:, None],
                    name=charted(name),
                    legendgroup=str(group),
                    legendrank=2000 if marker.get("color") == OTHER else 1000,
                    showlegend=all(trace.legendgroup != str(group) for trace in traces),
                    marker={**looks, **marker, **values},
                    selected={"marker": {"opacity": 1}},
                    unselected={"marker": {"opacity": 0.1}},
                    hovertext=_hover_lines(hover, part),
                    hovertemplate="%{hovertext}<extra></extra>" if hover else None,
                    hoverinfo=None if hover else "skip",
                )
            )

    look = layout(dark, height)
    look.update(
        dragmode="lasso",
        hovermode="closest",
        uirevision="map",
        # Fixed ranges: leaving one class in the legend must not move the map.
        xaxis={"visible": False, "range": _span(xy[:, 0])},
        yaxis={"visible": False, "range": _span(xy[:, 1]), "scaleanchor": "x"},
        margin={"l": 0, "r": 0, "t": 30, "b": 0},
        newselection={"line": {"color": ink, "width": 1.2, "dash": "dot"}},
        showlegend=isinstance(colour, Categories),
        legend={**look["legend"], "y": 0, "yanchor": "top"},
        annotations=_key(ink, flagged[rows].any(), difficulty is not None),
    )
    if isinstance(colour, Ramp):
        ramp = _RAMP[2:] if dark else _RAMP[7::-1]
        title = {"text": charted(colour.title), "side": "right"}
        look["coloraxis"] = {
            "colorscale": [[i / (len(ramp) - 1), shade] for i, shade in enumerate(ramp)],
            "colorbar": {"title": title, "thickness": 10, "len": 0.7, "outlinewidth": 0},
        }
    return go.Figure(traces, look)


def marker_sizes(difficulty: np.ndarray, drawn: int | None = None) -> np.ndarray:
    """Diameters in pixels, float64 [n]: smallest + (largest - smallest) * p^2, p = share of items that are easier.

    Ranks instead of values, so one extreme score does not flatten the rest; the square keeps the easy half small and
    lets the hardest tenth stand out. smallest = 13 - 2.6 log10(points drawn), held within 3 and 7; largest = 2.8 times
    that: 5.2 to 14.6 pixels for 1,000 points, 3 to 8.4 for 10,000 and more. Equal or unknown difficulty: all the same.
    """
    difficulty = np.asarray(difficulty, dtype=np.float64)
    smallest = float(np.clip(13 - 2.6 * np.log10(max(drawn or len(difficulty), 1)), 3, 7))
    known = np.sort(difficulty[np.isfinite(difficulty)])
    if len(known) == 0 or known[0] == known[-1]:
        return np.full(len(difficulty), 1.4 * smallest)
    share = np.searchsorted(known, np.nan_to_num(difficulty, nan=known[0])) / (len(known) - 1)
    return smallest + 1.8 * smallest * np.clip(share, 0, 1) ** 2


def sample_rows(
    n: int, cap: int = 20_000, *, always: Sequence[np.ndarray] = (), rng: np.random.Generator
) -> np.ndarray:
    """At most `cap` of n rows, ascending: all rows in `always` (first things first), the rest at random.

    always: row arrays in order of importance (chosen, flagged, hardest); what does not fit any more is left out.

    >>> sample_rows(6, 3, always=[np.array([5])], rng=np.random.default_rng(0)).tolist()
    [1, 4, 5]
    """
    if n <= cap:
        return np.arange(n)
    rank = rng.permutation(n).astype(np.float64)
    for importance, rows in enumerate(always):
        rows = np.asarray(rows)
        rank[rows] = np.minimum(rank[rows], -n * (len(always) - importance) + np.arange(len(rows)))
    return np.sort(np.argpartition(rank, cap)[:cap])


def points(event: Mapping | None) -> list[int]:
    """Row numbers in a selection that `st.plotly_chart(map_figure(...), on_select=...)` returned, ascending.

    >>> points({"selection": {"points": [{"customdata": {"0": 7}}, {"customdata": [3]}]}})
    [3, 7]
    """
    found = set()
    for point in (event or {}).get("selection", {}).get("points", ()):
        data = point.get("customdata")
        if isinstance(data, Mapping):
            data = [data.get("0")]
        if isinstance(data, (list, tuple)):
            data = data[0] if data else None
        if data is not None:
            found.add(int(data))
    return sorted(found)


def inside(event: Mapping | None, xy: np.ndarray) -> np.ndarray:
    """bool [n]: items within the lassos and boxes of a selection, those that were not drawn included.

    Even-odd rule, as Plotly does it. With classes hidden in the legend, intersect with the classes of `points`.
    """
    selection = (event or {}).get("selection", {})
    hit = np.zeros(len(xy), bool)
    for box in selection.get("box", ()):
        (x0, x1), (y0, y1) = sorted(box["x"]), sorted(box["y"])
        hit |= (xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1)
    for lasso in selection.get("lasso", ()):
        hit |= _in_polygon(np.asarray(xy, np.float64), np.column_stack([lasso["x"], lasso["y"]]))
    return hit


# -- charts that are only looked at ------------------------------------------------------------------------


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


# -- helpers -----------------------------------------------------------------------------------------------


def _groups(colour: Categories | Ramp, rows: np.ndarray) -> list[tuple[str, np.ndarray, dict]]:
    """The rows of each entry of the legend: (name, rows, marker). A ramp is one group."""
    if isinstance(colour, Ramp):
        return [("items", rows, {"coloraxis": "coloraxis"})]
    codes = np.asarray(colour.codes)
    counts = np.bincount(codes[codes >= 0], minlength=len(colour.names))
    colours = colour.colours or colour_map(colour.names, counts)
    own = [code for code, name in enumerate(colour.names) if colours[name] != OTHER]
    rest = [code for code in range(len(colour.names)) if code not in own]
    others = colour.names[rest[0]] if len(rest) == 1 else f"{len(rest)} other classes"
    return [  # grey lies below the colours
        (colour.none, rows[codes[rows] < 0], {"color": OTHER, "opacity": 0.45}),
        (others, rows[np.isin(codes[rows], rest)], {"color": OTHER, "opacity": 0.6}),
        *((colour.names[c], rows[codes[rows] == c], {"color": colours[colour.names[c]]}) for c in own),
    ]


def _span(values: np.ndarray) -> list[float]:
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5
    return [low - room, high + room]


def _key(ink: str, flagged: bool, sized: bool) -> list[dict]:
    """What symbol and size mean, in the strip above the map."""
    words = ["◇ flagged"] * bool(flagged) + ["● larger = harder"] * bool(sized)
    place = {"x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "xref": "paper", "yref": "paper"}
    font = {"size": 12, "color": ink}
    return [{**place, "text": "     ".join(words), "showarrow": False, "opacity": 0.7, "font": font}] if words else []


def _hover_lines(hover: Mapping[str, np.ndarray] | None, rows: np.ndarray) -> list[str] | None:
    if not hover:
        return None
    columns = []
    for i, (name, values) in enumerate(hover.items()):
        values = np.asarray(values)[rows]
        texts = [f"{v:.3g}" for v in values.tolist()] if values.dtype.kind == "f" else [charted(v) for v in values]
        columns.append([f"<b>{t}</b>" if i == 0 else f"{charted(name)} {t}" for t in texts])
    return ["<br>".join(lines) for lines in zip(*columns, strict=True)]


def _in_polygon(xy: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    hit = np.zeros(len(xy), bool)
    (x, y), following = xy.T, np.roll(polygon, -1, axis=0)
    for (x0, y0), (x1, y1) in zip(polygon, following, strict=True):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            hit ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return hit
