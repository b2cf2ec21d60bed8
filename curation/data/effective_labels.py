"""Labels in force: those the source gave, under those a person gave. The one place that lays decisions over items."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from curation.data.decisions import EffectiveDecisions
from curation.data.items import Items, natural_order


def effective_labels(items: Items, effective: EffectiveDecisions) -> tuple[tuple[str, ...], np.ndarray]:
    """(classes, labels): the source's classes, then those a person added, in natural order; int64 [n] codes into them,
    -1 where there is no label. Costs a pass over what was decided, not over the items."""
    given = {id_: name for id_, name in effective.labels.items() if id_ in items.row_of}
    new = set(given.values()) - set(items.classes)
    classes = (*items.classes, *natural_order(new))
    code = {name: at for at, name in enumerate(classes)}
    labels = items.codes.copy()
    for id_, name in given.items():
        labels[items.row_of[id_]] = code[name]
    return classes, labels


def holds(items: Items, ids: Iterable[str]) -> np.ndarray:
    """bool [n]: items whose id is among `ids`."""
    mask = np.zeros(len(items), bool)
    mask[[row for id_ in ids if (row := items.row_of.get(id_)) is not None]] = True
    return mask
