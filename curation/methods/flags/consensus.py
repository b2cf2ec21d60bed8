"""Consensus: students that never saw the item, its neighbours, and how the labels of the data get mixed up.

Two rounds. First the out-of-fold probabilities, the neighbours' labels and the early epochs of the recorded run, those
in which it does not yet know labels by heart, are multiplied as independent opinions of the true class. The items whose
label they contradict are left out, and fresh students are trained without them, again out of fold: the first ones had
learnt the mistakes along with the rest. Then these students and the neighbours are multiplied, a model of label noise
is fitted (curation/maths/noise.py), and the score is the probability that the given label is wrong: calibrated, so an
item is flagged when it is above one half, and the scores add up to about the number of mistakes. The suggested label is
the most probable other one. Blind to mistakes that students and neighbours share, such as a whole group of look-alikes
with one wrong label, and to a class whose labels are mostly wrong.

Better than each of its parts where it was tried: see docs/mislabels.md for the figures and what did not help.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021 (out-of-fold
probabilities); Zhu, Dong & Liu, Detecting Corrupted Labels Without Training a Model to Predict, ICML 2022 (neighbours);
Liu, Niles-Weed, Razavian & Fernandez-Granda, Early-Learning Regularization Prevents Memorization of Noisy Labels,
NeurIPS 2020 (early epochs); Dawid & Skene, Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm, Applied Statistics 28, 1979 (the noise model). The combination is Winnow's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.view import Flags, View
from curation.maths.noise import posterior
from curation.training.second_opinion import SURE, neighbours, product, second_opinion, wrong

CARD = Card(
    title="Consensus",
    cost="folds * the student's training time, n * C memory",
    blind_to="mistakes that students and neighbours share",
    needs=("probabilities", "neighbours", "dynamics", "labels", "groups"),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("mislabel", "student", "calibrated"),
    requires=("torch",),
)


def flag(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    student: Annotated[str, Ref("students"), Field(description="Who is trained in the second round.")] = "head",
    folds: Annotated[int, Field(ge=2, le=20, description="Parts, each judged by students of the others.")] = 5,
    k: Annotated[int, Field(ge=1, le=200, description="Neighbours that are heard.")] = 20,
) -> Flags:
    """score float64 [m]: the probability that the given label is wrong. suggested: the most probable other label,
    where it is more probable than the given one.

    >>> from functools import partial
    >>> from curation.data.view import Dynamics
    >>> from curation.maths.neighbours import nearest
    >>> from curation.methods.students import head
    >>> x, y = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0), np.repeat([0, 1], 10)
    >>> y[0] = 1  # a mistake
    >>> p = np.where(x == 1, 0.8, 0.2)
    >>> given = {"probabilities": p, "neighbours": nearest(x, 5), "dynamics": Dynamics(np.log(p)[None], "train")}
    >>> students = {"head": partial(head.train, device="cpu")}
    >>> view = View.of(labels=y, groups=np.arange(20), embeddings=x, students=students, **given)
    >>> found = flag(view, rng=np.random.default_rng(0), folds=2, k=5)
    >>> np.flatnonzero(found.flagged).tolist(), found.suggested[0]
    ([0], np.int64(0))
    """
    labels, near = view.labels, neighbours(view, k)
    held_out = second_opinion(view, near, student=student, folds=folds, rng=rng, progress=progress)
    after = posterior(product(held_out, near), labels)[0]
    score = wrong(after, labels)
    flagged = score > SURE
    best = after.argmax(axis=1)
    return Flags(score, flagged, np.where(flagged & (best != labels), best, -1))
