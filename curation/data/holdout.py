"""The hold-out: a share of the train rows set aside as test, where the source brings neither test nor val.

Every item draws a number from its id and is held out where that is below the share, so that adding or removing items
moves nobody else (Geron, Hands-On Machine Learning, O'Reilly 2017, chapter 2). The share is therefore met on average,
not to the item.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from curation.data.items import TEST, TRAIN, VAL, Items

MOST = 0.5  # of the train rows in one group; a larger one stays in train, or there would be little to learn from


def with_holdout(items: Items, share: float, seed: int = 0) -> Items:
    """Hold out about `share` of every class as test, where the source brings neither test nor val.

    Exact copies, groups and items of one parent are held out together or not at all; they draw one number, the lowest
    of theirs. Every class keeps a group to train on, and one with two or more groups has one to test on: the lowest,
    where the draw gave none. Says what it did in `notes`, and which classes nothing is measured for.
    """
    train = items.rows(TRAIN)
    if share == 0 or len(train) == 0 or len(items.rows(TEST, VAL)):
        return _with_note(items)
    numbers, group = np.unique(items.groups[train], return_inverse=True)
    drawn = np.full(len(numbers), np.inf)
    np.minimum.at(drawn, group, _numbers(items, train, seed))
    drawn[np.bincount(group) > MOST * len(train)] = np.inf
    held = _mended(drawn < share, drawn, *np.unique(np.stack([group, items.codes[train]]), axis=1))
    rows = train[held[group]]
    split = items.column("split").copy()
    split[rows] = TEST
    drew = (
        f"{len(rows):,} of {len(train):,} items (about {share:.0%} of each class, seed {seed}) are held out as test"
        if len(rows)
        else f"{share:.0%} should be held out as test, and nothing can be: every class is a single item or group"
    )
    note = (
        f"The source has no test split, so {drew}. They are drawn from their ids, so adding items moves nobody; "
        "flags look at them as at all others, pruning and training never see them, verification measures on them."
    )
    return _with_note(replace(items, table=items.set_column("split", split), notes=(*items.notes, note)))


def _numbers(items: Items, rows: np.ndarray, seed: int) -> np.ndarray:
    """float64 [m] in [0, 1): what each row draws, from the name of its group, else of its parent, else its own."""
    salt, found = str(seed).encode(), []
    for id_, parent, group in zip(*(items.column(name)[rows] for name in ("id", "parent", "group")), strict=True):
        name = f"group {group}" if group is not None else f"item {id_ if parent is None else parent}"
        found.append(hashlib.blake2b(name.encode(), digest_size=8, key=salt).digest())
    return np.frombuffer(b"".join(found), ">u8") / 2.0**64


def _mended(held: np.ndarray, drawn: np.ndarray, group: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Which groups are held out once every class has one to train on and, if it can, one to test on.

    held: bool [g]. drawn: float [g]. group, code: the pairs of a group and a class that occur.
    """
    held = held.copy()
    classes: dict[int, list[int]] = {}  # its groups, the lowest number first
    of_group: dict[int, list[int]] = {}
    for at in np.lexsort((drawn[group], code)):
        classes.setdefault(int(code[at]), []).append(int(group[at]))
        of_group.setdefault(int(group[at]), []).append(int(code[at]))
    for groups in classes.values():
        if held[groups].all():
            held[groups[-1]] = False
    left = {name: int((~held[groups]).sum()) for name, groups in classes.items()}
    for groups in classes.values():
        if held[groups].any():
            continue
        for one in groups:
            if all(left[name] > 1 for name in of_group[one]):
                held[one] = True
                for name in of_group[one]:
                    left[name] -= 1
                break
    return held


def _with_note(items: Items) -> Items:
    """The items with a note on the classes nothing is measured for, where there are any."""
    measured = next((rows for split in (TEST, VAL) if len(rows := items.rows(split))), None)
    if measured is None:
        return items
    missing = np.setdiff1d(items.codes[items.rows(TRAIN)], items.codes[measured])
    if not len(missing):
        return items
    names = ", ".join(items.classes[code] for code in missing[:3])
    more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
    note = (
        f"{len(missing):,} of {len(items.classes):,} classes have no test item ({names}{more}): verification says "
        "nothing of them."
    )
    return replace(items, notes=(*items.notes, note))
