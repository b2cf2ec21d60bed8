"""SLo-Curves: from every class as many, those whose loss curves least around them.

Where the loss is flat around an input, the student has learnt something general; where it curves sharply it has
memorised, often a wrong label. The lowest curvature first, classes in turn. Strong when very little is kept. Blind to
redundancy: flat items are often alike. Time n log n, memory n; the curvature is the score's cost.

Differs: the authors then train with a term that flattens the loss around the kept items; here only the selection is
made.

Garg & Roy, Samples With Low Loss Curvature Improve Data Efficiency, CVPR 2023.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View
from curation.maths.arrays import apportioned_order, argsort_random_ties

CARD = Card(
    title="SLo-Curves",
    cost="n log n time after the score, n memory",
    blind_to="redundancy: flat items are often alike",
    suits="very small shares of clean data",
    seconds=(0.00064, 0.0032),
    grid=64.11,
    needs=("labels",),
    paper="https://openaccess.thecvf.com/content/CVPR2023/html/Garg_Samples_With_Low_Loss_Curvature_Improve_Data_Efficiency_CVPR_2023_paper.html",
    tags=("score",),
    nested=True,
    instant=True,
)


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[
        str, Ref("scores"), Field(description="The score whose lowest values are taken; published: loss_curvature.")
    ] = "loss_curvature",
    share: Annotated[Literal["equal", "size"], Field(description="Quota of a class: equal, or by its size.")] = "equal",
) -> np.ndarray:
    """Positions int64 [budget], classes in turn, so that every prefix is the selection for that smaller budget.

    >>> view = View.of(labels=np.array([0, 0, 0, 1]), scores={"loss_curvature": [0.1, 0.2, 0.3, 9.0]})
    >>> select(view, 3, rng=np.random.default_rng(0)).tolist()
    [0, 3, 1]
    """
    labels = view.labels
    place = np.empty(len(labels))
    place[argsort_random_ties(view.score(by), rng)] = np.arange(len(labels))
    sizes = np.maximum(np.bincount(labels), 1)
    return apportioned_order(labels, place, None if share == "equal" else sizes)[:budget]
