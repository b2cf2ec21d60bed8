"""What is like an item: nearest neighbours, the nearest of a class, and copies. Rows are item rows throughout."""

from __future__ import annotations

import numpy as np

from curation.data.items import TRAIN
from curation.engine.results import reopened
from curation.maths.similarity.exact import most_similar
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState

MOST = 20_000  # items one item is compared with


def nearest(analysis: AnalysisResults, row: int, k: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Item rows and cosine distances of the nearest neighbours of an item; empty when there are none."""
    if analysis.neighbours is None or (at := position(analysis.neighbours[0], row)) is None:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    rows, graph = analysis.neighbours
    near = graph.indices[at][:k]
    return rows[near[near >= 0]], graph.distances[at][:k][near >= 0]


def nearest_of_class(analysis: AnalysisResults, state: ItemState, row: int, name: str, k: int = 6) -> np.ndarray:
    """The k items labelled `name` that are most alike by cosine, nearest first: item rows [<= k], never dropped ones.

    Compares with the items of the class themselves: the neighbour graph of a mislabelled item may hold none of them.
    Of very large classes an even part is compared (`MOST`), so that a key press is answered at once.
    """
    if analysis.embeddings is None or name not in state.classes:
        return np.empty(0, np.int64)
    rows, x = analysis.embeddings[0], reopened(analysis.embeddings[1])
    if (at := position(rows, row)) is None:
        return np.empty(0, np.int64)
    of_class = (state.labels[rows] == state.classes.index(name)) & ~state.dropped[rows] & (rows != row)
    candidates = np.flatnonzero(of_class & analysis.items.has("split", TRAIN)[rows])
    return rows[most_similar(x, x[at], evenly(candidates), k)[0]]


def neighbour_votes(analysis: AnalysisResults, state: ItemState, row: int) -> dict[str, int]:
    """Current labels among the nearest neighbours of an item, most frequent first."""
    if analysis.neighbours is None or (at := position(analysis.neighbours[0], row)) is None:
        return {}
    rows, graph = analysis.neighbours
    near = graph.indices[at]
    codes = state.labels[rows[near[near >= 0]]]
    counts = np.bincount(codes[codes >= 0], minlength=len(state.classes))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return {state.classes[code]: int(counts[code]) for code in order}


def twins(analysis: AnalysisResults, row: int) -> np.ndarray:
    """Item rows of the copies of an item, according to the flags for duplicates; without the item itself."""
    same = np.zeros(len(analysis.items), bool)
    for kept in analysis.kept_instead:
        same |= kept == kept[row]
    same[row] = False
    return np.flatnonzero(same)


def evenly(rows: np.ndarray) -> np.ndarray:
    """At most `MOST` of some rows, spread evenly over them.

    >>> evenly(np.arange(50_000))[:3].tolist()
    [0, 3, 6]
    """
    return rows[:: -(-len(rows) // MOST) or 1]


def position(rows: np.ndarray, row: int) -> int | None:
    """Where an item stands in ascending item rows; None when it is not there."""
    at = int(np.searchsorted(rows, row))
    return at if at < len(rows) and rows[at] == row else None
