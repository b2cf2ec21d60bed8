"""The map's choices as pure functions: what is drawn, in which colours, what a lasso takes, in which order it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from curation.ui.parts.charts import Categories, Ramp, colour_map, inside, map_figure, points, sample_rows
from curation.ui.parts.theme import OTHER, STATUS
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import DECISIONS, ItemState

CAP = 20_000  # points drawn; Plotly's lasso is quick up to here
HARDEST = 2_000  # always among them
SEED = 0  # of the sample

# Colours that are not scores: key -> words.
BY = {"label": "Label", "prediction": "Prediction", "flags": "Flags", "decision": "Decision"}
SUSPICION = "suspicion"
ORDERS = {"suspicious": "Most suspicious first", "hard": "Hardest first", "easy": "Easiest first", "read": "As read"}


@dataclass(frozen=True)
class Look:
    """What the controls above the map say. colour: a key of `BY`, `SUSPICION` or a score. size: a score, or "" for
    points of one size. classes: only these labels, all when empty. flagged: only what a flag speaks against."""

    colour: str = "label"
    size: str = ""
    classes: tuple[str, ...] = ()
    flagged: bool = False


def colour_options(analysis: AnalysisResults) -> dict[str, str]:
    """What the map can be coloured by: key -> words."""
    options = dict(BY)
    if analysis.predictions is None:
        del options["prediction"]
    if not analysis.flags:
        del options["flags"]
    if np.isfinite(analysis.suspicion).any():
        options[SUSPICION] = "Suspicion of a wrong label"
    return options | {name: f"Score {name}" for name in analysis.scores}


def size_options(analysis: AnalysisResults) -> dict[str, str]:
    """What can be difficulty: key -> words. The first is the default."""
    options = {name: name for name in analysis.scores}
    if np.isfinite(analysis.suspicion).any():
        options[SUSPICION] = SUSPICION
    return options | {"": "one size"}


@dataclass(frozen=True)
class Drawn:
    """A map as it was drawn, and from what. rows: items drawn. groups: as `legend_groups`. codes: of the colours, None
    for a ramp. words: how many are drawn, and which. token: told apart from an equal map by it."""

    analysis: AnalysisResults
    look: Look
    dark: bool
    token: int
    selected: np.ndarray
    figure: go.Figure
    rows: np.ndarray
    groups: np.ndarray | None
    codes: np.ndarray | None
    words: str

    def shows(self, analysis: AnalysisResults, look: Look, dark: bool, token: int) -> bool:
        """Whether it is the map that is asked for, decisions aside."""
        return self.analysis is analysis and (self.look, self.dark, self.token) == (look, dark, token)

    def fresh(self, state: ItemState, selected: np.ndarray) -> bool:
        """Whether it would look the same if it were drawn now."""
        return not recoloured(self, state) and np.array_equal(self.selected, selected)


def draw(
    analysis: AnalysisResults,
    state: ItemState,
    look: Look,
    shown: np.ndarray,
    selected: np.ndarray,
    dark: bool,
    token: int = 0,
) -> Drawn:
    """The map of the item rows `shown`, with the selected among them standing out. Another token, another figure."""
    rows = drawn_rows(analysis, shown, look, selected, CAP)
    colour, flagged, difficulty = (
        colouring(analysis, state, look, dark),
        analysis.marked(),
        measure(analysis, look.size),
    )
    lines = hover(analysis, state, look)
    figure = map_figure(
        analysis.xy, colour, difficulty=difficulty, flagged=flagged, hover=lines, rows=rows, dark=dark
    )  # fmt: skip
    show_selected(figure, selected)
    figure.layout.meta = token  # the browser keeps zoom and lasso as long as the figure is the same
    words = drawn_words(len(rows), len(shown), int(flagged[shown].sum()), len(selected), difficulty is not None, CAP)
    codes = colour.codes if isinstance(colour, Categories) else None
    return Drawn(analysis, look, dark, token, selected, figure, rows, legend_groups(colour), codes, words)


def recoloured(drawn: Drawn, state: ItemState) -> bool:
    """Whether decisions changed the colours since the map was drawn."""
    if drawn.look.colour not in ("label", "decision"):
        return False
    return not np.array_equal(colouring(drawn.analysis, state, drawn.look, drawn.dark).codes, drawn.codes)


def measure(analysis: AnalysisResults, name: str) -> np.ndarray | None:
    """float [n] of a score or of the suspicion; None for ""."""
    return analysis.suspicion if name == SUSPICION else analysis.scores.get(name)


def shown_rows(analysis: AnalysisResults, state: ItemState, look: Look) -> np.ndarray:
    """Item rows on the map that pass the filters, ascending."""
    wanted = np.isfinite(analysis.xy).all(axis=1)
    if look.flagged:
        wanted &= analysis.marked()
    if look.classes:
        wanted &= np.isin(state.labels, [state.classes.index(name) for name in look.classes if name in state.classes])
    return np.flatnonzero(wanted)


def drawn_rows(
    analysis: AnalysisResults, shown: np.ndarray, look: Look, selected: np.ndarray, cap: int = CAP
) -> np.ndarray:
    """The part of `shown` that is drawn: all up to `cap`, else a sample that holds the selected, the flagged and the
    hardest ones, and for the rest is drawn by chance with a fixed seed. Selected and flagged ones take at most half
    of the map each, so that it stays a picture of the whole."""
    if len(shown) <= cap:
        return shown
    rng = np.random.default_rng(SEED)
    if len(selected) > cap // 2:
        selected = rng.choice(selected, cap // 2, replace=False)
    at = np.full(len(analysis.items), -1, np.int64)
    at[shown] = np.arange(len(shown))
    always = [selected, flagged_first(analysis, shown, cap), hardest(analysis, shown, look)]
    places = [at[rows][at[rows] >= 0] for rows in always]
    return shown[sample_rows(len(shown), cap, always=places, rng=rng)]


def flagged_first(analysis: AnalysisResults, rows: np.ndarray, cap: int = CAP) -> np.ndarray:
    """The flagged among some item rows; the most suspicious ones where they are more than half of `cap`."""
    flagged = rows[analysis.marked()[rows]]
    if len(flagged) <= cap // 2:
        return flagged
    return flagged[np.argsort(-np.nan_to_num(analysis.suspicion[flagged], nan=-1.0), kind="stable")[: cap // 2]]


def hardest(analysis: AnalysisResults, rows: np.ndarray, look: Look, count: int = HARDEST) -> np.ndarray:
    """The hardest of some item rows, hardest first, by the score that sets the size."""
    values = measure(analysis, look.size)
    if values is None:
        return rows[:0]
    return rows[np.argsort(-np.nan_to_num(values[rows], nan=-np.inf), kind="stable")[:count]]


def drawn_words(drawn: int, shown: int, flagged: int, selected: int, sized: bool, cap: int = CAP) -> str:
    """How many points the map shows and how they were chosen.

    >>> drawn_words(1438, 1438, 70, 0, True)
    '1,438 items'
    >>> drawn_words(20000, 48000, 700, 12, True)
    '20,000 of 48,000 drawn: the 12 selected, the 700 flagged, the 2,000 hardest, the rest by chance (seed 0)'
    >>> drawn_words(20000, 48000, 15000, 0, False)
    '20,000 of 48,000 drawn: the 10,000 most suspicious of 15,000 flagged, the rest by chance (seed 0)'
    """
    if drawn == shown:
        return f"{shown:,} item{'s' * (shown != 1)}"
    half = cap // 2
    always = [f"the {selected:,} selected" if selected <= half else f"{half:,} of {selected:,} selected"] * bool(
        selected
    )
    most = f"the {half:,} most suspicious of {flagged:,} flagged"
    always += [f"the {flagged:,} flagged" if flagged <= half else most] * bool(flagged)
    always += [f"the {min(HARDEST, shown):,} hardest"] * sized
    return f"{drawn:,} of {shown:,} drawn: {', '.join([*always, 'the rest by chance'])} (seed {SEED})"


def colouring(analysis: AnalysisResults, state: ItemState, look: Look, dark: bool) -> Categories | Ramp:
    """The colours of all n items."""
    if look.colour == "label":
        return _by_class(state.classes, state.labels, look, "no label")
    if look.colour == "prediction":
        return _by_class(analysis.classes, analysis.predictions, look, "no prediction")
    if look.colour == "flags":
        return _by_flag(analysis)
    if look.colour == "decision":
        shades = [STATUS[name].dark if dark else STATUS[name].light for name in ("dropped", "relabelled", "kept")]
        colours = dict(zip(DECISIONS, [*shades, "#25A09B", "#DBBD16", OTHER], strict=True))
        return Categories(DECISIONS, state.decision, colours, none="")
    return Ramp(measure(analysis, look.colour), look.colour)


def legend_groups(colour: Categories | Ramp) -> np.ndarray | None:
    """int64 [n]: which legend entry an item belongs to, as `map_figure` groups them; None where there is no legend."""
    if isinstance(colour, Ramp):
        return None
    grey = [code for code, name in enumerate(colour.names) if (colour.colours or {}).get(name) == OTHER]
    return np.where(np.isin(colour.codes, grey), -2, colour.codes)


def hover(analysis: AnalysisResults, state: ItemState, look: Look) -> dict[str, np.ndarray]:
    """Lines of the card shown over a point, each an array [n]."""
    lines = {"label": _names(state.classes, state.labels, "no label")}
    if (analysis.suggested >= 0).any():
        lines["suggested:"] = np.where(
            _names(analysis.classes, analysis.suggested, "") == lines["label"],
            "–",
            _names(analysis.classes, analysis.suggested, "–"),
        )
    if (values := measure(analysis, look.size)) is not None:
        lines[f"{look.size}:"] = values
    lines["file:"] = analysis.items.column("id")
    return lines


def taken(
    event: Mapping | None, analysis: AnalysisResults, shown: np.ndarray, drawn: np.ndarray, groups: np.ndarray | None
):
    """Item rows a selection on the map takes, ascending: the points it holds, and with them the items that lie inside
    but were not drawn. groups: int [n] as in the legend; of the items not drawn only those of a group that has a point
    in the selection count, so that what the legend hides stays out."""
    hit = np.array(points(event), np.int64)
    if len(drawn) == len(shown):
        return hit
    hidden = np.setdiff1d(shown, drawn, assume_unique=True)
    hidden = hidden[inside(event, analysis.xy[hidden])]
    if groups is not None:
        hidden = hidden[np.isin(groups[hidden], np.unique(groups[hit]))]
    return np.union1d(hit, hidden)


def show_selected(figure: go.Figure, selected: np.ndarray) -> None:
    """Let a fresh figure show what is selected as if it had been drawn around: the others are faint."""
    if len(selected):
        for trace in figure.data:
            trace.selectedpoints = np.flatnonzero(np.isin(trace.customdata[:, 0], selected)).astype(np.int32)


def ordered(analysis: AnalysisResults, rows: np.ndarray, order: str, size: str) -> np.ndarray:
    """Item rows in an order of `ORDERS`; items without a value come last."""
    if order == "suspicious":
        values = analysis.suspicion
    elif order in ("hard", "easy"):
        values = measure(analysis, size)
        values = -values if order == "easy" and values is not None else values
    else:
        return rows
    if values is None:
        return rows
    return rows[np.argsort(-np.nan_to_num(values[rows], nan=-np.inf), kind="stable")]


def composition(state: ItemState, rows: np.ndarray, most: int = 3) -> list[tuple[str, int]]:
    """Labels in force among some items with their counts, most frequent first; the rest as one entry."""
    codes = state.labels[rows]
    counts = np.bincount(codes + 1, minlength=len(state.classes) + 1)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    names = ["no label", *state.classes]
    parts = [(names[code], int(counts[code])) for code in order[:most]]
    if len(order) > most:
        parts.append((f"{len(order) - most} more", int(counts[order[most:]].sum())))
    return parts


def _by_class(classes: tuple[str, ...], codes: np.ndarray, look: Look, none: str) -> Categories:
    """Colours by class; those filtered for come first, so that each of them has a colour of its own."""
    counts = np.bincount(codes[codes >= 0], minlength=len(classes)).astype(np.float64)
    for name in look.classes:
        if name in classes:
            counts[classes.index(name)] = np.inf
    return Categories(classes, codes, colour_map(classes, counts), none)


def _by_flag(analysis: AnalysisResults) -> Categories:
    """Each item by the first kind of flag that speaks against it."""
    kinds = {"mislabel": "label in doubt", "outlier": "outlier", "duplicate": "duplicate"}
    codes = np.full(len(analysis.items), len(kinds), np.int64)
    for code, kind in reversed(list(enumerate(kinds))):
        codes[analysis.marked(kind)] = code
    names = (*kinds.values(), "not flagged")
    colours = dict(zip(names, ("#E97D37", "#BF76FE", "#25A09B", OTHER), strict=True))
    return Categories(names, codes, colours, none="")


def _names(classes: tuple[str, ...], codes: np.ndarray, none: str) -> np.ndarray:
    return np.array([*classes, none], object)[codes]  # -1 is the last
