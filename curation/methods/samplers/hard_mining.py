"""Hard mining: the items of largest last loss, every epoch. A control, not advice.

Items never seen come first, then the hardest keep * n are taken again and again. It shows what chasing the loss costs
where labels are wrong: half of what it takes is, and it loses 22 points to random parts at 30 % of the passes
(measured on digits, docs/schedule.md). Blind to wrong labels, which it finds and learns.

Shrivastava, Gupta & Girshick, Training Region-based Object Detectors with Online Hard Example Mining, CVPR 2016 (there
within a batch, here over the epoch).
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Hard example mining",
    cost="n log n time an epoch, 4 n bytes",
    blind_to="wrong labels: it learns them",
    paper="https://arxiv.org/abs/1604.03540",
    tags=("losses", "control"),
)


class HardMining(Rule):
    reads = ("losses",)
    memory = ("loss",)

    def __init__(self, n: int, keep: float, seed: int):
        super().__init__(n, keep, seed)
        self.loss = np.full(n, np.inf, np.float32)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        return rng.permutation(top(self.loss, self.size, rng)), None

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        self.loss[rows] = losses


def schedule(view: View, keep: float, *, seed: int) -> Rule:
    """A rule that takes the hardest keep * n items.

    >>> rule = schedule(View.of(labels=[0] * 4), 0.5, seed=0)
    >>> rule.update(np.arange(4), np.array([4.0, 1.0, 3.0, 2.0]), None)
    >>> sorted(rule.begin_epoch(0, 8)[0].tolist())
    [0, 2]
    """
    return HardMining(len(view), keep, seed)
