"""What every item is at this moment: its label in force and what was decided about it, as arrays over all items.

The analysis may be older than the last decisions; this never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.data.decisions import EffectiveDecisions
from curation.data.items import Items, natural_order

# What can have been decided, in the order a tile or a map shows it when several are true.
DECISIONS = ("dropped", "relabelled", "kept", "label confirmed", "in review", "undecided")


@dataclass(frozen=True)
class ItemState:
    """classes: names, those a person added last. labels: int64 [n] codes into them, -1 for none.

    dropped, relabelled, pinned, confirmed, queued: bool [n]. queued = sent to review by hand and not decided since.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    dropped: np.ndarray
    relabelled: np.ndarray
    pinned: np.ndarray
    confirmed: np.ndarray
    queued: np.ndarray

    @cached_property
    def decided(self) -> np.ndarray:
        """bool [n]: a person had the last word. What is sent to review again is open again."""
        return (self.dropped | self.relabelled | self.pinned | self.confirmed) & ~self.queued

    @cached_property
    def decision(self) -> np.ndarray:
        """int64 [n]: positions in `DECISIONS`."""
        masks = (self.dropped, self.relabelled, self.pinned, self.confirmed, self.queued)
        return np.select(masks, range(len(masks)), len(masks)).astype(np.int64)

    def label(self, row: int) -> str:
        """The label in force as a person reads it."""
        code = self.labels[row]
        return self.classes[code] if code >= 0 else "no label"

    def badge(self, row: int) -> str | None:
        """The `theme.STATUS` that tells what was decided about an item."""
        if self.dropped[row]:
            return "dropped"
        if self.relabelled[row]:
            return "relabelled"
        return "kept" if self.pinned[row] or self.confirmed[row] else None


def item_state(items: Items, effective: EffectiveDecisions) -> ItemState:
    """Lay the decisions over the items. Costs one pass over what was decided, not over the items."""
    row_of, given = items.row_of, items.codes
    classes = (*items.classes, *natural_order(set(effective.labels.values()) - set(items.classes)))
    code = {name: i for i, name in enumerate(classes)}
    labels = given.copy()
    for id_, name in effective.labels.items():
        if (row := row_of.get(id_)) is not None:
            labels[row] = code[name]

    def holds(ids) -> np.ndarray:
        mask = np.zeros(len(items), bool)
        mask[[row for id_ in ids if (row := row_of.get(id_)) is not None]] = True
        return mask

    relabelled = labels != given
    return ItemState(
        classes,
        labels,
        dropped=holds(effective.dropped),
        relabelled=relabelled,
        pinned=holds(effective.pinned),
        confirmed=holds(effective.confirmed) | (holds(effective.labels) & ~relabelled),  # given the label it had
        queued=holds(effective.queued),
    )
