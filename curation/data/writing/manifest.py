"""The manifest: one row per input item, in input order, saying what became of it and why. A stable contract.

Columns: id, path, split, label, kept, rank, weight, reason, difficulty, label_quality, flagged, suggested_label,
duplicate_of, outlier_score, label_source, then text where items have one, and one column per score. docs/recipe.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curation.data.budget import keep_words
from curation.data.decisions import EffectiveDecisions
from curation.data.items import OK, TEST, TRAIN, UNLABELED, VAL, Items

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


def build(outcome: Outcome) -> pa.Table:
    """The manifest as a table; see the module's docstring for the columns."""
    items, n, said = outcome.items, len(outcome.items), verdicts(outcome)
    kept, reason = said.kept, said.reason
    rank, weight = np.full(n, -1, np.int32), np.full(n, np.nan)
    weight[kept] = 1.0
    if outcome.taken is not None:
        rank[outcome.taken] = np.arange(1, len(outcome.taken) + 1)
        if outcome.weights is not None:
            weight[outcome.taken] = outcome.weights
    columns = {
        "id": items.table["id"],
        "path": items.table["path"],
        "split": pa.array(said.split, pa.string()),
        "label": pa.array(outcome.labels, pa.string()),
        "kept": pa.array(kept),
        "rank": pa.array(rank, pa.int32(), mask=rank < 0),
        "weight": _floats(weight),
        "reason": pa.array(reason, pa.string()),
        "difficulty": _floats(outcome.scores[outcome.difficulty] if outcome.difficulty else np.full(n, np.nan)),
        **_flag_columns(outcome, n),
        "label_source": pa.array(_label_source(outcome), pa.string()),
        **({"text": pa.array(items.texts(np.arange(n)), pa.large_string())} if items.has_texts else {}),
        **{name: _floats(values) for name, values in outcome.scores.items()},
    }
    return pa.table(columns)


def _splits(outcome: Outcome) -> np.ndarray:
    """object [n]: the source's splits; a row without a label that a person gave one is a train row."""
    split = outcome.items.column("split").copy()
    split[(split == UNLABELED) & np.not_equal(outcome.labels, None)] = TRAIN
    return split


def _label_source(outcome: Outcome) -> np.ndarray:
    """object [n]: who says the label: "source"; "source, confirmed"; "hand", given or changed; None without a label."""
    items, force = outcome.items, outcome.effective
    source = np.where(np.equal(outcome.labels, None), None, "source").astype(object)
    for row in items.row_of.among(force.confirmed).values():
        if source[row]:
            source[row] = "source, confirmed"
    source[[*items.row_of.among(force.labels).values()]] = "hand"
    return source


FATES = ("kept", "pruned", "left_out", "dropped", "unlabelled", "unusable")


@dataclass(frozen=True)
class Verdicts:
    """What becomes of every item, arrays [n]. split: with labels given by hand. kept: bool. reason: in words.

    fate: the reason as one of `FATES`. relabelled: bool, a person gave another label, whatever becomes of the item.
    """

    split: np.ndarray
    kept: np.ndarray
    reason: np.ndarray
    fate: np.ndarray
    relabelled: np.ndarray


def verdicts(outcome: Outcome) -> Verdicts:
    """Later rules win over earlier ones."""
    items, force = outcome.items, outcome.effective
    n, split = len(items), _splits(outcome)
    fate, reason = np.full(n, "", object), np.full(n, "", object)

    train = split == TRAIN
    if outcome.taken is None:
        fate[train], reason[train] = "kept", "kept: nothing was pruned"
    else:
        fate[train] = "pruned"
        reason[train] = f"pruned: below {outcome.pruned_by} cut at {keep_words(outcome.keep)}"
        fate[outcome.taken], reason[outcome.taken] = "kept", f"kept: taken by {outcome.pruned_by}"
    for row, why in outcome.left_out.items():
        fate[row], reason[row] = "left_out", why
    for name in (TEST, VAL):
        fate[split == name], reason[split == name] = "kept", f"kept: {name} split, never pruned"
    fate[split == UNLABELED], reason[split == UNLABELED] = "unlabelled", "left out: no label"

    row_of = items.row_of.among({*force.pinned, *force.labels, *force.dropped})
    for id_, why in force.pinned.items():
        if id_ in row_of:
            fate[row_of[id_]], reason[row_of[id_]] = "kept", _said("kept by hand", why)
    given, relabelled = items.column("label"), np.zeros(n, bool)
    for id_ in force.labels:
        if (row := row_of.get(id_)) is not None and given[row] != outcome.labels[row]:
            had = "labelled by hand" if given[row] is None else f"relabelled by hand from {given[row]}"
            reason[row] += f"; {had}"
            relabelled[row] = given[row] is not None
    for id_, why in force.dropped.items():
        if id_ in row_of:
            fate[row_of[id_]], reason[row_of[id_]] = "dropped", _said("dropped by hand", why)
    for row in np.flatnonzero(~items.ok):
        fate[row], reason[row] = "unusable", f"unusable: {items.column('status')[row]}"
    return Verdicts(split, fate == "kept", reason, fate, relabelled)


def _flag_columns(outcome: Outcome, n: int) -> dict[str, pa.Array]:
    """Any flag sets `flagged`; the first flag of each kind fills its columns."""
    flagged = np.zeros(n, bool)
    quality, outlier = np.full(n, np.nan), np.full(n, np.nan)
    suggested, duplicate_of = np.full(n, None, object), np.full(n, None, object)
    ids, classes = outcome.items.column("id"), np.array(outcome.classes, object)
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
                rows = np.flatnonzero(flag.suggested >= 0)
                suggested[rows] = classes[flag.suggested[rows]]
        elif kind == "duplicate" and flag.duplicate_of is not None:
            rows = np.flatnonzero(flag.duplicate_of >= 0)
            duplicate_of[rows] = ids[flag.duplicate_of[rows]]
        elif kind == "outlier":
            outlier = flag.score
    return {
        "label_quality": _floats(quality),
        "flagged": pa.array(flagged),
        "suggested_label": pa.array(suggested, pa.string()),
        "duplicate_of": pa.array(duplicate_of, pa.string()),
        "outlier_score": _floats(outlier),
    }


def summary(table: pa.Table, items: Items) -> dict:
    """Counts for `<export>.summary.json`: in all, per split, and per class of the train split."""
    split, label = table["split"].to_pylist(), table["label"].to_pylist()
    kept = table["kept"].to_pylist()
    usable = items.ok
    before = Counter(la for la, s, ok in zip(label, split, usable, strict=True) if s == TRAIN and ok)
    after = Counter(la for la, s, k in zip(label, split, kept, strict=True) if s == TRAIN and k)
    return {
        "items": len(items),
        "unusable": int((items.column("status") != OK).sum()),
        "splits": dict(sorted(Counter(split).items())),
        "train": {"usable": sum(before.values()), "kept": sum(after.values())},
        "flagged": int(sum(table["flagged"].to_pylist())),
        "classes": {
            name: {"train": before[name], "kept": after[name]} for name in sorted(before, key=lambda name: name or "")
        },
    }


def _floats(values: np.ndarray) -> pa.Array:
    values = np.asarray(values, np.float64)
    return pa.array(values, mask=~np.isfinite(values))


def _said(verdict: str, why: str) -> str:
    return f"{verdict}: {why}" if why else verdict
