"""By score: the hardest, the easiest, or a window of one score.

Keeping the hardest works on clean data and high budgets; at low budgets it keeps noise and loses the ordinary, where
the easiest or a window in between do better (Sorscher et al.). Blind to redundancy: near copies score alike and stay
or go together. Equal scores are drawn by the seed. Time n log n, memory n.

Paul, Ganguli & Dziugaite, Deep Learning on a Data Diet: Finding Important Examples Early in Training, NeurIPS 2021
(the hardest); Sorscher, Geirhos, Shekhar, Ganguli & Morcos, Beyond neural scaling laws: beating power law scaling via
data pruning, NeurIPS 2022 (the easiest); Choi, Ki & Chung, BWS: Best Window Selection Based on Sample Scores for Data
Pruning across Broad Ranges, ICML 2024 (the window).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties

CARD = Card(
    title="By score",
    cost="n log n time, n memory",
    blind_to="redundancy: near copies score alike",
    suits="clean data with far more easy items than needed; parameters turn it to the easy end",
    seconds=(0.00015, 0.0012),
    grid=35.07,
    paper="https://arxiv.org/abs/2107.07075",
    tags=("score",),
    listed=("labels", "texts", "pairs"),
    rank=2,
    nested=True,
    instant=True,
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[str, Ref("scores"), Field(description="The score that orders the items.")] = "aum",
    order: Annotated[
        Literal["hard", "easy", "window"],
        Field(description="Take the hardest first, the easiest first, or from `start` upwards."),
    ] = "hard",
    start: Annotated[
        float, Field(ge=0, le=1, description="Window only: share of the easiest items that is skipped.")
    ] = 0.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken. A window that would run past the hardest grows downwards instead.

    >>> view = View.of(labels=np.zeros(4, int), scores={"aum": [3.0, 1.0, 2.0, 4.0]})
    >>> select(view, 2, rng=np.random.default_rng(0)).tolist()
    [3, 0]
    >>> select(view, 2, rng=np.random.default_rng(0), order="window", start=0.25).tolist()
    [2, 0]
    """
    easiest_first = argsort_random_ties(view.score(by), rng)
    if order == "hard":
        return easiest_first[::-1][:budget]
    first = round(start * len(view)) if order == "window" else 0
    return np.concatenate([easiest_first[first:], easiest_first[:first][::-1]])[:budget]
