"""k-NN vote: items whose nearest neighbours carry another label.

The score is the share of votes against the given label; an item is flagged when another label wins the vote with at
least `majority`. Copies of an item have no vote on it; where copies carry different labels one of them must be wrong,
so every copy that the vote does not confirm is flagged, with the highest score. Blind to mistakes that come in
clusters (they confirm each other), and sceptical of rare classes unless `even` is set. Time m * k, memory m * C.

Zhu, Dong & Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML 2022 (the vote, k = 10);
Wu, Xiong, Yu & Lin, Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018
(the softmax weights, temperature 0.07).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.similarity.exact import first

CARD = Card(
    title="k-NN vote",
    cost="n * k time, n * C memory",
    blind_to="mistakes that lie together, and classes too rare to have neighbours of their own",
    needs=("neighbours", "labels", "groups"),
    paper="https://arxiv.org/abs/2110.06283",
    tags=("mislabel",),
    version=3,
    rows="labelled",
    stochastic=False,
)


def flag(
    view: View,
    *,
    k: Annotated[int, Field(ge=1, le=200, description="Neighbours that vote.")] = 10,
    weights: Annotated[
        Literal["uniform", "similarity", "softmax"],
        Field(description="What a vote weighs: one, the cosine similarity, or exp(similarity / 0.07)."),
    ] = "uniform",
    majority: Annotated[
        float, Field(ge=0, le=1, description="Smallest share of the votes another label needs to be suggested.")
    ] = 0.5,
    even: Annotated[
        bool, Field(description="Divide votes by the frequency of their label, so that rare classes count.")
    ] = False,
) -> Flags:
    """score float64 [m] in [0, 1], share of votes against the given label; 0 for an item nobody votes on.

    suggested: the winning label of a flagged item; of equal ones the lower code.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1, 2], [0, 2], [0, 1]]), np.full((3, 2), 0.1))
    >>> view = View.of(neighbours=graph, labels=np.array([0, 0, 1]), groups=np.arange(3))
    >>> flag(view, k=2).suggested.tolist(), flag(view, k=2).score.tolist()
    ([-1, -1, 0], [0.5, 0.5, 1.0])
    """
    labels, groups = view.labels, view.groups
    votes = _votes(view, k, weights)
    if even:
        votes /= np.maximum(np.bincount(labels, minlength=votes.shape[1]), 1)
    total = votes.sum(axis=1, keepdims=True)
    share = np.divide(votes, total, out=np.zeros_like(votes), where=total > 0)
    rows = np.arange(len(labels))
    winner, heard = share.argmax(axis=1), total[:, 0] > 0
    score = np.where(heard, 1.0 - share[rows, labels], 0.0)
    other = heard & (winner != labels)
    flagged = other & (share[rows, winner] >= majority)

    contradicted = _contradicted(labels, groups) & (other | ~heard)
    score[contradicted], flagged[contradicted] = 1.0, True
    return Flags(
        score=np.clip(score, 0.0, 1.0),
        flagged=flagged,
        suggested=np.where(flagged & heard, winner, -1),
    )


def _votes(view: View, k: int, weights: str) -> np.ndarray:
    """float64 [m, C]: weight of the k nearest per label, without padding and without copies of the item itself."""
    indices, distances = first(view.neighbours, k)
    labels, groups = view.labels, view.groups
    votes_at_all = (indices >= 0) & (groups[indices] != groups[:, None])
    similarity = np.where(votes_at_all, 1.0 - distances.astype(np.float64), -np.inf)
    if weights == "uniform":
        weight = np.ones(indices.shape)
    elif weights == "similarity":
        weight = np.maximum(similarity, 0.0)
    else:  # relative to the best, which leaves shares as they are and cannot overflow
        best = similarity.max(axis=1, keepdims=True, initial=-1e9)
        weight = np.exp((similarity - best) / 0.07)
    votes = np.zeros((len(labels), max(len(view.classes), int(labels.max()) + 1)))
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[indices]), np.where(votes_at_all, weight, 0.0))
    return votes


def _contradicted(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """bool [m]: items with an exact copy that carries another label."""
    _, group = np.unique(groups, return_inverse=True)
    low, high = np.full(group.max() + 1, labels.max()), np.zeros(group.max() + 1, labels.dtype)
    np.minimum.at(low, group, labels)
    np.maximum.at(high, group, labels)
    return (low != high)[group]
