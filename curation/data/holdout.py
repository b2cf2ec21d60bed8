"""The hold-out: a share of the train rows set aside as test, where the source brings neither test nor val."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curation.data.items import TEST, TRAIN, VAL, Items


def with_holdout(items: Items, share: float, seed: int = 0) -> Items:
    """Hold out a stratified share of the train rows as test, when the source brings neither test nor val.

    Exact copies, groups and items of one parent are held out together or not at all; such a group counts for the class
    of its first row. A class keeps at least one group to train on. Says what it did in `notes`.
    """
    train = items.rows(TRAIN)
    if share == 0 or len(train) == 0 or len(items.rows(TEST, VAL)):
        return items
    rng = np.random.default_rng(seed)
    numbers, first, size = np.unique(items.groups[train], return_index=True, return_counts=True)
    first = train[first]
    held = []
    for code in range(len(items.classes)):
        mine = np.flatnonzero(items.codes[first] == code)
        mine = rng.permutation(mine[np.argsort(first[mine])])
        left = round(share * int((items.codes[train] == code).sum()))
        for unit in mine[: len(mine) - 1]:
            if size[unit] <= 2 * left:  # the share as nearly as whole groups allow
                held.append(numbers[unit])
                left -= size[unit]
    split = items.column("split").copy()
    rows = train[np.isin(items.groups[train], held)]
    split[rows] = TEST
    note = (
        f"The source has no test split, so {len(rows):,} of {len(train):,} items ({share:.0%} of each class, "
        f"seed {seed}) are held out as test: pruning never sees them, verification measures on them."
    )
    return replace(items, table=items.set_column("split", split), notes=(*items.notes, note))
