"""Active search: find as many examples of a concept as the questions allow, looking ahead.

Greedy search asks for the likeliest example now. This one also counts what an answer would do for the questions that
follow: an example in a crowd of unlabelled neighbours makes all of them likelier. The expected number of examples
among this question and the `horizon` best that follow it is computed exactly under a nearest-neighbour model: an
item's chance is the prior and its labelled neighbours' answers, weighted by likeness. Blind to examples that resemble
none it knows. `horizon = 0` is greedy. Time (labels + shortlist) * n * d, memory n * d.

Jiang, Malkomes, Converse, Shofner, Moseley & Garnett, Efficient Nonmyopic Active Search, ICML 2017.
Differs: an item speaks for its own k nearest neighbours, not for those that count it among theirs, so that no graph
of the whole pool is needed; only the `shortlist` likeliest items are looked at; a batch is the best by one look ahead,
not re-planned within; prior 0.1 and k = 100 are the authors' as recalled, unverified.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.acquisition import top
from curation.maths.similarity.exact import nearest

CARD = Card(
    title="Active search",
    cost="(labels + shortlist) * n * d time, n * d memory",
    blind_to="positives unlike all labelled ones",
    needs=("known", "embeddings"),
    paper="https://proceedings.mlr.press/v70/jiang17d.html",
    tags=("concept", "search"),
    requires=("torch",),
    labelled=1,
    concept=True,
)


def query(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    horizon: Annotated[
        int, Field(ge=0, le=100_000, description="Number of later queries taken into account; 0 is greedy.")
    ] = 100,
    k: Annotated[int, Field(ge=1, le=10_000, description="Neighbours whose probability a label changes.")] = 100,
    prior: Annotated[
        float, Field(gt=0, lt=1, description="Prior probability of an item without labelled neighbours.")
    ] = 0.1,
    shortlist: Annotated[
        int, Field(ge=1, le=1_000_000, description="Number of most likely items considered; at least the batch.")
    ] = 500,
) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    The concept is the second of two classes. Raises InputError where there are more, or no example is known.

    >>> x = np.array([[1, 0], [1, 0.1], [0.9, 0.1], [0, 1]], np.float32)
    >>> query(View.of(known=np.array([1, -1, -1, -1]), embeddings=x, classes=("any other", "cat")), 2,
    ...       rng=np.random.default_rng(0), k=2).tolist()
    [1, 2]
    """
    known = view.known
    if len(view.classes) > 2:
        raise InputError(
            f"active_search looks for one concept and there are {len(view.classes)} classes: set `concept`, or use "
            "margin"
        )
    if not (known == 1).any():
        raise InputError(
            "active_search needs one labelled example of the concept and there is none: label one, or use "
            "typiclust, probcover or random"
        )
    open_, labelled = np.flatnonzero(known < 0), np.flatnonzero(known >= 0)
    yes, heard = posterior(view.embeddings, known, labelled, k, prior)
    p = (yes / heard)[open_]
    short = top(p, min(max(shortlist, budget), len(open_)), rng)
    if not horizon or not budget:
        return open_[short[:budget]]
    graph = nearest(view.embeddings, k, rows=open_[short])
    place = np.full(len(known), -1)
    place[open_] = np.arange(len(open_))
    touched = np.where(graph.indices >= 0, place[graph.indices], -1)
    gain = look_ahead(p, heard[open_], short, touched, np.maximum(1 - graph.distances, 0), horizon)
    return open_[short[top(gain, budget, rng)]]


def posterior(
    x: np.ndarray, known: np.ndarray, labelled: np.ndarray, k: int, prior: float
) -> tuple[np.ndarray, np.ndarray]:
    """(yes, heard) float64 [n]: the chance of an example is yes / heard = (prior + sum w y) / (1 + sum w)."""
    graph = nearest(x, k, rows=labelled)
    weight = np.where(graph.indices >= 0, np.maximum(1 - graph.distances, 0), 0.0).astype(np.float64)
    rows = np.maximum(graph.indices, 0)  # padding has weight 0
    answers = (known[labelled] == 1)[:, None] * weight
    n = len(known)
    return (
        prior + np.bincount(rows.ravel(), weights=answers.ravel(), minlength=n),
        1.0 + np.bincount(rows.ravel(), weights=weight.ravel(), minlength=n),
    )


def look_ahead(
    p: np.ndarray, heard: np.ndarray, short: np.ndarray, touched: np.ndarray, weight: np.ndarray, horizon: int
) -> np.ndarray:
    """float64 [len(short)]: expected examples among a shortlisted item and the `horizon` best that follow its answer.

    p, heard: float64 [n]. touched: int [s, k], whom each shortlisted item speaks for, -1 none; weight: [s, k].
    """
    # Whoever is not touched keeps its chance, so the best that follow are among the first of these.
    best = np.argsort(-p, kind="stable")[: horizon + touched.shape[1] + 1]
    gain = np.empty(len(short))
    for number, item in enumerate(short):
        there = touched[number] >= 0
        near, w = touched[number][there], weight[number][there].astype(np.float64)
        others = p[best[~np.isin(best, near) & (best != item)]]
        yes = p[near] * heard[near]
        follow = [
            _sum_of_best(np.concatenate([others, (yes + w * answer) / (heard[near] + w)]), horizon)
            for answer in (0.0, 1.0)
        ]
        gain[number] = p[item] * (1 + follow[1]) + (1 - p[item]) * follow[0]
    return gain


def _sum_of_best(values: np.ndarray, count: int) -> float:
    return float(values.sum() if len(values) <= count else np.partition(values, -count)[-count:].sum())
