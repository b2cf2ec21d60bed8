"""Conflicting labels: exact copies of one item that carry different labels.

One of them must be wrong, whatever anybody's features or students say: the surest mistakes there are, and they cost
nothing to find. Where one label is more common among the copies than any other, the copies with another are flagged,
and it is suggested; where none is, all copies are. The score is the share of an item's copies, itself included, that
disagree with its label: what the chance of a mistake would be if one label of the copies is right, and each is as
likely. Blind to mistakes that all copies share, and to near copies. Time and memory m.

The check is known as that of deepchecks; Barz & Denzler, Do We Train on Test Data? Purging CIFAR of Near-Duplicates,
Journal of Imaging 2020, found such copies in CIFAR.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View

CARD = Card(
    title="Conflicting labels",
    cost="n log(n) time, n memory",
    blind_to="mistakes that all copies share, and near copies",
    needs=("labels", "copies"),
    paper="https://arxiv.org/abs/1902.00423",
    tags=("mislabel",),
    rows="labelled",
    stochastic=False,
    exceptions=(("planted mistakes score above clean items", "it looks at exact copies only"),),
)


def flag(view: View) -> Flags:
    """score float64 [m] in [0, 1), share of the copies with another label; suggested: their most common label.

    >>> found = flag(View.of(labels=np.array([0, 0, 1, 2, 1]), copies=np.array([5, 5, 5, 8, 8])))
    >>> found.score.round(2).tolist(), found.flagged.tolist(), found.suggested.tolist()
    ([0.33, 0.33, 0.67, 0.5, 0.5], [False, False, True, True, True], [-1, -1, 0, -1, -1])
    """
    labels = view.labels
    _, group, size = np.unique(view.copies, return_inverse=True, return_counts=True)
    kind, of_item, count = np.unique(np.stack([group, labels]), axis=1, return_inverse=True, return_counts=True)
    most = np.zeros(len(size), np.int64)
    np.maximum.at(most, kind[0], count)
    leads = count == most[kind[0]]
    alone = np.bincount(kind[0][leads], minlength=len(size)) == 1  # one label leads, not several
    leader = np.full(len(size), -1)
    leader[kind[0][leads]] = kind[1][leads]
    leader[~alone] = -1
    flagged = (count[of_item] < size[group]) & (labels != leader[group])
    return Flags(
        score=1.0 - count[of_item] / size[group],
        flagged=flagged,
        suggested=np.where(flagged, leader[group], -1),
    )
