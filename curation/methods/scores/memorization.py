"""Memorization: how much more a student believes an item's label once it was trained on it.

Probability of the given label from the students that saw the item, minus that from the student that did not. High for
items that can only be learnt by heart: mislabelled, atypical, or the only one of their kind. Low for items that others
explain, and for items no student can fit even when it sees them. Blind to redundancy beyond that (near copies in other
folds make each other look unmemorised), and as noisy as the few students behind it: with k folds, one leaves an item
out and k - 1 see it. A linear student learns little by heart, so its memorization says little.

Feldman & Zhang, What Neural Networks Memorize and Why: Discovering the Long Tail via Influence Estimation,
NeurIPS 2020.
Differs: the paper averages the correctness of thousands of students, each on a random 70 % of the data (2,000 for
ImageNet, 4,000 for CIFAR-100; unverified); this is the k-fold proxy that costs nothing beside out-of-fold
probabilities, and by default it compares probabilities, which are finer than right or wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(
    title="Memorization",
    cost="n * C time, n memory",
    blind_to="items no student can fit, and copies that explain each other",
    needs=("probabilities", "in_fold", "labels"),
    paper="https://arxiv.org/abs/2008.03703",
    tags=("probabilities",),
    stochastic=False,
)


def score(
    view: View,
    *,
    measure: Annotated[
        Literal["probability", "correctness"],
        Field(description="What is compared: the probability of the given label, or whether it is the best guess."),
    ] = "probability",
) -> np.ndarray:
    """float64 [m], in -1..1. Higher = memorised.

    >>> out, seen = np.array([[0.9, 0.1], [0.75, 0.25]]), np.array([[1.0, 0.0], [0.25, 0.75]])
    >>> score(View.of(probabilities=out, in_fold=seen, labels=np.array([0, 1]))).round(2)
    array([0.1, 0.5])
    """
    labels, rows = view.labels, np.arange(len(view))

    def belief(p: np.ndarray) -> np.ndarray:
        found = p[rows, labels] if measure == "probability" else p.argmax(axis=1) == labels
        return found.astype(np.float64)

    return belief(view.in_fold) - belief(view.probabilities)
