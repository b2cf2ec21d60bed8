"""Herding: pick so that the mean of what is picked stays as close as can be to the mean of everything.

Each pick is the item that points most where the picks so far fall short of the mean, so k picks approximate the mean
about as 1/k, faster than random ones. Prefers the typical; with `balance` in the recipe it keeps the mean of every
class, as it is used most. Blind to labels, difficulty and spread: the mean may be right and whole regions missing.
Every pick reads all embeddings once: time n * budget * d at the speed of memory (30 to 40 s for 50,000 x 512 and 5,000
picks on two busy cores), memory n * d. Above 50,000 items they are chosen in two rounds, in shards of 5,000 that each
keep the mean of all (see maths/selection/rounds.py): time 5,000 n * d. Of 50,000 items in ten shards the mean of the
picks came 97 to 99.7 % of the way from that of random picks to that of the exact order (1 to 50 % taken; `python -m
benchmarks.rounds`).

Differs: a widely used library takes the item FARTHEST from the mean to be reached; its results are those of the
opposite method. This is the published rule, the largest inner product; "distance" is the form of iCaRL (Rebuffi et
al., CVPR 2017), which on unit rows is the same.

Welling, Herding Dynamical Weights to Learn, ICML 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.parts import Spread, here
from curation.data.view import View
from curation.maths.selection.herding import herd
from curation.maths.selection.rounds import in_rounds
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Herding",
    cost="n * budget * d time up to 50,000 items, at most 5,000 n * d above; n * d memory",
    blind_to="labels, difficulty, and everything but the mean",
    suits="small shares, also of noisy data: typical items first",
    seconds=(0.022, 2),
    grid=70.85,
    needs=("embeddings",),
    paper="https://doi.org/10.1145/1553374.1553517",
    tags=("geometry", "label-free"),
    listed=("labels",),
    rank=4,
    nested=True,
    rounds=True,
    stochastic=False,
    version=2,
)


def select(
    view: View,
    budget: int,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    spread: Spread = here,
    normalise: Annotated[bool, Field(description="Scale every embedding to length 1 first, as iCaRL does.")] = True,
    rule: Annotated[
        Literal["inner", "distance"],
        Field(description="Largest inner product with the residual, or mean of the picks nearest to the overall mean."),
    ] = "inner",
) -> np.ndarray:
    """Positions int64 [budget], in the order taken; equal items in their order in the data.

    >>> select(View.of(embeddings=np.array([[0.0], [2.0], [4.0], [9.0]])), 2, normalise=False, rule="distance").tolist()
    [2, 1]
    """
    phi = unit(view.embeddings) if normalise else np.asarray(view.embeddings, np.float32)
    mean = phi.mean(axis=0, dtype=np.float64)

    def near(rows: np.ndarray) -> float:
        return -float(np.linalg.norm(phi[rows].mean(axis=0, dtype=np.float64) - mean))

    return in_rounds(herd, phi, budget, near, progress=progress, spread=spread, rule=rule, mean=mean)
