"""The grid verification trains: which subsets, at which shares, how many trainings."""

from __future__ import annotations

from collections.abc import Sequence

from curation.engine import registry
from curation.engine.stages.prune import Prune

FIRST = ("trusted_coverage", "ccs")  # what is compared before a person has saved anything
SHARES = [0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9]


def subsets(saved: Sequence[Prune], methods: Sequence[str], keeps: Sequence[float]) -> list[Prune]:
    """The saved subsets, and one of each further method with its defaults, named after it.

    >>> [p.name for p in subsets([], ["ccs"], [0.1, 0.3])], subsets([], ["ccs"], [0.1, 0.3])[0].keep
    (['ccs'], 0.3)
    """
    keep = max(keeps, default=0.3)
    taken = {p.name for p in saved}
    added = [
        Prune(use=m, name=m, keep=keep, balance=True, params=registry.get("pruners", m).validated({}, m))
        for m in methods
        if m not in taken
    ]
    return [*saved, *added]
