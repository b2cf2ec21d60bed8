"""Random: every item has the same chance.

The baseline every other method has to beat, and often does not at small budgets. Use `balance` in the recipe
for the stratified form, which is the stronger baseline.

Guo, Zhao & Bai, DeepCore: A Comprehensive Library for Coreset Selection in Deep Learning, DEXA 2022, find it
hard to beat on CIFAR-10 and ImageNet.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Random",
    cost="n time, n memory",
    blind_to="everything: labels, difficulty and geometry",
    suits="a baseline: what every other method has to beat",
    seconds=(0.0001, 0.00012),
    grid=61.83,
    paper="https://arxiv.org/abs/2204.08499",
    tags=("baseline", "label-free"),
    listed=("labels", "texts", "pairs"),
    rank=1,
    nested=True,
    instant=True,
)


def select(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of the kept rows, in the order taken.

    >>> view = View.of(labels=np.array([0, 1, 0, 1]))
    >>> sorted(select(view, 4, rng=np.random.default_rng(0)).tolist())
    [0, 1, 2, 3]
    """
    return rng.permutation(len(view))[:budget]
