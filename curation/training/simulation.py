"""Growing a labelled set in simulation: a labelled pool hides its labels and answers when it is asked.

Everything random about the setting (what is labelled to begin with, which answers are wrong, which rows are thinned)
is drawn once from the seed and is the same for every strategy, so strategies differ by what they ask and by nothing
else. A row asked twice would give the same answer: the noise is the item's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.data.view import View
from curation.errors import InputError
from curation.training.active_learning import COLD, OTHERS, Learner, Reach, as_concept, next_batch

OUTSIDE = -2  # the answer "none of these classes"


@dataclass(frozen=True)
class Setting:
    """A pool of n rows. told: int64, the answer a row gives: a code, or `OUTSIDE`. right: the true answer.

    start: rows labelled from the beginning. playing: bool, rows that are in the pool at all.
    """

    told: np.ndarray
    right: np.ndarray
    start: np.ndarray
    playing: np.ndarray


def setting(
    truth: np.ndarray,
    classes: Sequence[str],
    *,
    concept: int | None = None,
    start: int = 5,
    others: int = 95,
    noise: float = 0.0,
    rare: float = 0.0,
    outside: Sequence[str] = (),
    outside_share: float = 0.1,
    seed: int = 0,
) -> Setting:
    """truth: int64 [n] codes into classes, -1 = this row has no label and does not play.

    concept: one class against all others; codes are then 0 (any other) and 1. start: labels per class to begin with,
    of the concept where there is one, and then `others` of all other classes. rare: share of the pool the concept is
    thinned to. outside: classes that are none of ours, thinned to outside_share of the pool. noise: share of answers
    that name another class, drawn evenly.
    """
    rng = np.random.default_rng([seed, 7])
    for name in outside:
        if name not in classes:
            raise InputError(f"[grow.simulate] outside = {name!r} is no class of this source: {', '.join(classes)}")
    is_outside = np.isin(truth, [classes.index(name) for name in outside])
    if concept is not None and classes[concept] in outside:
        raise InputError(f"[grow.simulate] outside names the concept {classes[concept]!r} itself; choose another class")
    playing = truth >= 0
    if outside:
        playing = _thinned(playing, is_outside, outside_share, rng)
    if concept is not None and rare:
        playing = _thinned(playing, truth == concept, rare, rng)
    inside = [code for code, name in enumerate(classes) if name not in outside and (truth == code).any()]
    if len(inside) < 2:
        raise InputError("[grow.simulate] needs labelled train rows of at least two classes")
    told = truth.copy()
    wrong = np.flatnonzero((rng.random(len(truth)) < noise) & (truth >= 0) & ~is_outside)
    place = np.searchsorted(inside, truth[wrong])
    told[wrong] = np.array(inside)[(place + rng.integers(1, len(inside), len(wrong))) % len(inside)]
    order = rng.permutation(np.flatnonzero(playing & ~is_outside))
    if concept is None:
        first = np.concatenate([order[truth[order] == code][:start] for code in inside])
    else:
        positive = order[truth[order] == concept][:start]
        if start and not len(positive):
            raise InputError(
                f"[grow.simulate] no train row is labelled {classes[concept]!r}: the concept has no example"
            )
        first = np.concatenate([positive, order[truth[order] != concept][:others]])
        told, truth = as_concept(told, concept), as_concept(truth, concept)
    return Setting(np.where(is_outside, OUTSIDE, told), np.where(is_outside, OUTSIDE, truth), first, playing)


def grow(
    pool: View,
    setting: Setting,
    classes: Sequence[str],
    strategy: Callable[[View, int], np.ndarray],
    *,
    needs: Sequence[str],
    train: Callable,
    batch: int,
    rounds: int,
    test: View,
    test_codes: np.ndarray,
    seed: int = 0,
    reach: Reach | None = None,
    costs: np.ndarray | None = None,
    cold: str = COLD,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """(rows in the order asked, a line per round). rounds = 0: everything is labelled at once, the ceiling.

    A line: labels, cost, accuracy, worst_class, average_precision (mean over classes, and per class), positives (of
    the concept, by the truth, where there is one), outside and wrong (questions wasted), considered (rows scored so
    far, each counted once) and fraction_considered of those that could be asked for, score_ops (counted every time),
    fit_seconds of this round's model and pick_seconds of the batch that led here.
    """
    n = len(pool)
    known, open_ = np.full(n, -1, np.int64), setting.playing.copy()
    rng = np.random.default_rng([seed, 1])
    scored = np.zeros(n, bool)
    asked: list[np.ndarray] = [np.flatnonzero(open_) if rounds == 0 else setting.start]
    history: list[dict[str, Any]] = []
    ops, seconds = 0, 0.0
    for number in range(rounds + 1):
        rows = asked[-1]
        open_[rows] = False
        answer = setting.told[rows]
        known[rows[answer >= 0]] = answer[answer >= 0]
        learner = Learner(pool, known, classes, train, seed, cold)
        done = np.concatenate(asked)
        line = {
            "labels": len(done),
            "cost": float(len(done) if costs is None else costs[done].sum()),
            **({"positives": int((setting.right[done] == 1).sum())} if classes[0] == OTHERS else {}),
            "outside": int((setting.right[done] < 0).sum()),
            "wrong": int((setting.right[done] != setting.told[done]).sum()),
        }
        line |= {} if learner.lacks else metrics(learner.predict(test), test_codes)
        line |= {
            "considered": int(scored.sum()),
            "fraction_considered": float(scored.sum() / max(setting.playing.sum() - len(setting.start), 1)),
            "score_ops": ops,
            "fit_seconds": learner.seconds,
            "pick_seconds": seconds,
        }
        history.append(line)
        progress(number, rounds, f"{len(done):,} labels")
        if number == rounds or not open_.any():
            break
        if reach is not None:
            reach.extend(np.flatnonzero(known >= 0))
        scored |= open_ if reach is None else open_ & reach.inside
        started = time.perf_counter()
        made = next_batch(pool, known, open_, learner, strategy, needs, batch, rng, reach=reach, costs=costs)
        seconds = time.perf_counter() - started
        ops += made.considered
        asked.append(made.rows)
    return np.concatenate(asked), history


def _thinned(playing: np.ndarray, some: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """`playing` with as many of `some` taken out, at random, as makes them `share` of the rest; at least one stays."""
    there = np.flatnonzero(playing & some)
    keep = max(1, round(share / (1 - share) * (playing & ~some).sum())) if share < 1 else len(there)
    thinned = playing.copy()
    thinned[rng.permutation(there)[keep:]] = False
    return thinned


def metrics(p: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """accuracy, worst_class (of the classes in truth), and average precision of every class against the others.

    p: [m, C] probabilities, truth: int64 [m]. average_precision is the mean over the classes in truth, or that of the
    concept (the second of two classes).

    >>> p = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
    >>> {name: round(v, 3) for name, v in metrics(p, np.array([0, 1, 1])).items() if name != "precisions"}
    {'accuracy': 0.667, 'worst_class': 0.5, 'average_precision': 1.0}
    """
    from sklearn.metrics import average_precision_score

    guess, classes = p.argmax(axis=1), np.unique(truth)
    right = [float((guess[truth == code] == code).mean()) for code in classes]
    precisions: list[float | None] = [None] * p.shape[1]
    for code in classes:
        precisions[code] = float(average_precision_score(truth == code, p[:, code]))
    known = [value for value in precisions if value is not None]
    two = p.shape[1] == 2 and precisions[1] is not None
    return {
        "accuracy": float((guess == truth).mean()),
        "worst_class": min(right),
        "average_precision": precisions[1] if two else float(np.mean(known)),
        "precisions": precisions,
    }


def area(labels: Sequence[float], values: Sequence[float]) -> float:
    """Mean height of the curve through (labels, values): the area under it, divided by its width (AUC-AL).

    >>> area([0, 10, 30], [0.0, 1.0, 1.0])
    0.8333333333333334
    """
    x, y = np.asarray(labels, np.float64), np.asarray(values, np.float64)
    width = x[-1] - x[0]
    return float(np.trapezoid(y, x) / width) if width else float(y[-1])


def summary(history: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The last line without its clock, and the area under each curve."""
    measured = [line for line in history if "accuracy" in line]
    about = {
        name: value for name, value in history[-1].items() if not name.endswith("_seconds") and name != "precisions"
    }
    for name in ("accuracy", "average_precision"):
        if measured:
            about[f"area_{name}"] = area([m["labels"] for m in measured], [m[name] for m in measured])
    return about
