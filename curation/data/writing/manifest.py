"""The manifest: one row per input item, in input order, saying what became of it and why. A stable contract.

Columns: id, path, split, label, kept, rank, weight, reason, difficulty, label_quality, flagged, suggested_label,
duplicate_of, outlier_score, label_source, then text where items have one, and one column per score. docs/recipe.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.data.budget import keep_words
from curation.data.decisions import EffectiveDecisions
from curation.data.effective_labels import holds
from curation.data.items import TEST, TRAIN, UNLABELED, VAL, Items

COLUMNS = (
    "id",
    "path",
    "split",
    "label",
    "kept",
    "rank",
    "weight",
    "reason",
    "difficulty",
    "label_quality",
    "flagged",
    "suggested_label",
    "duplicate_of",
    "outlier_score",
    "label_source",
)


@dataclass(frozen=True)
class Flagged:
    """One flag laid over all n items. score: float, NaN where the flag saw nothing. Codes and rows: -1 for none.
    notes: what it could not judge, in sentences."""

    tags: tuple[str, ...]
    score: np.ndarray
    flagged: np.ndarray
    suggested: np.ndarray | None = None
    duplicate_of: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What is known at the end of a recipe, every array over all n items.

    labels: names in force. taken: item rows in the order a pruner took them, None when nothing was pruned.
    pruned_by: the prune in words ("ccs", 0.3). left_out: row -> reason for rows a prune left out beforehand.
    """

    items: Items
    effective: EffectiveDecisions
    labels: np.ndarray
    classes: tuple[str, ...]
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    flags: Mapping[str, Flagged] = field(default_factory=dict)
    difficulty: str | None = None  # which score
    taken: np.ndarray | None = None
    weights: np.ndarray | None = None
    pruned_by: str = ""
    keep: float = 1.0
    left_out: Mapping[int, str] = field(default_factory=dict)


def build(outcome: Outcome, said: Verdicts | None = None) -> pa.Table:
    """The manifest as a table; see the module's docstring for the columns. said: its verdicts, where they are known."""
    items, n, said = outcome.items, len(outcome.items), said or verdicts(outcome)
    rank, weight = np.full(n, -1, np.int32), np.full(n, np.nan)
    weight[said.kept] = 1.0
    if outcome.taken is not None:
        rank[outcome.taken] = np.arange(1, len(outcome.taken) + 1)
        if outcome.weights is not None:
            weight[outcome.taken] = outcome.weights
    columns = {
        "id": items.table["id"],
        "path": items.table["path"],
        "split": pc.if_else(pa.array(said.train), TRAIN, items.table["split"].cast(pa.string())),
        "label": pa.array(outcome.labels, pa.string()),
        "kept": pa.array(said.kept),
        "rank": pa.array(rank, pa.int32(), mask=rank < 0),
        "weight": _floats(weight),
        "reason": said.reason.array(),
        "difficulty": _floats(outcome.scores[outcome.difficulty] if outcome.difficulty else np.full(n, np.nan)),
        **_flag_columns(outcome, n),
        "label_source": _label_source(outcome).array(),
        **({"text": pa.array(items.texts(np.arange(n)), pa.large_string())} if items.has_texts else {}),
        **{name: _floats(values) for name, values in outcome.scores.items()},
    }
    return pa.table(columns)


class Words:
    """A column of n texts, few of them different: each is held once. It starts with the same for every row.

    >>> words = Words(3, None)
    >>> words[[0, 2]] = "cut"
    >>> words.array().to_pylist(), words[0]
    (['cut', None, 'cut'], 'cut')
    """

    def __init__(self, n: int, first: str | None):
        self._texts, self._number = [first], {first: 0}
        self._codes = np.zeros(n, np.int32)

    def __getitem__(self, row: int) -> str | None:
        return self._texts[self._codes[row]]

    def __setitem__(self, rows: int | Sequence[int] | np.ndarray, text: str | None) -> None:
        if text not in self._number:
            self._number[text] = len(self._texts)
            self._texts.append(text)
        self._codes[rows] = self._number[text]

    def array(self) -> pa.Array:
        return pa.array(self._texts, pa.string()).take(pa.array(self._codes))


def _label_source(outcome: Outcome) -> Words:
    """Who says the label: "source"; "source, confirmed"; "hand", given or changed; None without a label."""
    items, force = outcome.items, outcome.effective
    source, labelled = Words(len(items), None), np.not_equal(outcome.labels, None)
    source[labelled] = "source"
    source[labelled & holds(items, force.confirmed)] = "source, confirmed"
    source[holds(items, force.labels)] = "hand"
    return source


FATES = ("kept", "pruned", "left_out", "dropped", "unlabelled", "unusable")


@dataclass(frozen=True)
class Verdicts:
    """What becomes of every item, arrays [n]. train: bool, with labels given by hand. reason: in words.

    fate: int8, the reason as a position in `FATES`. relabelled: bool, a person gave another label, whatever becomes of
    the item.
    """

    train: np.ndarray
    reason: Words
    fate: np.ndarray
    relabelled: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        return self.became("kept")

    def became(self, fate: str) -> np.ndarray:
        """bool [n]: items with one of `FATES`."""
        return self.fate == FATES.index(fate)


def verdicts(outcome: Outcome) -> Verdicts:
    """Later rules win over earlier ones."""
    items, force, n = outcome.items, outcome.effective, len(outcome.items)
    unlabelled = items.has("split", UNLABELED) & np.equal(outcome.labels, None)
    train = items.has("split", TRAIN, UNLABELED) & ~unlabelled  # a row without a label that a person gave one too
    fate, reason = np.full(n, -1, np.int8), Words(n, "")

    def say(rows: int | np.ndarray, what: str, why: str) -> None:
        fate[rows], reason[rows] = FATES.index(what), why

    if outcome.taken is None:
        say(train, "kept", "kept: nothing was pruned")
    else:
        say(train, "pruned", f"pruned: below {outcome.pruned_by} cut at {keep_words(outcome.keep)}")
        say(outcome.taken, "kept", f"kept: taken by {outcome.pruned_by}")
    for row, why in outcome.left_out.items():
        say(row, "left_out", why)
    for name in (TEST, VAL):
        say(items.has("split", name), "kept", f"kept: {name} split, never pruned")
    say(unlabelled, "unlabelled", "left out: no label")

    row_of = items.row_of.among({*force.pinned, *force.labels, *force.dropped})
    for id_, why in force.pinned.items():
        if id_ in row_of:
            say(row_of[id_], "kept", _said("kept by hand", why))
    relabelled = np.zeros(n, bool)
    for id_ in force.labels:
        if (row := row_of.get(id_)) is not None and (given := items.cell("label", row)) != outcome.labels[row]:
            had = "labelled by hand" if given is None else f"relabelled by hand from {given}"
            reason[row] = f"{reason[row]}; {had}"
            relabelled[row] = given is not None
    for id_, why in force.dropped.items():
        if id_ in row_of:
            say(row_of[id_], "dropped", _said("dropped by hand", why))
    for row in np.flatnonzero(~items.ok):
        say(row, "unusable", f"unusable: {items.cell('status', row)}")
    return Verdicts(train, reason, fate, relabelled)


def _flag_columns(outcome: Outcome, n: int) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Any flag sets `flagged`; the first flag of each kind fills its columns."""
    flagged = np.zeros(n, bool)
    quality, outlier = np.full(n, np.nan), np.full(n, np.nan)
    suggested = duplicate_of = pa.nulls(n, pa.string())
    seen: set[str] = set()
    for flag in outcome.flags.values():
        flagged |= flag.flagged
        kind = next((t for t in flag.tags if t in ("mislabel", "duplicate", "outlier")), "")
        if kind in seen:
            continue
        seen.add(kind)
        if kind == "mislabel":
            quality = 1.0 - flag.score
            if flag.suggested is not None:
                suggested = _taken(pa.array(outcome.classes, pa.string()), flag.suggested)
        elif kind == "duplicate" and flag.duplicate_of is not None:
            duplicate_of = _taken(outcome.items.table["id"], flag.duplicate_of)
        elif kind == "outlier":
            outlier = flag.score
    return {
        "label_quality": _floats(quality),
        "flagged": pa.array(flagged),
        "suggested_label": suggested,
        "duplicate_of": duplicate_of,
        "outlier_score": _floats(outlier),
    }


def summary(table: pa.Table, items: Items) -> dict:
    """Counts for `<export>.summary.json`: in all, per split, and per class of the train split."""
    train = pc.equal(table["split"], TRAIN)
    before = _counts(table["label"].filter(pc.and_(train, pa.array(items.ok))))
    after = _counts(table["label"].filter(pc.and_(train, table["kept"])))
    return {
        "items": len(items),
        "unusable": int((~items.ok).sum()),
        "splits": dict(sorted(_counts(table["split"]).items())),
        "train": {"usable": sum(before.values()), "kept": sum(after.values())},
        "flagged": pc.sum(table["flagged"]).as_py() or 0,
        "classes": {
            name: {"train": before[name], "kept": after[name]} for name in sorted(before, key=lambda name: name or "")
        },
    }


def _counts(column: pa.ChunkedArray) -> Counter:
    """How often each value is there."""
    return Counter({one["values"]: one["counts"] for one in pc.value_counts(column).to_pylist()})


def _floats(values: np.ndarray) -> pa.Array:
    values = np.asarray(values, np.float64)
    return pa.array(values, mask=~np.isfinite(values))


def _taken(texts: pa.Array | pa.ChunkedArray, at: np.ndarray) -> pa.Array | pa.ChunkedArray:
    """The texts at these positions, none where there is -1."""
    return texts.take(pa.array(at, mask=at < 0))


def _said(verdict: str, why: str) -> str:
    return f"{verdict}: {why}" if why else verdict
