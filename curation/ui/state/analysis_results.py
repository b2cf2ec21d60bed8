"""The results of the analysis, as arrays over all items.

Gathered once per state of the analysis and shared by the map and the review; nothing here is computed per rerun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import streamlit as st

from curation.data.items import SPLITS, Items
from curation.data.writing.manifest import Flagged
from curation.engine import results
from curation.maths.arrays import blocks
from curation.ui.state.first_map import first_map
from curation.ui.state.item_state import ItemState
from curation.ui.state.project import Project

KINDS = ("mislabel", "outlier", "duplicate")  # what flags look for, as their cards tag it


@dataclass(frozen=True)
class AnalysisResults:
    """Arrays are over all n items unless said otherwise; codes are positions in `classes`, -1 for none.

    titles: flag name -> what a person calls it. known: labels by id the analysis was made with, where they differ from
    those given. probabilities, neighbours, embeddings: (item rows, value of those rows), as `Project` has. split: the
    one whose flags are here, "" for all. chosen: bool [n], the items that may be flagged, None for all. whole: what
    these are a part of, which says how suspicious an item is and what is suggested for it.
    """

    items: Items
    classes: tuple[str, ...]
    scores: Mapping[str, np.ndarray]
    flags: Mapping[str, Flagged]
    titles: Mapping[str, str]
    known: Mapping[str, str]
    xy: np.ndarray | None = None
    drawing: bool = False  # xy is the first map, until the recipe's own is drawn
    map_notes: Mapping[str, Any] = field(default_factory=dict)  # the card of the recipe's own
    probabilities: tuple[np.ndarray, Any] | None = None
    neighbours: tuple[np.ndarray, Any] | None = None
    embeddings: tuple[np.ndarray, Any] | None = None
    split: str = ""
    chosen: np.ndarray | None = None
    whole: AnalysisResults | None = None

    @cached_property
    def suspicion(self) -> np.ndarray:
        """float [n], how likely the label is wrong: the share of items that are less suspicious, averaged over the
        flags that look for wrong labels; NaN where they saw nothing."""
        return self.whole.suspicion if self.whole else suspicion(self.flags, len(self.items))

    @cached_property
    def suggested(self) -> np.ndarray:
        """int64 [n], the label that would fit better."""
        return self.whole.suggested if self.whole else suggested(self.flags, len(self.items), self.predictions)

    @cached_property
    def predictions(self) -> np.ndarray | None:
        """int64 [n], what students who never saw an item think of it; -1 where there is none."""
        if self.whole:
            return self.whole.predictions
        if self.probabilities is None:
            return None
        rows, values = self.probabilities[0], results.reopened(self.probabilities[1])
        guess = np.full(len(self.items), -1, np.int64)
        guess[rows] = np.concatenate([values[part].argmax(axis=1) for part in blocks(*values.shape)])
        return guess

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits in which some flag speaks against an item."""
        marked = self.marked()
        return tuple(name for name in SPLITS if (self.items.has("split", name) & marked).any())

    @cached_property
    def within(self) -> np.ndarray:
        """bool [n]: items that are looked at, of one split or chosen ones."""
        mask = self.items.has("split", self.split) if self.split else np.ones(len(self.items), bool)
        return mask if self.chosen is None else mask & self.chosen

    def among(self, rows: np.ndarray) -> AnalysisResults:
        """The same results, with some item rows alone flagged. How suspicious they are is said among all."""
        chosen = np.zeros(len(self.items), bool)
        chosen[rows] = True
        flags = {name: replace(_cut(flag, chosen), score=flag.score) for name, flag in self.flags.items()}
        return replace(self, flags=flags, chosen=chosen, whole=self.whole or self)

    def only(self, split: str) -> AnalysisResults:
        """What flags say of the items of one split, and of no other; "" for all."""
        if not split:
            return self
        if split not in self._of_split:
            there = self.items.has("split", split)
            flags = {name: _cut(flag, there) for name, flag in self.flags.items()}
            self._of_split[split] = replace(self, flags=flags, split=split, whole=self.whole or self)
        return self._of_split[split]

    @cached_property
    def _of_split(self) -> dict[str, AnalysisResults]:
        return {}

    def of_kind(self, kind: str) -> dict[str, Flagged]:
        """The flags that look for one of `KINDS`."""
        return {name: flag for name, flag in self.flags.items() if kind in flag.tags}

    def marked(self, *kinds: str) -> np.ndarray:
        """bool [n]: some flag of these kinds (default all) flags the item."""
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
    def kept_instead(self) -> list[np.ndarray]:
        """int64 [n] for each flag for duplicates: the item that is kept instead of each item, or the item itself."""
        found = [flag.duplicate_of for flag in self.of_kind("duplicate").values() if flag.duplicate_of is not None]
        return [np.where(kept >= 0, kept, np.arange(len(kept))) for kept in found]

    @cached_property
    def copies(self) -> list[np.ndarray]:
        """Groups of items that are the same, as the flags for duplicates see it: item rows, the kept one first."""
        groups: dict[int, list[np.ndarray]] = {}
        for kept in self.kept_instead:
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
    """The results that pages show. The source must have been read."""
    the_plan = project.plan
    keys = tuple(step.key for step in the_plan.steps if the_plan.done(step))
    return _gather(str(project.folder), keys, the_plan.labels_key, project)


@st.cache_resource(max_entries=4, show_spinner=False)
def _gather(folder: str, keys: tuple, labels: str | None, _project: Project) -> AnalysisResults:
    project, xy = _project, _project.xy()
    return AnalysisResults(
        items=project.items,
        classes=project.store.classes,
        scores={name: project.score(name) for name in project.scores()},
        flags=project.flags(),
        titles={s.name: s.method.card.title for s in project.plan.of("flag")},
        known=project.shown[0].labels,
        xy=first_map(project) if xy is None else xy,
        drawing=xy is None,
        map_notes=project.map_notes(),
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


def _cut(flag: Flagged, there: np.ndarray) -> Flagged:
    """What a flag says where `there`, bool [n]; nothing elsewhere."""
    return replace(
        flag,
        score=np.where(there, flag.score, np.nan),
        flagged=flag.flagged & there,
        duplicate_of=None if flag.duplicate_of is None else np.where(there, flag.duplicate_of, -1),
    )


def _share_below(values: np.ndarray) -> np.ndarray:
    """float [n]: the share of finite values that are smaller, NaN where the value is not finite."""
    finite = np.isfinite(values)
    known = np.sort(values[finite])
    share = np.full(len(values), np.nan)
    share[finite] = np.searchsorted(known, values[finite]) / max(len(known) - 1, 1)
    return share
