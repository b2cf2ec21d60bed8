"""Information density: doubtful items, the more so the more other items they resemble.

Doubt alone is drawn to oddities, which teach little about the rest. Each item's doubt is multiplied by its mean cosine
with all items that are not labelled, to the power `beta`. That mean is the cosine with the mean direction, so it costs
n * d and not n^2 * d. Items that point away from the others (a negative mean) count as 0. Blind to how alike the items
of one batch are, and to rare groups. A fit on the known rows, then n * (C + d).

Settles & Craven, An Analysis of Active Learning Strategies for Sequence Labeling Tasks, EMNLP 2008.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.acquisition import top, value
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Information density",
    cost="a fit on the known rows, n * (C + d) time, n * d memory",
    blind_to="redundancy within a batch, and rare groups",
    needs=("known", "predicted", "embeddings"),
    paper="https://aclanthology.org/D08-1112/",
    tags=("uncertainty", "geometry"),
)


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[
        Literal["entropy", "margin", "least_confidence"], Field(description="How uncertainty is measured.")
    ] = "entropy",
    beta: Annotated[float, Field(ge=0, le=10, description="Weight of the density; 0 uses uncertainty alone.")] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> x, p = np.array([[1, 0], [1, 0.1], [1, 0.2], [-1, 0]], np.float32), np.full((4, 2), 0.5)
    >>> view = View.of(known=np.array([0, -1, -1, -1]), predicted=p, embeddings=x)
    >>> query(view, 3, rng=np.random.default_rng(0)).tolist()
    [2, 1, 3]
    """
    open_ = np.flatnonzero(view.known < 0)
    x = unit(view.embeddings[open_])
    density = np.maximum(x @ x.mean(axis=0), 0.0).astype(np.float64)
    return open_[top(value(by, view.predicted[open_]) * density**beta, budget, rng)]
