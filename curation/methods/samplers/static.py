"""Static: one random subset, drawn once and trained on in every epoch.

What any pruner does to a run, without the pruner: the part of the data that is never seen is lost. To schedule a subset
that a pruner chose, train on that subset. Blind to everything.
"""

from __future__ import annotations

from curation.card import Card
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(
    title="One random subset",
    cost="n time once, keep * n time and memory an epoch",
    blind_to="everything, most of all the items it leaves out",
    tags=("baseline", "fixed"),
)

_SUBSET = 1 << 32  # key of the subset's generator; those of the epochs are smaller


class Static(Rule):
    def begin_epoch(self, t: float, T: float) -> Choice:
        subset = self.rng(_SUBSET).permutation(self.n)[: self.size]
        return self.rng(self.epoch).permutation(subset), None


def schedule(view: View, keep: float, *, seed: int) -> Rule:
    """A rule that takes the same keep * n items every epoch, in a new order.

    >>> rule = schedule(View.of(labels=[0] * 10), 0.3, seed=0)
    >>> first = rule.begin_epoch(0, 6)[0]
    >>> rule.end_epoch()
    >>> len(first), set(first) == set(rule.begin_epoch(3, 6)[0])
    (3, True)
    """
    return Static(len(view), keep, seed)
