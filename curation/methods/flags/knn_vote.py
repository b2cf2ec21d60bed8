"""k-NN vote: items whose nearest neighbours carry another label.

The score is the share of votes against the given label; an item is flagged when another label wins the vote with at
least `majority`. An item asks no more neighbours than its class has other members; its own copies and group have no
vote on it, those of a neighbour share one. A class too small to judge is named in a note and never flagged. Copies that
carry different labels are another flag's business (`conflicting_labels`). Blind to mistakes that come in clusters (they
confirm each other), and sceptical of rare classes unless `even` is set. Time m * k, memory m * C.

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
from curation.maths.label_noise import small_classes
from curation.maths.label_noise.votes import vote_weights
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
    """score float64 [m] in [0, 1], share of votes against the given label; 0 for an item nobody votes on, and in a
    class too small to judge.

    suggested: the winning label of a flagged item; of equal ones the lower code.

    >>> from curation.data.results import Neighbours
    >>> near = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [5, 6, 0], [4, 6, 0], [4, 5, 0]])
    >>> graph, labels = Neighbours(near, np.full(near.shape, 0.1)), np.array([0, 0, 0, 1, 1, 1, 1])
    >>> found = flag(View.of(neighbours=graph, labels=labels, groups=np.arange(7)), k=2)
    >>> found.suggested.tolist(), found.score.tolist()
    ([-1, -1, -1, 0, -1, -1, -1], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    """
    labels = view.labels
    votes = _votes(view, k, weights)
    if even:
        votes /= np.maximum(np.bincount(labels, minlength=votes.shape[1]), 1)
    total = votes.sum(axis=1, keepdims=True)
    share = np.divide(votes, total, out=np.zeros_like(votes), where=total > 0)
    rows = np.arange(len(labels))
    winner = share.argmax(axis=1)
    small = small_classes.too_small(share, labels, view.groups)
    judged = (total[:, 0] > 0) & ~np.isin(labels, small)
    flagged = judged & (winner != labels) & (share[rows, winner] >= majority)
    return Flags(
        score=np.where(judged, np.clip(1.0 - share[rows, labels], 0.0, 1.0), 0.0),
        flagged=flagged,
        suggested=np.where(flagged, winner, -1),
        notes=small_classes.notes(small, view.classes),
    )


def _votes(view: View, k: int, weights: str) -> np.ndarray:
    """float64 [m, C]: weight of the k nearest per label, of those that are asked."""
    indices, distances = first(view.neighbours, k)
    labels = view.labels
    counts = vote_weights(indices, labels, view.groups)
    similarity = np.where(counts > 0, 1.0 - distances.astype(np.float64), -np.inf)
    if weights == "uniform":
        weight = np.ones(indices.shape)
    elif weights == "similarity":
        weight = np.maximum(similarity, 0.0)
    else:  # relative to the best, which leaves shares as they are and cannot overflow
        best = similarity.max(axis=1, keepdims=True, initial=-1e9)
        weight = np.exp((similarity - best) / 0.07)
    votes = np.zeros((len(labels), max(len(view.classes), int(labels.max()) + 1)))
    np.add.at(votes, (np.arange(len(labels))[:, None], labels[indices]), np.where(counts > 0, counts * weight, 0.0))
    return votes
