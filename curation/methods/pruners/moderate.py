"""Moderate: the items whose distance to the middle of their class is closest to the median distance.

Neither the typical nor the strange: the prototype of a class is the coordinate-wise median of its embeddings, items
are ordered by their distance to it, all classes together, and the middle of that order is kept. Blind to redundancy
and to the balance of classes (a tight class lies at one end of the order and may vanish; `balance` in the recipe
prevents it). Time n * d + n log n, memory n * d.

Xia, Liu, Yu, Shen, Han & Liu, Moderate Coreset: A Universal Method of Data Selection for Real-world Data-efficient
Deep Learning, ICLR 2023.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties

CARD = Card(
    title="Moderate",
    cost="n * d + n log n time, n * d memory",
    blind_to="redundancy, and the balance of classes",
    suits="data whose extremes are either trivial or wrong",
    seconds=(0.013, 0.11),
    grid=63.19,
    needs=("embeddings", "labels"),
    paper="https://openreview.net/forum?id=7D5EECbOaf9",
    tags=("geometry",),
    nested=True,
)


def select(view: View, budget: int, *, rng: np.random.Generator) -> np.ndarray:
    """Positions int64 [budget], from the median distance outwards; equal distances in an order drawn by the seed.

    The kept window is the published one, ranks n (1/2 - f/2) to n (1/2 + f/2), wherever those are whole numbers.

    >>> view = View.of(embeddings=np.array([[0.0], [1.0], [3.0], [6.0]]), labels=np.zeros(4, int))
    >>> sorted(select(view, 2, rng=np.random.default_rng(0)).tolist())  # median 2: distances 2, 1, 1, 4
    [0, 2]
    """
    x, labels = view.embeddings, view.labels
    distance = np.zeros(len(labels))
    for code in np.unique(labels):
        members = np.flatnonzero(labels == code)
        own = x[members]
        distance[members] = np.linalg.norm(own - np.median(own, axis=0), axis=1)
    near_first = argsort_random_ties(distance, rng)
    outwards = np.argsort(np.abs(np.arange(len(labels)) - (len(labels) - 1) / 2), kind="stable")
    return near_first[outwards][:budget]
