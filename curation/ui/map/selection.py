"""The map page's choices as pure functions: what is on the map, in which colours, in which order items are listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.data.items import SPLITS
from curation.ui.map.colours import Categories, Ramp, class_colours
from curation.ui.map.scene import Rings
from curation.ui.parts.theme import OTHER, STATUS
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import DECISIONS, ItemState

# Colours that are not scores: key -> words.
BY = {"label": "Label", "prediction": "Prediction", "flags": "Flags", "split": "Split", "decision": "Decision"}
SUSPICION = "suspicion"
ORDERS = {
    "suspicious": "Most suspicious first",
    "hard": "Hardest first",
    "easy": "Easiest first",
    "read": "In reading order",
}


@dataclass(frozen=True)
class Look:
    """What the controls above the map say. colour: a key of `BY`, `SUSPICION` or a score. size: a score, or "" for
    points of same size. classes: only these labels, all when empty. flagged: only what a flag speaks against.
    split: only this one, all when ""."""

    colour: str = "label"
    size: str = ""
    classes: tuple[str, ...] = ()
    flagged: bool = False
    split: str = ""


def colour_options(analysis: AnalysisResults) -> dict[str, str]:
    """What the map can be coloured by: key -> words."""
    options = dict(BY)
    if analysis.probabilities is None:
        del options["prediction"]
    if not analysis.flags:
        del options["flags"]
    if not analysis.classes and len(options) > 1:
        del options["label"]
    if len(split_options(analysis)) < 3:
        del options["split"]
    if np.isfinite(analysis.suspicion).any():
        options[SUSPICION] = "Suspicion of a wrong label"
    return options | {name: f"Score {name}" for name in analysis.scores}


def sample_note(notes: Mapping[str, Any]) -> str:
    """A sentence about a map on which only a sample was placed by itself, with a space at its end; "" for any other.

    notes: the card of the map.

    >>> sample_note({"placed": 100_000, "items_per_placed": 5.0, "recall": 0.124, "recall_of_others": 0.0038})
    'UMAP placed 100,000 items, 1 in 5, the rest beside them; 12% of nearest neighbours stay nearest (rest: 0.4%). '
    """
    if "placed" not in notes:
        return ""
    own, others = (f"{r:.0%}" if r >= 0.01 else f"{r:.1%}" for r in (notes["recall"], notes["recall_of_others"]))
    return (
        f"UMAP placed {notes['placed']:,} items, 1 in {notes['items_per_placed']:.3g}, the rest beside them; "
        f"{own} of nearest neighbours stay nearest (rest: {others}). "
    )


def split_options(analysis: AnalysisResults) -> dict[str, str]:
    """What the map can be cut to: key -> words. The first is everything."""
    placed = np.isfinite(analysis.xy).all(axis=1)
    there = {name: name for name, mask in splits(analysis).items() if (mask & placed).any()}
    return {"": "All splits", **there}


def size_options(analysis: AnalysisResults) -> dict[str, str]:
    """What can be difficulty: key -> words. The first is the default."""
    options = {name: name for name in analysis.scores}
    if np.isfinite(analysis.suspicion).any():
        options[SUSPICION] = SUSPICION
    return options | {"": "same size"}


def measure(analysis: AnalysisResults, name: str) -> np.ndarray | None:
    """float [n] of a score or of the suspicion; None for ""."""
    return analysis.suspicion if name == SUSPICION else analysis.scores.get(name)


def shown_rows(analysis: AnalysisResults, state: ItemState, look: Look) -> np.ndarray:
    """Item rows on the map that pass the filters, ascending."""
    wanted = np.isfinite(analysis.xy).all(axis=1)
    if look.flagged:
        wanted &= analysis.marked()
    if look.split:
        wanted &= splits(analysis)[look.split]
    if look.classes:
        wanted &= np.isin(state.labels, [state.classes.index(name) for name in look.classes if name in state.classes])
    return np.flatnonzero(wanted)


def colouring(analysis: AnalysisResults, state: ItemState, look: Look, dark: bool) -> Categories | Ramp:
    """The colours of all n items."""
    if look.colour == "label":
        return _by_class(state.classes, state.labels, look, "no label")
    if look.colour == "prediction":
        return _by_class(analysis.classes, analysis.predictions, look, "no prediction")
    if look.colour == "flags":
        return _by_flag(analysis)
    if look.colour == "split":
        there = splits(analysis)
        return Categories(tuple(there), np.select([*there.values()], [*range(len(there))], -1), none="")
    if look.colour == "decision":
        shades = [STATUS[name].dark if dark else STATUS[name].light for name in ("dropped", "relabelled", "kept")]
        colours = dict(zip(DECISIONS, [*shades, "#25A09B", "#DBBD16", OTHER], strict=True))
        return Categories(DECISIONS, state.decision, colours, none="")
    return Ramp(measure(analysis, look.colour))


def rings(analysis: AnalysisResults, state: ItemState) -> Rings:
    """What some flag speaks against, the most suspicious first, with the labels that would fit better."""
    rows = np.flatnonzero(analysis.marked())
    rows = rows[np.argsort(-np.nan_to_num(analysis.suspicion[rows], nan=-1.0), kind="stable")]
    place = {name: code for code, name in enumerate(state.classes)}
    known = np.array([*(place.get(name, -1) for name in analysis.classes), -1])
    return Rings(rows, "flagged", known[analysis.suggested])


def splits(analysis: AnalysisResults) -> dict[str, np.ndarray]:
    """The items of every split: name -> bool [n]."""
    return {name: analysis.items.has("split", name) for name in SPLITS}


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
    return Categories(classes, codes, class_colours(classes, counts), none)


def _by_flag(analysis: AnalysisResults) -> Categories:
    """Each item by the first kind of flag that speaks against it."""
    kinds = {"mislabel": "label in doubt", "outlier": "outlier", "duplicate": "duplicate"}
    codes = np.full(len(analysis.items), len(kinds), np.int64)
    for code, kind in reversed(list(enumerate(kinds))):
        codes[analysis.marked(kind)] = code
    names = (*kinds.values(), "not flagged")
    colours = dict(zip(names, ("#E97D37", "#BF76FE", "#25A09B", OTHER), strict=True))
    return Categories(names, codes, colours, none="")
