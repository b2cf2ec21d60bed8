"""AUM with threshold samples: how low a margin gets when a label is certainly wrong, measured rather than guessed.

A student is trained twice with one more class. Each time other items, one class's worth of them drawn at random, carry
that class although nothing unites them: whatever margin they reach was learnt by heart. Flagged is every item whose
margin over training stays below what the best 1 % of them reach, in each run that judged it. Blind to redundancy, and
to mistakes a student learns as easily as the rest. With few classes the one more class is a large part of the data,
and a student that learns much by heart gives it margins as good as any: then far too much is flagged, though the
score still ranks. Two more trainings, which no other method here asks for.

Pleiss, Zhang, Elenberg & Weinberger, Identifying Mislabeled Data using the Area Under the Margin Ranking,
NeurIPS 2020.
Differs: n // C threshold items per run, as in the published code (the paper's n / (C + 1) is unverified); the student
keeps its own schedule, where the paper trains 150 epochs at a constant rate with batches of 64; the percentile lies
between the two nearest threshold items in proportion (numpy's default).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.results import Flags
from curation.data.view import View
from curation.errors import InputError
from curation.maths.arrays import margins
from curation.training.record import RunRecord

CARD = Card(
    title="AUM with threshold samples",
    cost="2 * the student's training time, E * n * C memory",
    blind_to="mistakes a student learns as easily as the rest",
    needs=("labels",),
    paper="https://arxiv.org/abs/2001.10528",
    tags=("mislabel", "student", "slow"),
)


def flag(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    student: Annotated[str, Ref("students"), Field(description="Student to train, twice.")] = "head",
    epochs: Annotated[
        int, Field(ge=0, le=1000, description="Epochs to train for; 0 takes the student's own number.")
    ] = 0,
    skip: Annotated[int, Field(ge=0, le=100, description="First epochs to leave out; the paper's code skips one.")] = 1,
    percentile: Annotated[
        float, Field(ge=0, le=100, description="Percentile of the threshold items' margins an item must stay below.")
    ] = 99.0,
) -> Flags:
    """score float64 [m] in [0, 1], above 0.5 exactly where flagged: how far the margin lies below the threshold.

    suggested: the class with the highest mean logit, for flagged items it differs for.
    Raises InputError for less than two classes, and for fewer items than classes.

    >>> from functools import partial
    >>> from curation.methods.students import head
    >>> given = {name: toy.arrays()[name] for name in ("embeddings", "labels")}
    >>> view = View.of(**given, students={"head": partial(head.train, device="cpu", hidden=32)})
    >>> made = flag(view, rng=np.random.default_rng(0))
    >>> bool(made.score[toy.MISTAKES].mean() > made.score.mean())
    True
    """
    from scipy.special import expit

    labels, m, classes = view.labels, len(view), len(view.classes)
    if classes < 2 or m < classes:
        raise InputError(
            f"aum_threshold uses as many threshold items as a class has on average, so it needs at least two classes "
            f"and an item for each; there are {m:,} items of {classes} classes"
        )
    blocks = rng.permutation(m)[: 2 * (m // classes)].reshape(2, -1)
    score, tally = np.ones(m), np.zeros((m, classes))
    for number, block in enumerate(blocks):
        progress(number, 2, f"student {number + 1} of 2")
        given = labels.copy()
        given[block] = classes
        run = _train(view.relabelled(given, [*view.classes, "threshold"]), student, epochs, rng)
        run = run[min(skip, len(run) - 1) :]  # a run of one epoch is all there is
        aum = np.mean([margins(epoch, given) for epoch in run], axis=0)
        judged = np.ones(m, bool)
        judged[block] = False
        limit, scale = np.percentile(aum[block], percentile), max(aum.std(), 1e-9)
        score[judged] = np.minimum(score[judged], expit((limit - aum[judged]) / scale))
        tally += np.mean(run, axis=0, dtype=np.float64)[:, :classes]
    progress(2, 2)
    flagged, best = score > 0.5, tally.argmax(axis=1)
    return Flags(score=score, flagged=flagged, suggested=np.where(flagged & (best != labels), best, -1))


def _train(view: View, student: str, epochs: int, rng: np.random.Generator) -> np.ndarray:
    """Logits float16 [E, m, C + 1] of one recorded run."""
    train = view.student(student, epochs=epochs) if epochs else view.student(student)
    run = RunRecord(len(view), len(view.classes), "train")
    train(view, seed=int(rng.integers(2**31)), record=run)
    return run.logits
