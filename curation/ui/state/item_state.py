"""The current state of every item: its label and what was decided about it, as arrays over all items.

The analysis may be older than the last decisions; the state never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.data.decisions import EffectiveDecisions
from curation.data.effective_labels import effective_labels, holds
from curation.data.items import Items

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
        """bool [n]: a person decided on the item. What is sent to review again is open again."""
        return (self.dropped | self.relabelled | self.pinned | self.confirmed) & ~self.queued

    @cached_property
    def decision(self) -> np.ndarray:
        """int64 [n]: positions in `DECISIONS`."""
        masks = (self.dropped, self.relabelled, self.pinned, self.confirmed, self.queued)
        return np.select(masks, range(len(masks)), len(masks)).astype(np.int64)

    def label(self, row: int) -> str:
        """The current label as text."""
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
    classes, labels = effective_labels(items, effective)
    relabelled = labels != items.codes
    return ItemState(
        classes,
        labels,
        dropped=holds(items, effective.dropped),
        relabelled=relabelled,
        pinned=holds(items, effective.pinned),
        # Also what was given the label it had.
        confirmed=holds(items, effective.confirmed) | (holds(items, effective.labels) & ~relabelled),
        queued=holds(items, effective.queued),
    )
