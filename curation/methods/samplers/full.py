"""Full: every item in every epoch, the yardstick.

What everybody does, and what every saving is counted against. It ignores the share that is kept: its budget is that of
an ordinary run. Blind to everything.
"""

from __future__ import annotations

from curation.card import Card
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(title="Everything", cost="n time and memory an epoch", blind_to="everything", tags=("baseline", "fixed"))


class Full(Rule):
    def __init__(self, n: int, seed: int):
        super().__init__(n, 1.0, seed)

    def begin_epoch(self, t: float, T: float) -> Choice:
        return self.rng(self.epoch).permutation(self.n), None


def schedule(view: View, keep: float, *, seed: int) -> Rule:
    """A rule that takes all n items, in a new order every epoch.

    >>> rule = schedule(View.of(labels=[0, 0, 1]), 0.5, seed=0)
    >>> rule.planned(epochs=4), sorted(rule.begin_epoch(0, 12)[0].tolist())
    (12, [0, 1, 2])
    """
    return Full(len(view), seed)
