"""SimiFeat: labels that the neighbourhood of frozen features outvotes, or that are least likely in a noisy class.

Every item collects votes of its k nearest, itself included, weighted by similarity. "vote" flags items whose label
loses. "rank" first estimates from the labels of nearest neighbours how often each class is mislabelled (the
consensus of two neighbours, without any clean data), then flags that share of each class, lowest votes first. No
student is trained. A class too small to judge is named in a note and never flagged. Blind to mistakes that lie
together, and to classes the encoder mixes up: there it takes neighbours' confusion for label noise.

Zhu, Dong & Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML 2022. Zhu, Song & Liu,
Clusterability as an Alternative to Anchor Points When Learning with Noisy Labels, ICML 2021 (the estimate).
Differs: 21 rounds over random subsets of the voters stand in for 21 passes over random augmentations, because
embeddings are frozen; neighbours come from the shared graph; an item is told from its neighbours by its number, where
the published code drops the nearest, whoever that is; an item's own copies and group have no vote on it, those of a
neighbour share one, and an item asks no more neighbours than its class has other members; a class estimated to be clean
is left alone, where the code flags 5 % of it; and an item all of whose neighbours agree with it is never flagged. Where
there are many kinds of label triples (about 100 classes and more) only the most common enter the estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.label_noise import small_classes
from curation.maths.label_noise.transitions import consensus, estimate
from curation.maths.label_noise.votes import vote_weights
from curation.maths.similarity.exact import first

CARD = Card(
    title="SimiFeat",
    cost="rounds * n * k + 400 * C^3 time, n * C memory; 20 s of it at 1,000 classes",
    blind_to="mistakes that lie together, and classes the encoder mixes up",
    needs=("neighbours", "labels", "groups"),
    paper="https://arxiv.org/abs/2110.06283",
    tags=("mislabel",),
    version=3,
    requires=("torch",),
    rows="labelled",
)

_JITTER = 0.05  # published: how far a round may take a class for cleaner or noisier than estimated


def flag(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    method: Annotated[
        Literal["rank", "vote"],
        Field(description="Flag the estimated share of each class, or every item whose label loses the vote."),
    ] = "rank",
    k: Annotated[int, Field(ge=2, le=200, description="Voters per item, the item itself included.")] = 10,
    rounds: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="Number of rounds, each with other voters; an item is flagged when half of them flag it.",
        ),
    ] = 21,
    share: Annotated[float, Field(gt=0, le=1, description="Share of all items that vote in a round.")] = 0.7,
    offset: Annotated[
        float, Field(gt=0, le=10, description="Factor on the estimated clean share of a class; below 1 flags more.")
    ] = 1.0,
) -> Flags:
    """score float64 [m] in [0, 1], 1 - the given label's part of the votes (as a vector of length 1), mean over rounds;
    0 in a class too small to judge.

    suggested: the winner over all rounds, for flagged items it differs for.

    >>> made = flag(toy.view(), rng=np.random.default_rng(0), method="vote")
    >>> bool(made.flagged[toy.MISTAKES].all()), int(made.flagged.sum())
    (True, 9)
    """
    labels, m = view.labels, len(view)
    classes = max(len(view.classes), int(labels.max(initial=0)) + 1)
    indices, distances = view.neighbours.indices, view.neighbours.distances
    first(view.neighbours, k - 1)  # refuses in words when too few were gathered
    counts = vote_weights(indices, labels, view.groups)
    subsets = [rng.random(m) < share if share < 1 else np.ones(m, bool) for _ in range(rounds)]
    noise = _noise(indices, counts, labels, classes, subsets, rng, progress) if method == "rank" else None

    own, won, tally = np.zeros(m), np.zeros(m, int), np.zeros((m, classes))
    for number, voters in enumerate(subsets):
        votes = _votes(indices, distances, counts, labels, classes, voters, k)
        fit = votes[np.arange(m), labels]
        heard = votes.any(axis=1)
        if noise is None:
            noisy = heard & (fit < votes.max(axis=1))
        else:
            jitter = rng.uniform(-_JITTER, _JITTER, classes)
            clean = np.minimum(offset * (1 - noise + jitter), 1)
            noisy = heard & _lowest(fit, labels, np.clip(1 - clean, 0, 0.95))
        own += np.where(heard, fit, 1.0)
        won += noisy
        tally += votes
        progress(number + 1, rounds)
    small = small_classes.too_small(tally, labels, view.groups)
    judged, best = ~np.isin(labels, small), tally.argmax(axis=1)
    flagged = judged & (2 * won >= rounds)
    return Flags(
        score=np.where(judged, np.clip(1.0 - own / rounds, 0.0, 1.0), 0.0),
        flagged=flagged,
        suggested=np.where(flagged & (best != labels), best, -1),
        notes=small_classes.notes(small, view.classes),
    )


def _votes(
    indices: np.ndarray,
    distances: np.ndarray,
    counts: np.ndarray,
    labels: np.ndarray,
    classes: int,
    voters: np.ndarray,
    k: int,
) -> np.ndarray:
    """float64 [m, C], rows of length 1: similarity per label of the k - 1 nearest voters and of the item itself, whose
    distance is drawn on from those of its first two neighbours. Rows without voters are 0."""
    m = len(labels)
    asked = (counts > 0) & voters[indices]
    asked &= asked.cumsum(axis=1) < k
    rows, columns = np.nonzero(asked)
    near = distances[rows, columns].astype(np.float64)
    weight = np.maximum(1.0 - near, 0.0) * counts[rows, columns]
    votes = np.zeros((m, classes))
    np.add.at(votes, (rows, labels[indices[rows, columns]]), weight)
    # The two nearest voters of every row; where there is one, it stands for both.
    count, near = asked.sum(axis=1), np.append(near, 1.0)
    start = np.minimum(np.searchsorted(rows, np.arange(m)), len(rows))
    apart = 2 * near[start] - near[np.where(count > 1, start + 1, start)]
    votes[np.arange(m), labels] += np.where(count > 0, np.maximum(1.0 - apart, 0.0), 0.0)
    length = np.linalg.norm(votes, axis=1, keepdims=True)
    return np.divide(votes, length, out=np.zeros_like(votes), where=length > 0)


def _noise(
    indices: np.ndarray,
    counts: np.ndarray,
    labels: np.ndarray,
    classes: int,
    subsets: list[np.ndarray],
    rng: np.random.Generator,
    progress: Callable,
) -> np.ndarray:
    """float64 [C]: the estimated share of each class's labels that are wrong."""
    found = []
    for voters in subsets:
        asked = (counts > 0) & voters[indices] & voters[:, None]
        asked &= asked.cumsum(axis=1) <= 2
        whole = np.flatnonzero(asked.sum(axis=1) == 2)
        pair = indices[whole][asked[whole]].reshape(-1, 2)
        found.append(np.column_stack([labels[whole], labels[pair]]))
    triples = np.concatenate(found)
    if len(triples) == 0:  # hardly any rows: nothing is known against any class
        return np.zeros(classes)
    t, p = estimate(consensus(triples, classes), rng, progress=progress)
    given = t.T @ p
    return 1 - np.divide(np.diag(t) * p, given, out=np.ones(classes), where=given > 0)


def _lowest(fit: np.ndarray, labels: np.ndarray, share: np.ndarray) -> np.ndarray:
    """bool [m]: the `share` [C] of every class that fits worst; those that fit without any doubt are not among them."""
    worst = np.zeros(len(fit), bool)
    for code in np.unique(labels):
        rows = np.flatnonzero(labels == code)
        cut = np.quantile(fit[rows], share[code])
        worst[rows] = (fit[rows] <= cut) & (share[code] > 0)
    return worst & (fit < 1 - 1e-9)
