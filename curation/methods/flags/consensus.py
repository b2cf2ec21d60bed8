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
from curation.maths.neighbours import first
from curation.maths.noise import posterior
from curation.maths.trajectories import probabilities
from curation.training.folds import assign

CARD = Card(
    title="Consensus",
    cost="folds * the student's training time, n * C memory",
    blind_to="mistakes that students and neighbours share",
    needs=("probabilities", "neighbours", "dynamics", "labels", "groups"),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("mislabel", "student", "calibrated"),
    requires=("torch",),
)

_SURE = 0.5  # of a label being wrong: the border between leaving it and flagging it
_MOST = 0.5  # share of a class that may be left out of training
# A hidden layer and a strong penalty: with mistakes taken out, a freer student than the evidence's has the better eye.
_STUDENT = {"head": {"hidden": 256, "l2": 30.0, "lr": 0.003}}


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
    labels, near = view.labels, _neighbours(view, k)
    by_heart = _early(view.dynamics.logits, labels, (view.probabilities.argmax(axis=1) == labels).mean())
    wrong = _wrong(posterior(_product(view.probabilities, near, by_heart), labels)[0], labels)
    held_out = _second_round(view, ~_left_out(wrong, labels), student, folds, rng, progress)
    after = posterior(_product(held_out, near), labels)[0]
    score = _wrong(after, labels)
    flagged = score > _SURE
    best = after.argmax(axis=1)
    return Flags(score, flagged, np.where(flagged & (best != labels), best, -1))


def _second_round(
    view: View, clean: np.ndarray, student: str, folds: int, rng: np.random.Generator, progress: Callable
) -> np.ndarray:
    """float64 [m, C]: out-of-fold probabilities of all items, by students trained on the clean ones."""
    from scipy.special import softmax

    fold = assign(view.labels, view.groups, folds, rng)
    train, parts = view.student(student, **_STUDENT.get(student, {})), int(fold.max()) + 1
    found = np.empty((len(view), len(view.classes)))
    for part in range(parts):
        progress(part, parts, f"student {part + 1} of {parts}")
        held, taught = np.flatnonzero(fold == part), np.flatnonzero((fold != part) & clean)
        if not len(taught):  # a handful of items
            taught = np.flatnonzero(fold != part)
        fitted = train(view.subset(taught), seed=int(rng.integers(2**31)))
        found[held] = softmax(fitted.logits(view.subset(held)).astype(np.float64), axis=1)
    return found


def _left_out(wrong: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [m]: items whose label is probably wrong, of no class more than `_MOST`: a class keeps its likeliest."""
    out = wrong > _SURE
    for code in np.unique(labels[out]):
        members = np.flatnonzero(labels == code)
        if out[members].sum() > _MOST * len(members):
            likeliest = members[np.argsort(wrong[members], kind="stable")][: len(members) - int(_MOST * len(members))]
            out[likeliest] = False
    return out


def _neighbours(view: View, k: int) -> np.ndarray:
    """float64 [m, C]: share of the neighbours' labels, half a vote added to each class; copies have no vote."""
    indices, _ = first(view.neighbours, k)
    heard = (indices >= 0) & (view.groups[indices] != view.groups[:, None])
    votes = np.full((len(view), len(view.classes)), 0.5)
    np.add.at(votes, (np.arange(len(view))[:, None], view.labels[indices]), heard)
    return votes / votes.sum(axis=1, keepdims=True)


def _early(logits: np.ndarray, labels: np.ndarray, agreement: float) -> np.ndarray:
    """float64 [m, C]: mean probabilities over the later half of the epochs in which the run agrees with the given
    labels no more often than students who never saw them do (`agreement`); the first epoch where there is none."""
    agrees = np.array([(epoch.argmax(axis=1) == labels).mean() for epoch in logits])
    last = int(np.flatnonzero(agrees <= agreement).max(initial=0))
    chosen = logits[last // 2 : last + 1]
    return sum(probabilities(epoch) for epoch in chosen) / len(chosen)


def _product(*opinions: np.ndarray) -> np.ndarray:
    """float64 [m, C]: opinions multiplied class by class; none of them may rule a class out."""
    log = sum(np.log(opinion + 1e-6) for opinion in opinions)
    product = np.exp(log - log.max(axis=1, keepdims=True))
    return product / product.sum(axis=1, keepdims=True)


def _wrong(after: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.clip(1.0 - after[np.arange(len(labels)), labels], 0.0, 1.0)
