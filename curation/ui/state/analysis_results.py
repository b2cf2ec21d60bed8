"""What the analysis found, laid over all items, and why an item is suspicious, in words.

Gathered once per state of the analysis and shared by the map and the review; nothing here is computed per rerun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import streamlit as st

from curation.data.items import TRAIN, Items
from curation.data.writing.manifest import Flagged
from curation.ui.state.item_state import ItemState
from curation.ui.state.project import ANALYSIS, Project

KINDS = ("mislabel", "outlier", "duplicate")  # what flags look for, as their cards tag it


@dataclass(frozen=True)
class AnalysisResults:
    """Arrays are over all n items unless said otherwise; codes are positions in `classes`, -1 for none.

    suspicion: float [n], how likely the label is wrong: the share of items that are less suspicious, averaged over
    the flags that look for wrong labels; NaN where they saw nothing. suggested: int64 [n], the label that would fit
    better. titles: flag name -> what a person calls it. known: labels by id the analysis was made with, where they
    differ from those given. probabilities, neighbours, embeddings: (item rows, value of those rows), as `Project` has.
    """

    items: Items
    classes: tuple[str, ...]
    scores: Mapping[str, np.ndarray]
    flags: Mapping[str, Flagged]
    titles: Mapping[str, str]
    suspicion: np.ndarray
    suggested: np.ndarray
    known: Mapping[str, str]
    xy: np.ndarray | None = None
    predictions: np.ndarray | None = None
    probabilities: tuple[np.ndarray, Any] | None = None
    neighbours: tuple[np.ndarray, Any] | None = None
    embeddings: tuple[np.ndarray, Any] | None = None

    def of_kind(self, kind: str) -> dict[str, Flagged]:
        """The flags that look for one of `KINDS`."""
        return {name: flag for name, flag in self.flags.items() if kind in flag.tags}

    def marked(self, *kinds: str) -> np.ndarray:
        """bool [n]: some flag of these kinds (default all) speaks against the item."""
        mask = np.zeros(len(self.items), bool)
        for flag in self.flags.values():
            if not kinds or set(kinds) & set(flag.tags):
                mask |= flag.flagged
        return mask

    @property
    def notes(self) -> list[str]:
        """What the flags could not judge, in sentences; what several say, once."""
        return list(dict.fromkeys(note for flag in self.flags.values() for note in flag.notes))

    @cached_property
    def copies(self) -> list[np.ndarray]:
        """Groups of items that are the same, as the flags for duplicates see it: item rows, the kept one first."""
        groups: dict[int, list[np.ndarray]] = {}
        for flag in self.of_kind("duplicate").values():
            if flag.duplicate_of is not None:
                kept = kept_for(flag.duplicate_of)
                others = np.flatnonzero(kept != np.arange(len(kept)))
                others = others[np.argsort(kept[others], kind="stable")]
                starts = np.flatnonzero(np.diff(kept[others], prepend=-1))
                for members in np.split(others, starts[1:]) if len(others) else ():
                    groups.setdefault(int(kept[members[0]]), []).append(members)
        return [np.concatenate([[kept], np.unique(np.concatenate(parts))]) for kept, parts in groups.items()]

    def suggestion(self, row: int, state: ItemState) -> str | None:
        """The label suggested for an item, unless it is the one it has."""
        code = self.suggested[row]
        return None if code < 0 or self.classes[code] == state.label(row) else self.classes[code]


def analysis_results(project: Project) -> AnalysisResults:
    """The findings pages show now. The source must have been read."""
    keys = tuple(s.key for s in project.plan.steps if s.stage in ANALYSIS and project.plan.done(s))
    return _gather(str(project.folder), keys, tuple(sorted(project.plan.effective.labels.items())), project)


@st.cache_resource(max_entries=4, show_spinner=False)
def _gather(folder: str, keys: tuple, labels: tuple, _project: Project) -> AnalysisResults:
    project, n = _project, len(_project.items)
    flags, predictions = project.flags(), project.predictions()
    return AnalysisResults(
        items=project.items,
        classes=project.store.classes,
        scores={name: project.score(name) for name in project.scores()},
        flags=flags,
        titles={s.name: s.method.card.title for s in project.plan.of("flag")},
        suspicion=suspicion(flags, n),
        suggested=suggested(flags, n, predictions),
        known=dict(labels),
        xy=project.xy(),
        predictions=predictions,
        probabilities=project.evidence("probabilities"),
        neighbours=project.evidence("neighbours"),
        embeddings=project.embeddings(),
    )


def suspicion(flags: Mapping[str, Flagged], n: int) -> np.ndarray:
    """float [n]: share of items a flag finds less suspicious, averaged over the flags that look for wrong labels."""
    shares = [_share_below(flag.score) for flag in flags.values() if "mislabel" in flag.tags]
    if not shares:
        return np.full(n, np.nan)
    seen = np.isfinite(shares).sum(axis=0)
    return np.where(seen > 0, np.nansum(shares, axis=0) / np.maximum(seen, 1), np.nan)


def suggested(flags: Mapping[str, Flagged], n: int, predictions: np.ndarray | None = None) -> np.ndarray:
    """int64 [n]: what the first flag that flags the item suggests, else the first that suggests anything, else the
    prediction; -1 for none."""
    analysis = np.full(n, -1, np.int64)
    speaking = [flag for flag in flags.values() if "mislabel" in flag.tags and flag.suggested is not None]
    sources = [np.where(flag.flagged, flag.suggested, -1) for flag in speaking]
    sources += [flag.suggested for flag in speaking]
    sources += [predictions] if predictions is not None else []
    for codes in sources:
        analysis = np.where(analysis < 0, codes, analysis)
    return analysis.astype(np.int64)


def reasons(analysis: AnalysisResults, state: ItemState, row: int) -> list[tuple[str, str | None]]:
    """Why an item is in question: (sentence, status of `theme.STATUS` or None), the most telling first."""
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


def neighbour_votes(analysis: AnalysisResults, state: ItemState, row: int) -> dict[str, int]:
    """Labels in force among the nearest neighbours of an item, most frequent first."""
    if analysis.neighbours is None or (at := position(analysis.neighbours[0], row)) is None:
        return {}
    rows, graph = analysis.neighbours
    near = graph.indices[at]
    codes = state.labels[rows[near[near >= 0]]]
    counts = np.bincount(codes[codes >= 0], minlength=len(state.classes))
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return {state.classes[code]: int(counts[code]) for code in order}


def nearest_of_class(analysis: AnalysisResults, state: ItemState, row: int, name: str, k: int = 6) -> np.ndarray:
    """The k items labelled `name` that are most alike by cosine, nearest first: item rows [<= k], never dropped ones.

    Compares with every item of the class: the neighbour graph of a mislabelled item may hold none of them.
    """
    if analysis.embeddings is None or name not in state.classes:
        return np.empty(0, np.int64)
    rows, x = analysis.embeddings
    if (at := position(rows, row)) is None:
        return np.empty(0, np.int64)
    wanted = (state.labels[rows] == state.classes.index(name)) & ~state.dropped[rows] & (rows != row)
    candidates = np.flatnonzero(wanted & (analysis.items.column("split")[rows] == TRAIN))
    part = np.asarray(x[candidates], dtype=np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", part, part))
    alike = part @ np.asarray(x[at], dtype=np.float32) / np.maximum(length, 1e-12)
    return rows[candidates[np.argsort(-alike, kind="stable")[:k]]]


def nearest(analysis: AnalysisResults, row: int, k: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Item rows and cosine distances of the nearest neighbours of an item; empty when there are none."""
    if analysis.neighbours is None or (at := position(analysis.neighbours[0], row)) is None:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    rows, graph = analysis.neighbours
    near = graph.indices[at][:k]
    return rows[near[near >= 0]], graph.distances[at][:k][near >= 0]


def kept_for(duplicate_of: np.ndarray) -> np.ndarray:
    """int64 [n]: the item kept for each item in the end, following copies of copies; itself where it is no copy."""
    kept = np.where(duplicate_of >= 0, duplicate_of, np.arange(len(duplicate_of)))
    for _ in range(64):  # each round doubles the steps followed
        kept = kept[kept]
    return kept


def twins(analysis: AnalysisResults, row: int) -> np.ndarray:
    """Item rows of what is the same as an item, as the flags for duplicates see it; without the item itself."""
    same = np.zeros(len(analysis.items), bool)
    for flag in analysis.of_kind("duplicate").values():
        if flag.duplicate_of is not None:
            kept = kept_for(flag.duplicate_of)
            same |= kept == kept[row]
    same[row] = False
    return np.flatnonzero(same)


def position(rows: np.ndarray, row: int) -> int | None:
    """Where an item stands in ascending item rows; None when it is not there."""
    at = int(np.searchsorted(rows, row))
    return at if at < len(rows) and rows[at] == row else None


# -- words ---------------------------------------------------------------------------------------------------


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
    start = f"A model that never saw it says {best} ({percent(chances[best])})"
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
        return f"{title}: the same as {analysis.items.column('id')[kept]}" if kept >= 0 else title
    upto = int((flag.score >= flag.score[row]).sum())  # NaN compares as false
    place = f"among the {upto:,} most suspicious" if upto > 1 else "the most suspicious"
    sure = f"{_probability(flag.score[row])} that the label is wrong, " if "calibrated" in flag.tags else ""
    return f"{title}: {sure}{place} of {int(np.isfinite(flag.score).sum()):,}"


def _probability(p: float) -> str:
    """Never certain.

    >>> _probability(0.734), _probability(0.99996)
    ('73 %', 'over 99 %')
    """
    return "over 99 %" if p > 0.99 else f"{p:.0%}".replace("%", " %")


def _share_below(values: np.ndarray) -> np.ndarray:
    """float [n]: the share of finite values that are smaller, NaN where the value is not finite."""
    finite = np.isfinite(values)
    known = np.sort(values[finite])
    share = np.full(len(values), np.nan)
    share[finite] = np.searchsorted(known, values[finite]) / max(len(known) - 1, 1)
    return share
