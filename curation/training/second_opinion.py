"""A second opinion on every label: students that never saw the item and were taught without the suspects.

First the out-of-fold probabilities, the neighbours' labels and the early epochs of the recorded run, those in which it
does not yet know labels by heart, are multiplied as independent opinions of the true class, and a model of label noise
(curation/maths/noise.py) says which given labels they contradict. Then fresh students are trained without these items,
again out of fold: the first ones had learnt the mistakes along with the rest.

What `flags/consensus` and `pruners/trusted_coverage` have in common; the papers are named there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.data.view import View
from curation.maths.neighbours import first
from curation.maths.noise import posterior
from curation.maths.trajectories import probabilities
from curation.training.folds import assign

SURE = 0.5  # of a label being wrong: the border between leaving an item and taking it out
_MOST = 0.5  # share of a class that may be left out of training
# A hidden layer and a strong penalty: with mistakes taken out, a freer student than the evidence's has the better eye.
_STUDENT = {"head": {"hidden": 256, "l2": 30.0, "lr": 0.003}}


def second_opinion(
    view: View,
    near: np.ndarray,
    *,
    student: str,
    folds: int,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> np.ndarray:
    """float64 [m, C]: out-of-fold probabilities of all items, by students taught on those whose label is credible.

    near: `neighbours(view, k)`. The view provides probabilities, dynamics, labels, groups and what the student needs.
    """
    labels = view.labels
    by_heart = early(view.dynamics.logits, labels, (view.probabilities.argmax(axis=1) == labels).mean())
    after = posterior(product(view.probabilities, near, by_heart), labels)[0]
    return _second_round(view, ~left_out(wrong(after, labels), labels), student, folds, rng, progress)


def neighbours(view: View, k: int) -> np.ndarray:
    """float64 [m, C]: share of the neighbours' labels, half a vote added to each class; copies have no vote."""
    indices, _ = first(view.neighbours, k)
    heard = (indices >= 0) & (view.groups[indices] != view.groups[:, None])
    votes = np.full((len(view), len(view.classes)), 0.5)
    np.add.at(votes, (np.arange(len(view))[:, None], view.labels[indices]), heard)
    return votes / votes.sum(axis=1, keepdims=True)


def early(logits: np.ndarray, labels: np.ndarray, agreement: float) -> np.ndarray:
    """float64 [m, C]: mean probabilities over the later half of the epochs in which the run agrees with the given
    labels no more often than students who never saw them do (`agreement`); the first epoch where there is none."""
    agrees = np.array([(epoch.argmax(axis=1) == labels).mean() for epoch in logits])
    last = int(np.flatnonzero(agrees <= agreement).max(initial=0))
    chosen = logits[last // 2 : last + 1]
    return sum(probabilities(epoch) for epoch in chosen) / len(chosen)


def product(*opinions: np.ndarray) -> np.ndarray:
    """float64 [m, C]: opinions multiplied class by class; none of them may rule a class out."""
    log = sum(np.log(opinion + 1e-6) for opinion in opinions)
    made = np.exp(log - log.max(axis=1, keepdims=True))
    return made / made.sum(axis=1, keepdims=True)


def wrong(after: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 [m]: probability that the given label is wrong. after: [m, C] p(true class | item, given label)."""
    return np.clip(1.0 - after[np.arange(len(labels)), labels], 0.0, 1.0)


def left_out(wrong: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [m]: items whose label is probably wrong, of no class more than `_MOST`: a class keeps its likeliest."""
    out = wrong > SURE
    for code in np.unique(labels[out]):
        members = np.flatnonzero(labels == code)
        if out[members].sum() > _MOST * len(members):
            likeliest = members[np.argsort(wrong[members], kind="stable")][: len(members) - int(_MOST * len(members))]
            out[likeliest] = False
    return out


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
