"""Labels in force: those the source gave, under those a person gave. The one place that lays decisions over items."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from curation.data.decisions import EffectiveDecisions
from curation.data.ids import FEW
from curation.data.items import Items, natural_order


def effective_labels(items: Items, effective: EffectiveDecisions) -> tuple[tuple[str, ...], np.ndarray]:
    """(classes, labels): the source's classes, then those a person added, in natural order; int64 [n] codes into them,
    -1 where there is no label. Costs a pass over what was decided, not over the items."""
    rows = items.row_of.rows(effective.labels) if effective.labels else np.empty(0, np.int64)
    names = [name for name, row in zip(effective.labels.values(), rows.tolist(), strict=True) if row >= 0]
    classes = (*items.classes, *natural_order(set(names) - set(items.classes)))
    code = {name: at for at, name in enumerate(classes)}
    labels = items.codes.copy()
    labels[rows[rows >= 0]] = [code[name] for name in names]
    return classes, labels


def holds(items: Items, ids: Collection[str]) -> np.ndarray:
    """bool [n]: items whose id is among `ids`."""
    if len(ids) < FEW:  # none, most of the time
        mask = np.zeros(len(items), bool)
        mask[[*items.row_of.among(ids).values()]] = True
        return mask
    return items.row_of.mask(ids)
