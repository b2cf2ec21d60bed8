"""Query synthesis: imagine an item between two classes, then ask for the real one that is nearest to it.

Generative active learning without a generator: every labelled item is paired with the nearest labelled item of another
class, the point half way between them is what a model could not decide, and the nearest unlabelled item to it is asked
for. Closest pairs come first. It works through a similarity index, never looking at the whole pool. An experiment, not
a default. Blind to what a straight line between embeddings leaves out, and to wrong labels, which make false borders.
Time (labels + n) * labels * d, memory n * d.

After Zhu & Bento, Generative Adversarial Active Learning, arXiv 1702.07956, 2017, and Mayer & Timofte, Adversarial
Sampling for Active Learning, WACV 2020, who match generated images to real ones.
Differs: the synthetic item is the mean of two embeddings; no network generates it.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.errors import InputError
from curation.maths.similarity.exact import nearest_other, unit
from curation.maths.similarity.index import Exact

CARD = Card(
    title="Query synthesis",
    cost="labels * n * d time, n * d memory",
    blind_to="what lies off the line between two embeddings; wrong labels mislead it",
    needs=("known", "embeddings"),
    paper="https://arxiv.org/abs/1702.07956",
    tags=("synthesis", "geometry"),
    requires=("torch",),
    labelled=2,
)


def query(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget] of rows that are not labelled yet, in the order to ask for them.

    >>> x = np.array([[1, 0], [0, 1], [1, 0.9], [1, 0.1]], np.float32)
    >>> query(View.of(known=np.array([0, 1, -1, -1]), embeddings=x), 1, rng=np.random.default_rng(0)).tolist()
    [2]
    """
    known, x = view.known, view.embeddings
    open_, labelled = np.flatnonzero(known < 0), np.flatnonzero(known >= 0)
    if len(np.unique(known[labelled])) < 2:
        raise InputError(
            "query_synthesis pairs labelled rows of two classes and there are fewer: label a few of each, or use "
            "typiclust, probcover or random"
        )
    if budget == 0:
        return np.empty(0, np.int64)
    middle = between(x[labelled], known[labelled])
    # As many neighbours of each as make a batch even where they overlap.
    wanted = min(len(open_), max(2 * -(-budget // len(middle)), 10))
    found = Exact(x, open_).search(middle, wanted)
    order = list(dict.fromkeys(found.T.ravel().tolist()))[:budget]  # everyone's nearest, then everyone's second
    rest = np.setdiff1d(np.arange(len(open_)), order)
    return open_[np.concatenate([order, rng.permutation(rest)[: budget - len(order)]]).astype(np.int64)]


def between(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float32 [pairs, d]: the point half way between each row and the nearest of another label, closest pairs first.

    Directions count, so rows are brought to length 1 before; a pair that is each other's nearest stands once.
    """
    x = unit(x)
    other, distance = nearest_other(x, x, apart=(labels, labels))
    pairs = np.sort(np.stack([np.arange(len(x)), other], axis=1), axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    first = first[np.argsort(distance[first], kind="stable")]
    return (x[pairs[first, 0]] + x[pairs[first, 1]]) / 2
