"""Importance resampling: drawn without replacement, with chances by the exponential of a score.

Gumbel noise is added to the score and the highest are kept, which is the same as drawing one after the other in
proportion to exp(score) (the Gumbel top-k trick). With DSIR's log weights this is its published selection: likely under
the target, and still a sample. `temperature` divides the score first: high ones come near to a random choice, low ones
to the plain order. Sums over n-grams differ by hundreds from text to text, where the noise hardly matters; take
`per_ngram` and a temperature below 1 then. Blind to redundancy, and to whatever the score is blind to.

Xie, Santurkar, Ma & Liang, Data Selection for Language Models via Importance Resampling, NeurIPS 2023. Kool, van Hoof &
Welling, Stochastic Beams and Where to Find Them: The Gumbel-Top-k Trick, ICML 2019.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import View

CARD = Card(
    title="Importance resampling",
    cost="n log n time, n memory",
    blind_to="redundancy, and what the score is blind to",
    suits="data of which a part is like a target; with the score dsir",
    paper="https://arxiv.org/abs/2302.03169",
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
        str, Ref("scores"), Field(description="Log weights: the score whose exponential is the chance.")
    ] = "dsir",
    temperature: Annotated[float, Field(gt=0, le=1e6, description="Divides the score: higher is more random.")] = 1.0,
) -> np.ndarray:
    """Positions int64 [budget], in the order drawn.

    >>> view = View.of(scores={"dsir": [0.0, 50.0, 0.0, 100.0]}, labels=np.zeros(4, int))
    >>> select(view, 2, rng=np.random.default_rng(0)).tolist()
    [3, 1]
    """
    return np.argsort(-(view.score(by) / temperature + rng.gumbel(size=len(view))), kind="stable")[:budget]
