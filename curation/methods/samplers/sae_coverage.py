"""SAE coverage (reconstructed): common patterns first, rare ones later, and the often used ones give way.

A sparse autoencoder finds factors in the embeddings (evidence `factors`). An item has a rank by how much of the common
factors it holds and one by the rare ones; the epoch takes the keep * n largest of
(1 - lambda) common + lambda rare - beta * usage + tau * noise, with lambda rising along half a cosine and usage the
share of the epochs so far an item was in. The last `anneal` of the passes takes everything. beta decides how evenly
items are used (measured at 30 %: Gini 0.14 at beta 2, 0.53 at 0). Labels and losses play no part, so its epochs
hold wrong labels in exactly the share the data does: it neither gathers them nor resists them. The paper's claim that
it loses less under wrong labels than InfoBatch was not reproduced (docs/schedule.md).

Zhou, Hua, Guo & Jia, Rethinking Representativeness and Diversity in Dynamic Data Selection, arXiv 2603.04981, 2026.
Only its abstract could be had: factors, frequency, penalty and pace follow its words, the formulas are ours.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths import factors
from curation.training.rule import Choice, Rule

CARD = Card(
    title="SAE coverage (reconstructed)",
    cost="the factors once, n log n time an epoch, 12 n bytes",
    blind_to="labels, right or wrong, and what the network has learnt",
    needs=("factors",),
    paper="https://arxiv.org/abs/2603.04981",
    tags=("fixed", "reconstructed"),
)

_RARE_MOST, _RISES_UNTIL = 0.7, 0.9  # the weight of rare factors, and the share of the passes it rises for


class SAECoverage(Rule):
    memory = ("used",)

    def __init__(
        self, common: np.ndarray, rare: np.ndarray, keep: float, seed: int, beta: float, tau: float, anneal: float
    ):
        super().__init__(len(common), keep, seed)
        self.common, self.rare = common.astype(np.float32), rare.astype(np.float32)
        self.beta, self.tau, self.anneal = beta, tau, anneal
        self.used = np.zeros(self.n, np.int32)

    def begin_epoch(self, t: float, T: float) -> Choice:
        rng = self.rng(self.epoch)
        if t >= (1 - self.anneal) * T:
            return rng.permutation(self.n), None
        lam = _RARE_MOST * 0.5 * (1 - np.cos(np.pi * min(1.0, t / (_RISES_UNTIL * T))))
        score = (1 - lam) * self.common + lam * self.rare - self.beta * self.used / max(1, self.epoch)
        if self.tau:
            score = score + self.tau * rng.gumbel(size=self.n)
        rows = np.argsort(-score, kind="stable")[: self.size]
        self.used[rows] += 1
        return rng.permutation(rows), None


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    beta: Annotated[float, Field(ge=0, le=100, description="How much an item loses priority after it was used.")] = 2.0,
    tau: Annotated[float, Field(ge=0, le=10, description="Noise on the scores; 0 for none.")] = 0.05,
    anneal: Annotated[
        float, Field(ge=0, le=1, description="Share of the passes, at the end, whose epochs take everything.")
    ] = 0.1,
) -> Rule:
    """A rule that takes keep * n items an epoch, everything at the end.

    >>> from curation.data.results import Factors
    >>> codes = Factors(np.array([[0], [0], [1], [2]], np.int16), np.ones((4, 1), np.float16), 3, 1.0)
    >>> rule = schedule(View.of(factors=codes), 0.5, seed=0, tau=0.0)
    >>> len(rule.begin_epoch(0, 8)[0]), len(rule.begin_epoch(7.5, 8)[0])
    (2, 4)
    """
    found = view.factors
    return SAECoverage(factors.commonness(found), factors.rarity(found), keep, seed, beta, tau, anneal)
