"""Self-paced: easy items first, by their last loss, and more and more of the others.

The share of the items that takes part grows from `start` to everything over `until` of the passes; in it are the items
of smallest last loss. Items without a loss come first. It sets its own epoch length. Wrong labels are held back while
the network is young: 13 % of what it takes where 20 % are wrong, and yet no gain over random parts was measured
(docs/schedule.md). Blind to easy items that teach nothing.

Kumar, Packer & Koller, Self-Paced Learning for Latent Variable Models, NIPS 2010. The pace, 0.5 to 1 over 0.7 of the
run, is ours.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.budget import budget
from curation.data.view import View
from curation.maths.acquisition import top
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Self-paced",
    cost="n log n time an epoch, 4 n bytes",
    blind_to="easy items that teach nothing",
    paper="https://papers.nips.cc/paper/3923-self-paced-learning-for-latent-variable-models",
    tags=("losses",),
)


class SelfPaced(Rule):
    reads = ("losses",)
    memory = ("loss",)

    def __init__(self, n: int, keep: float, seed: int, start: float, until: float):
        super().__init__(n, keep, seed)
        self.start, self.until = start, until
        self.loss = np.full(n, -np.inf, np.float32)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        share = min(1.0, self.start + (1 - self.start) * t / (self.until * T))
        return rng.permutation(top(-self.loss, budget(share, self.n), rng)), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        self.loss[rows] = losses


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    start: Annotated[float, Field(gt=0, le=1, description="Share of the items that takes part at the start.")] = 0.5,
    until: Annotated[float, Field(gt=0, le=1, description="Share of the passes after which all take part.")] = 0.7,
) -> Rule:
    """A rule that takes the easiest items, ever more of them.

    >>> rule = schedule(View.of(labels=[0] * 4), 0.5, seed=0)
    >>> rule.update(np.arange(4), np.array([4.0, 1.0, 3.0, 2.0]), None)
    >>> [sorted(rule.begin_epoch(t, 10)[0].tolist()) for t in (0, 3.5, 7)]
    [[1, 3], [1, 2, 3], [0, 1, 2, 3]]
    """
    return SelfPaced(len(view), keep, seed, start, until)
