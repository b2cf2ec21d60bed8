"""Consensus: students that never saw the item, its neighbours, and how the labels of the data get mixed up.

The second opinion, of students that never saw the item and were taught without the suspects (see the evidence
`second_opinion`), and the labels of its neighbours are multiplied as opinions of the true class. A model of label noise
is fitted to them and anchored where they are surest (maths/label_noise/anchors.py), so that what the opinions confuse
themselves is not taken for wrong labels: on clean labels next to nothing is flagged. The score is the probability that
the given label is wrong: calibrated, so an item is flagged when it is above one half, and the scores add up to about
the number of mistakes. The suggested label is the most probable other one.

A class too small to judge is named in a note, and its items get the rate of all others. Copies share one vote, as all
of a group do, and no more neighbours are asked than the class has other members. Blind to mistakes that students and
neighbours share, such as a whole group of look-alikes with one wrong label, and to a class whose labels are mostly
wrong.

Better than each of its parts where it was tried: see docs/mislabels.md for the figures and what did not help.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021 (out-of-fold
probabilities); Zhu, Dong & Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML 2022 (neighbours);
Dawid & Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied Statistics 28, 1979
(the noise model); Patrini, Rozza, Menon, Nock & Qu, Making Deep Neural Networks Robust to Label Noise, CVPR 2017 (its
anchors). The combination is Winnow's own.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.label_noise.anchors import SURE, judge
from curation.maths.label_noise.expert_product import product_of_experts
from curation.maths.label_noise.small_classes import notes
from curation.maths.label_noise.votes import votes
from curation.maths.similarity.exact import first

CARD = Card(
    title="Consensus",
    cost="n * (k + C) once the second opinion is there",
    blind_to="mistakes that students and neighbours share",
    needs=("second_opinion", "neighbours", "labels", "groups", "copies"),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("mislabel", "student", "calibrated"),
    version=4,
    rows="labelled",
    stochastic=False,
)


def flag(
    view: View,
    *,
    k: Annotated[int, Field(ge=1, le=200, description="Number of neighbours that vote.")] = 20,
) -> Flags:
    """score float64 [m]: the probability that the given label is wrong. suggested: the most probable class of a
    flagged item, where it is not the given one.

    >>> from curation.maths.similarity.exact import nearest
    >>> x, y = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0), np.repeat([0, 1], 10)
    >>> y[0] = 1  # a mistake
    >>> given = {"second_opinion": np.where(x == 1, 0.8, 0.2), "neighbours": nearest(x, 5)}
    >>> found = flag(View.of(labels=y, groups=np.arange(20), copies=np.arange(20), **given), k=5)
    >>> np.flatnonzero(found.flagged).tolist(), found.suggested[0]
    ([0], np.int64(0))
    """
    labels = view.labels
    near = votes(first(view.neighbours, k)[0], labels, view.groups, len(view.classes))
    found = judge(product_of_experts(view.second_opinion, near, out=near), labels, view.groups, view.copies)
    flagged = found.wrong > SURE
    suggested = np.where(flagged & (found.likely != labels), found.likely, -1)
    return Flags(found.wrong, flagged, suggested, notes=notes(found.unjudged, view.classes))
