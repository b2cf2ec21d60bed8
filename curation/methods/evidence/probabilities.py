"""Probabilities: what a student thinks of every item when it was not trained on it.

Stratified k-fold: k students, each trained on k-1 folds and asked about the one left out. In-sample probabilities
would hide mistakes, because a student learns wrong labels by heart. Exact copies share a fold, or one copy would give
the other's label away. Rows that are no train rows are judged in the same way and teach nobody: the student of their
fold has seen neither them nor train rows of their group. Blind to mistakes a student makes on its own: a probability
is only as good as the student. A class with fewer different items than folds is absent from some student's training;
that student gives it next to no probability.

Northcutt, Jiang & Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021, section 3.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.results import Probabilities, width
from curation.data.view import View
from curation.errors import InputError
from curation.training.folds import assign_all

CARD = Card(
    title="Out-of-fold probabilities",
    version=3,
    cost="folds * the student's training time, n * C memory",
    blind_to="errors of the student itself",
    needs=("labels", "groups"),
    paper="https://arxiv.org/abs/1911.00068",
    tags=("student",),
    gives=("in_fold",),
    rows="labelled",
)


_BLOCK = 1 << 17  # rows asked about at once


def gather(
    view: View,
    *,
    rng: np.random.Generator,
    progress=None,
    student: Annotated[
        str, Ref("students"), Field(description="Student that predicts, trained anew for every fold.")
    ] = "head",
    folds: Annotated[
        int, Field(ge=2, le=50, description="Number of folds; each is predicted by a student trained on the others.")
    ] = 5,
) -> tuple[Probabilities, dict]:
    """values float [m, C] out of fold, in_fold [m, C] of the students that saw the item (NaN where none did), and
    notes: folds used, share of the train rows predicted as labelled.

    >>> from functools import partial
    >>> from curation.methods.students import head
    >>> x = np.repeat(np.eye(2, dtype=np.float32), 4, axis=0)
    >>> y, content = np.repeat([0, 1], 4), np.arange(8)
    >>> students = {"head": partial(head.train, device="cpu")}
    >>> view = View.of(embeddings=x, labels=y, groups=content, students=students)
    >>> p, notes = gather(view, rng=np.random.default_rng(0), folds=2)
    >>> (p.values.argmax(axis=1) == y).all(), notes["accuracy"]
    (np.True_, 1.0)
    """
    labels, teachers = view.labels, view.train
    if len(present := np.unique(labels[teachers])) < 2:
        only = view.classes[present[0]] if len(present) else "none"
        raise InputError(f"out-of-fold probabilities need items of at least two classes; found: {only}")
    fold = assign_all(labels, view.groups, teachers, folds, rng)
    used = int(fold[teachers].max()) + 1
    train = view.student(student)
    shape = len(view), len(view.classes)
    probabilities = np.empty(shape, width(*shape))
    seen = np.full_like(probabilities, np.nan)
    seen[teachers] = 0
    for k in range(used):
        if progress is not None:
            progress(k, used, f"student {k + 1} of {used}")
        held, taught = np.flatnonzero(fold == k), teachers[fold[teachers] != k]
        fitted = train(view.subset(taught), seed=int(rng.integers(2**31)))
        for part in np.array_split(held, len(held) // _BLOCK + 1):
            probabilities[part] = _softmax(fitted.logits(view.subset(part)))
        for part in np.array_split(taught, len(taught) // _BLOCK + 1):
            seen[part] += _softmax(fitted.logits(view.subset(part))) / (used - 1)
    accuracy = float((probabilities[teachers].argmax(axis=1) == labels[teachers]).mean())
    return Probabilities(probabilities, in_fold=seen), {"folds": used, "accuracy": round(accuracy, 4)}


def _softmax(logits: np.ndarray) -> np.ndarray:
    from scipy.special import softmax

    return softmax(logits.astype(np.float64), axis=1)
