"""Cost-aware: doubt per unit of cost, for items that are not equally quick to label.

A long recording or a crowded image takes longer to label than a short or a plain one. Each item's doubt is divided by
its cost to the power `gamma`, so that the same hour of labelling settles more of it. Costs come from the recipe: file
size, pixels, or a table. Blind to how alike the items of one batch are, and to costs that were guessed wrongly.
A fit on the known rows, then n * C.

Settles, Craven & Friedland, Active Learning with Real Annotation Costs, NIPS Workshop on Cost-Sensitive Learning, 2008.
Differs: a batch is counted in items, not filled up to a sum of costs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top, value

CARD = Card(
    title="Cost-aware",
    cost="a fit on the known rows, n * C time and memory",
    blind_to="redundancy within a batch, and wrongly guessed costs",
    needs=("known", "predicted", "costs"),
    paper="https://burrsettles.com/pub/settles.nips08ws.pdf",
    tags=("uncertainty", "cost"),
)


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[
        Literal["margin", "entropy", "least_confidence", "most_likely_positive"],
        Field(description="How the value of a label is measured, before its cost."),
    ] = "margin",
    gamma: Annotated[float, Field(ge=0, le=10, description="Weight of the cost; 0 ignores it.")] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> view = View.of(known=np.full(2, -1), predicted=np.array([[0.6, 0.4], [0.7, 0.3]]), costs=np.array([9.0, 1.0]))
    >>> [query(view, 1, rng=np.random.default_rng(0), gamma=gamma).tolist() for gamma in (1, 0)]
    [[1], [0]]
    """
    open_ = np.flatnonzero(view.known < 0)
    return open_[top(value(by, view.predicted[open_]) / view.costs[open_] ** gamma, budget, rng)]
