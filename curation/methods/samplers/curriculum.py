"""Curriculum: items in the order of a score, easy ones first, at a fixed pace.

A score says how hard an item is before any training; an epoch takes the easiest share of them, which grows from `start`
to everything over `until` of the passes. It sets its own epoch length. The other orders are controls: a gain over
`random`, with the same pace, is the curriculum's; most published gains vanish against it, save in short runs and under
wrong labels. Blind to what the score is blind to.

Bengio, Louradour, Collobert & Weston, Curriculum Learning, ICML 2009. Hacohen & Weinshall, On the Power of Curriculum
Learning, ICML 2019 (the pace). Wu, Dyer & Neyshabur, When Do Curricula Work?, ICLR 2021 (the controls).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.budget import budget
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties
from curation.training.rule import Choice, Rule

CARD = Card(
    title="Curriculum",
    cost="the score, then n time an epoch, 8 n bytes",
    blind_to="what its score is blind to",
    paper="https://arxiv.org/abs/2012.03107",
    tags=("fixed", "score"),
)

_ORDER = 1 << 32  # key of the order's generator; those of the epochs are smaller


class Curriculum(Rule):
    def __init__(self, score: np.ndarray, keep: float, seed: int, order: str, start: float, until: float, power: float):
        super().__init__(len(score), keep, seed)
        self.start, self.until, self.power = start, until, power
        hardness = {"easy_first": score, "hard_first": -score, "random": np.zeros(self.n)}[order]
        self.order = argsort_random_ties(hardness, self.rng(_ORDER))

    def begin_epoch(self, t: float, T: float) -> Choice:
        pace = self.start + (1 - self.start) * (t / (self.until * T)) ** self.power
        return self.rng(self.epoch).permutation(self.order[: budget(min(1.0, pace), self.n)]), None


def schedule(
    view: View,
    keep: float,
    *,
    seed: int,
    by: Annotated[str, Ref("scores"), Field(description="The score that says how hard an item is.")] = (
        "prototype_distance"
    ),
    order: Annotated[
        Literal["easy_first", "hard_first", "random"],
        Field(description="Easy items first, or one of the two controls with the same pace."),
    ] = "easy_first",
    start: Annotated[float, Field(gt=0, le=1, description="Share of the items that takes part at the start.")] = 0.2,
    until: Annotated[float, Field(gt=0, le=1, description="Share of the passes after which all take part.")] = 0.8,
    power: Annotated[
        float, Field(gt=0, le=10, description="Form of the pace: 1 straight, 0.5 quick at first, 2 slow at first.")
    ] = 1.0,
) -> Rule:
    """A rule that takes the easiest items, ever more of them.

    >>> view = View.of(labels=[0] * 5, scores={"aum": [0.5, 0.1, 0.4, 0.2, 0.3]})
    >>> rule = schedule(view, 0.5, seed=0, by="aum")
    >>> [sorted(rule.begin_epoch(t, 10)[0].tolist()) for t in (0, 4, 8)]
    [[1], [1, 3, 4], [0, 1, 2, 3, 4]]
    """
    return Curriculum(view.score(by), keep, seed, order, start, until, power)
