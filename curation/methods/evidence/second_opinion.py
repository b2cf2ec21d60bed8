"""Second opinion: what students think of every item that never saw it and were taught without the suspects.

First the out-of-fold probabilities, the neighbours' labels and the early epochs of the recorded run, those in which it
does not yet know labels by heart, are multiplied as independent opinions of the true class, and a model of label noise
(maths/label_noise/anchors.py) says which given labels they contradict; on clean labels, next to none. Then fresh
students are trained without these items, again out of fold: the first ones had learnt the mistakes along with the rest.
They are taught on train items only, and on one of several copies with the same label; other items are judged by the
students of their fold. Blind to mistakes that students and neighbours share, such as a whole group of look-alikes with
one wrong label.

The flag `consensus` and the pruner `trusted_coverage` stand on it, so that it is trained once for both.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021 (out-of-fold
probabilities, training again without the suspects); Liu, Niles-Weed, Razavian & Fernandez-Granda, Early-Learning
Regularization Prevents Memorization of Noisy Labels, NeurIPS 2020 (early epochs). The combination is Winnow's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.results import Probabilities, width
from curation.data.view import View
from curation.maths.arrays import blocks, probabilities
from curation.maths.label_noise.anchors import judge
from curation.maths.label_noise.expert_product import product_of_experts
from curation.maths.label_noise.suspects import suspects
from curation.maths.label_noise.votes import distinct, votes
from curation.maths.similarity.exact import first
from curation.training.folds import assign_all

# A hidden layer and a strong penalty: with mistakes taken out, a freer student than the evidence's has the better eye.
_STUDENT = {"head": {"hidden": 256, "l2": 30.0, "lr": 0.003}}

_BLOCK = 1 << 17  # rows asked about at once

CARD = Card(
    title="Second opinion",
    cost="folds * the student's training time, n * C memory",
    blind_to="mistakes that students and neighbours share",
    needs=("labels", "groups", "copies", "neighbours", "probabilities", "dynamics"),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("student",),
    version=2,
    requires=("torch",),
    rows="labelled",
)


def gather(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    student: Annotated[str, Ref("students"), Field(description="Student to train without the suspects.")] = "head",
    folds: Annotated[
        int, Field(ge=2, le=20, description="Number of folds; each is judged by students trained on the others.")
    ] = 5,
    k: Annotated[int, Field(ge=1, le=200, description="Number of neighbours that vote.")] = 20,
) -> tuple[Probabilities, dict]:
    """values float [m, C] out of fold, and notes: folds used, suspects that were left out of training.

    >>> from functools import partial
    >>> from curation.data.results import Dynamics
    >>> from curation.maths.similarity.exact import nearest
    >>> from curation.methods.students import head
    >>> x, y = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0), np.repeat([0, 1], 10)
    >>> y[0] = 1  # a mistake
    >>> p = np.where(x == 1, 0.8, 0.2)
    >>> given = {"probabilities": p, "neighbours": nearest(x, 5), "dynamics": Dynamics(np.log(p)[None], "train")}
    >>> students = {"head": partial(head.train, device="cpu")}
    >>> view = View.of(labels=y, groups=np.arange(20), copies=np.arange(20), embeddings=x, students=students, **given)
    >>> found, notes = gather(view, rng=np.random.default_rng(0), folds=2, k=5)
    >>> found.values[0].argmax(), notes["left_out"]
    (np.int64(0), 1)
    """
    teachers, whole, view = view.train, view, view.only_train()
    labels, classes = view.labels, len(view.classes)
    opinion = votes(first(view.neighbours, k)[0], labels, view.groups, classes)
    epochs = early(view.dynamics.logits, labels, (view.probabilities.argmax(axis=1) == labels).mean())
    for part in blocks(*opinion.shape):  # into the votes, for each opinion is n * C numbers
        by_heart = sum(probabilities(epoch[part]) for epoch in epochs) / len(epochs)
        opinion[part] = product_of_experts(view.probabilities[part], opinion[part], by_heart)
    found = judge(opinion, labels, view.groups, view.copies)
    del opinion
    out = suspects(found.wrong, labels)
    fold = assign_all(whole.labels, whole.groups, teachers, folds, rng)
    taught = distinct(labels, view.copies)
    train = whole.student(student, **_STUDENT.get(student, {}))
    values = _out_of_fold(whole, teachers[taught], out[taught], fold, train, rng, progress)
    return Probabilities(values), {"folds": int(fold.max()) + 1, "left_out": int(out.sum())}


def early(logits: np.ndarray, labels: np.ndarray, agreement: float) -> np.ndarray:
    """The logits of the later half of the epochs in which the run agrees with the given labels no more often than
    students who never saw them do (`agreement`); of the first epoch where there is none."""
    agrees = np.array([(epoch.argmax(axis=1) == labels).mean() for epoch in logits])
    last = int(np.flatnonzero(agrees <= agreement).max(initial=0))
    return logits[last // 2 : last + 1]


def _out_of_fold(
    view: View,
    taught: np.ndarray,
    out: np.ndarray,
    fold: np.ndarray,
    train: Callable,
    rng: np.random.Generator,
    progress: Callable,
) -> np.ndarray:
    """float [m, C]: what students trained on other folds think of every item.

    taught: positions they may be trained on. out: bool, which of these are left out, unless nobody else is left.
    """
    from scipy.special import softmax

    parts, shape = int(fold.max()) + 1, (len(view), len(view.classes))
    found = np.empty(shape, width(*shape))
    for part in range(parts):
        progress(part, parts, f"student {part + 1} of {parts}")
        held, others = np.flatnonzero(fold == part), fold[taught] != part
        clean = taught[others & ~out]
        fitted = train(view.subset(clean if len(clean) else taught[others]), seed=int(rng.integers(2**31)))
        for some in np.array_split(held, len(held) // _BLOCK + 1):
            found[some] = softmax(fitted.logits(view.subset(some)).astype(np.float64), axis=1)
    return found
