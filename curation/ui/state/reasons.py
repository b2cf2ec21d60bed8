"""Why an item is in doubt, in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from curation.data.writing.manifest import Flagged
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState
from curation.ui.state.similar_items import neighbour_votes, position


def reasons(analysis: AnalysisResults, state: ItemState, row: int) -> list[tuple[str, str | None]]:
    """Why an item is in doubt: (sentence, status of `theme.STATUS` or None), the most telling first."""
    said: list[tuple[str, str | None]] = []
    if state.queued[row]:
        said.append(("Sent to review by hand", None))
    label, suggestion = state.label(row), analysis.suggestion(row, state)
    if (chances := _chances(analysis, row)) is not None:
        given = chances.get(label, 0.0)
        said.append((_chance_words(chances, label, given, suggestion), None))
    if votes := neighbour_votes(analysis, state, row):
        said.append((_vote_words(votes, label), None))
    for name, flag in analysis.flags.items():
        if flag.flagged[row]:
            said.append((_flag_words(analysis, name, flag, row), "flagged"))
    return said


def percent(share: float) -> str:
    """
    >>> percent(0.973), percent(0.9999), percent(0.0004), percent(0.0)
    ('97%', 'over 99%', 'under 1%', '0%')
    """
    if 0 < share < 0.005:
        return "under 1%"
    return "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _chances(analysis: AnalysisResults, row: int) -> dict[str, float] | None:
    if analysis.probabilities is None or (at := position(analysis.probabilities[0], row)) is None:
        return None
    return dict(zip(analysis.classes, np.asarray(analysis.probabilities[1][at], np.float64).tolist(), strict=False))


def _chance_words(chances: Mapping[str, float], label: str, given: float, suggestion: str | None) -> str:
    best = max(chances, key=chances.get)
    start = f"A model trained without this item says {best} ({percent(chances[best])})"
    if best == label:
        more = f", {suggestion} gets {percent(chances[suggestion])}" if suggestion in chances else ""
        return f"{start}, which is its label{more}"
    return f"{start}; {label} gets {percent(given)}"


def _vote_words(votes: Mapping[str, int], label: str) -> str:
    total = sum(votes.values())
    if set(votes) == {label}:
        return f"All {total} nearest neighbours are labelled {label} too"
    first, *others = votes
    named = [*others[:1], *([label] if label not in (first, *others[:1]) else [])]
    start = f"{votes[first]} of {total} nearest neighbours are labelled {first}"
    return ", ".join([start, *(f"{votes.get(name, 'none')} labelled {name}" for name in named)])


def _flag_words(analysis: AnalysisResults, name: str, flag: Flagged, row: int) -> str:
    title = analysis.titles.get(name, name)
    if "duplicate" in flag.tags:
        kept = flag.duplicate_of[row] if flag.duplicate_of is not None else -1
        return f"{title}: a copy of {analysis.items.cell('id', kept)}" if kept >= 0 else title
    upto = int((flag.score >= flag.score[row]).sum())  # NaN compares as false
    place = f"among the {upto:,} most suspicious" if upto > 1 else "the most suspicious"
    p = min(flag.score[row], 0.999)  # never certain
    sure = f"label wrong with {percent(p)} probability, " if "calibrated" in flag.tags else ""
    return f"{title}: {sure}{place} of {int(np.isfinite(flag.score).sum()):,} items"
