"""A greedy order in two rounds, where rows are too many to be compared as one.

Round 1: the rows are dealt at random into shards, and each shard puts the rows it would take first in order, by itself.
Round 2: what all shards took, three shards of rows, is put in order together, and the first third of that is taken; or
the first rows of all shards in turn, if these are worth more. Then every shard goes on by itself, from those of its
rows that are taken, and shards take turns. Shards that know nothing of each other begin alike, so it is at the
beginning that rows have to compete; later each shard stands for the whole. Neither round knows the budget, so an order
is the beginning of every longer one.

Mirzasoleiman, Karbasi, Sarkar & Krause, Distributed Submodular Maximization: Identifying Representative Elements in
Massive Data, NeurIPS 2013, who take k rows of every shard and k of all those. Random shards: Barbosa, Ene, Nguyen &
Ward, The Power of Randomization: Distributed Submodular Maximization on Massive Datasets, ICML 2015.
Differs: the second round has places for one shard's rows, and shards go on after it; half of a million rows could not
compete at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from curation.data.parts import Spread, here

WHOLE = 50_000  # rows up to which all are one shard: exact
SHARD = 5_000  # rows of a shard, about
_COMPETE = 3  # shards' worth of rows that compete in round 2, for one shard's worth of places


def in_rounds(
    order: Callable[..., np.ndarray],
    x: np.ndarray,
    budget: int,
    value: Callable[[np.ndarray], float],
    *,
    compete: Callable[..., np.ndarray] | None = None,
    progress: Callable[..., None] = lambda done, total, message="": None,
    spread: Spread = here,
    **given: Any,
) -> np.ndarray:
    """int64 [budget]: rows of x [n, d] in the order taken.

    order: (rows of x, how many, positions taken before, **given) -> as many other positions, in the order taken; the
    beginning of a longer answer where fewer are asked for. Up to WHOLE rows it is asked once, for all, and handed
    `progress`. Above, it is called twice for every shard through `spread`, and reads nothing but that shard's rows:
    shards come from a fixed seed, and answers are joined in their order, so workers give the same bytes. value:
    (rows) -> what they are worth together; the more the better. compete: `order` for round 2, whose rows are no fair
    sample of all; default the same.

    >>> def largest(x, count, taken, progress):
    ...     return np.setdiff1d(np.argsort(-x[:, 0]), taken, assume_unique=True)[:count]
    >>> in_rounds(largest, np.array([[3], [1], [2]]), 2, len).tolist()
    [0, 2]
    """
    nothing = np.empty(0, np.int64)
    if len(x) <= WHOLE:
        return order(x, budget, nothing, progress=progress, **given)
    shards = deal(len(x), SHARD)
    places = len(shards[-1])  # of the smallest
    each = -(-min(_COMPETE * places, len(x)) // len(shards))
    shared = {"order": order, "x": x, "size": SHARD, **given}
    begun = spread(of_shard, [(number, min(each, places)) for number in range(len(shards))], taken=nothing, **shared)
    line = in_turn([picks for (picks,) in begun])
    head = max(line[(compete or order)(x[line], places, nothing, **given)], line[:places], key=value)
    if budget <= places:
        return head[:budget]
    held = [np.flatnonzero(np.isin(shard, head, assume_unique=True)) for shard in shards]
    enough = next(t for t in range(len(shards[0]) + 1) if sum(_left(shards, held, t)) >= budget - places)
    parts = []
    for (picks,) in spread(of_shard, list(enumerate(_left(shards, held, enough))), taken=head, **shared):
        parts.append(picks)
        progress(len(parts), len(shards), f"{len(shards):,} shards")
    return np.concatenate([head, in_turn(parts, [len(own) for own in held])])[:budget]


def of_shard(
    number: int,
    count: int,
    *,
    order: Callable[..., np.ndarray],
    x: np.ndarray,
    size: int,
    taken: np.ndarray,
    **given: Any,
) -> tuple[np.ndarray]:
    """What one shard takes: `count` rows of x beside those of its own in `taken`, in the order taken."""
    shard = deal(len(x), size)[number]
    own = np.flatnonzero(np.isin(shard, taken, assume_unique=True))
    return (shard[order(x[shard], count, own, **given)],)


@lru_cache(maxsize=1)
def deal(n: int, size: int) -> list[np.ndarray]:
    """Rows 0 to n - 1, int64, at random into shards of about `size` rows; each ascending, and always the same.

    >>> [len(shard) for shard in deal(11, 3)]
    [3, 3, 3, 2]
    """
    parts = np.array_split(np.random.default_rng(0).permutation(n), max(1, round(n / size)))
    return [np.sort(part) for part in parts]


def in_turn(parts: Sequence[np.ndarray], begin: Sequence[int] | None = None) -> np.ndarray:
    """The first of every part, then the second of every part, and so on. begin: the turn of each part's first.

    >>> in_turn([np.array([7, 8, 9]), np.array([4]), np.array([1, 2])]).tolist()
    [7, 4, 1, 8, 2, 9]
    >>> in_turn([np.array([7, 8, 9]), np.array([4]), np.array([1, 2])], [1, 0, 0]).tolist()
    [4, 1, 7, 2, 8, 9]
    """
    begin = begin or [0] * len(parts)
    turn = np.concatenate([first + np.arange(len(part)) for first, part in zip(begin, parts, strict=True)])
    return np.concatenate(parts)[np.argsort(turn, kind="stable")]


def _left(shards: Sequence[np.ndarray], held: Sequence[np.ndarray], enough: int) -> list[int]:
    """How many rows each shard still takes until it has `enough`, or all of its own."""
    return [max(min(enough, len(shard)) - len(own), 0) for shard, own in zip(shards, held, strict=True)]
