"""Full, shortened: every item in every epoch, for fewer epochs. The cheapest way to spend less.

The same passes as any sampler of that budget, spent on an ordinary run that ends sooner with a learning rate that knows
it. It is often forgotten as a baseline and hard to beat: `rs2` is the same stream of items cut into smaller epochs.
The last epoch is cut where the budget ends. Blind to everything.
"""

from __future__ import annotations

from curation.card import Card
from curation.data.view import View
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Everything, fewer epochs",
    cost="n time and memory an epoch",
    blind_to="everything",
    tags=("baseline", "fixed"),
)


class FullShort(Rule):
    def begin_epoch(self, t: float, T: float) -> Choice:
        return self.rng(self.epoch).permutation(self.n), None


def schedule(view: View, keep: float, *, seed: int) -> Rule:
    """A rule that takes all n items an epoch, on a budget of keep * n passes for every planned epoch.

    >>> rule = schedule(View.of(labels=[0, 0, 1, 1]), 0.5, seed=0)
    >>> rule.planned(epochs=4), len(rule.begin_epoch(0, 8)[0])
    (8, 4)
    """
    return FullShort(len(view), keep, seed)
