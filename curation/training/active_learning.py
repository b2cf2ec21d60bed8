"""One round of growing a labelled set: fit on what is known, gather candidates, let a strategy pick the next batch.

The same for a person's next batch (`query`) and for a simulation (`growth`). SEALS lives here as a policy around any
strategy: only the nearest neighbours of what is labelled are candidates, so a round costs what the labels cost, not
what the pool costs.

Coleman, Chou, Katz-Samuels, Culatana, Bailis, Berg, Nowak, Sumbaly, Zaharia & Yalniz, Similarity Search for Efficient
Active Learning and Search of Rare Concepts, AAAI 2022.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.data.view import View
from curation.errors import InputError, StepError
from curation.maths.similarity.index import Index

_BLOCK = 1 << 16  # rows predicted at once, so that a pool on disk stays there
COLD = "a strategy that needs no model"


@dataclass(frozen=True)
class Batch:
    """rows: int64 positions in the pool, in the order to ask. considered: how many rows were scored for it."""

    rows: np.ndarray
    considered: int
    seconds: float
    notes: tuple[str, ...] = ()


class Learner:
    """The student as it stands: fitted on the known rows of a pool once it is asked for."""

    def __init__(
        self, pool: View, known: np.ndarray, classes: Sequence[str], train: Callable, seed: int, cold: str = COLD
    ):
        """known: int64 [n] codes into classes, -1 = no label. cold: the strategies that need no model, in words."""
        self.pool, self.known, self.classes, self.train, self.seed = pool, known, tuple(classes), train, seed
        self.cold = cold
        self.seconds = 0.0

    @property
    def lacks(self) -> str | None:
        """Why no model can be fitted yet, in a sentence; None when one can."""
        seen = np.unique(self.known[self.known >= 0])
        if len(seen) == 0:
            return f"no row has a label yet, and a model needs some: label a few, or ask with {self.cold}"
        if len(self.classes) == 2 and self.classes[0] == OTHERS and len(seen) == 1:
            missing = f"no row is labelled {self.classes[1]!r} yet" if seen[0] == 0 else "every label is the concept's"
            return f"{missing}, and a model needs examples of both sides: label one, or ask with {self.cold}"
        if len(seen) == 1:
            return (
                f"every label so far is {self.classes[seen[0]]!r}, and a model needs two classes: label one of another "
                f"class, or ask with {self.cold}"
            )
        return None

    @cached_property
    def model(self):
        if self.lacks:
            raise InputError(self.lacks)
        rows = np.flatnonzero(self.known >= 0)
        started = time.perf_counter()
        fitted = self.train(self.pool.subset(rows).relabelled(self.known[rows], self.classes), seed=self.seed)
        self.seconds += time.perf_counter() - started
        return fitted

    def predict(self, view: View) -> np.ndarray:
        """float64 [m, C] probabilities."""
        parts = []
        for at in range(0, max(len(view), 1), _BLOCK):
            part = view if len(view) <= _BLOCK else view.subset(np.arange(at, min(at + _BLOCK, len(view))))
            z = np.asarray(self.model.logits(part), np.float64)
            z = np.exp(z - z.max(axis=1, keepdims=True, initial=-np.inf))
            parts.append(z / z.sum(axis=1, keepdims=True))
        return np.concatenate(parts)


OTHERS = "any other"  # the class that is not the concept


def as_concept(codes: np.ndarray, concept: int) -> np.ndarray:
    """Codes of one class against all others: 1 the concept, 0 any other; below 0 stays as it is."""
    return np.where(codes < 0, codes, (codes == concept).astype(np.int64))


class Reach:
    """The SEALS candidates: the k nearest of every labelled row, looked up once for each."""

    def __init__(self, pool: View, index: Index, k: int):
        self.pool, self.index, self.k = pool, index, k
        self.inside = np.zeros(len(pool), bool)
        self.looked_up = np.zeros(len(pool), bool)

    def extend(self, labelled: np.ndarray) -> None:
        """Add the neighbours of the labelled rows that were not looked up before."""
        new = labelled[~self.looked_up[labelled]]
        if len(new):
            found = self.index.search(self.pool.subset(new).embeddings, self.k + 1)  # a row finds itself
            self.inside[found[found >= 0]] = True
            self.looked_up[new] = True


def reachable(reach: Reach, start: np.ndarray) -> np.ndarray:
    """bool [n]: rows that neighbours of neighbours lead to from the rows in start, themselves included.

    No strategy can ask for another one while it keeps to candidates: the upper limit of what SEALS finds. Every row
    that is reached is looked up, so this costs what the whole pool's graph costs.
    """
    front = np.asarray(start)
    while len(front):
        reach.extend(front)
        front = np.flatnonzero(reach.inside & ~reach.looked_up)
    return reach.inside | reach.looked_up


def next_batch(
    pool: View,
    known: np.ndarray,
    open_: np.ndarray,
    learner: Learner,
    strategy: Callable[[View, int], np.ndarray],
    needs: Sequence[str],
    budget: int,
    rng: np.random.Generator,
    *,
    reach: Reach | None = None,
    costs: np.ndarray | None = None,
) -> Batch:
    """Ask `strategy` for at most `budget` of the open rows. known: int64 [n]; open_: bool [n]; costs: float [n].

    The strategy sees the known rows and the candidates, nothing else. Where SEALS reaches fewer rows than asked for,
    the batch is filled up with random rows of the pool, and a note says so.
    """
    notes = []
    waiting = np.flatnonzero(open_)
    if len(waiting) < budget:
        notes.append(f"{len(waiting):,} rows are left to ask for, fewer than the batch of {budget:,}")
    budget = min(budget, len(waiting))
    labelled = np.flatnonzero(known >= 0)
    candidates = waiting
    if reach is not None:
        if not len(labelled):
            raise InputError(
                f"seals asks among the neighbours of labelled rows and no row has a label yet: "
                f'label a few, or take candidates = "all" and {learner.cold}'
            )
        reach.extend(labelled)
        candidates = np.flatnonzero(reach.inside & open_)
    started = time.perf_counter() - learner.seconds
    wanted = min(budget, len(candidates))
    picks = np.empty(0, np.int64)
    if wanted:
        rows = np.union1d(labelled, candidates)
        part = pool.subset(rows)
        shown = part.asking(known[rows], lambda: learner.predict(part), None if costs is None else costs[rows], needs)
        shown.classes = learner.classes
        picks = rows[_checked(strategy(shown, wanted), wanted, known[rows])]
    if wanted < budget:
        notes.append(f"seals reached {wanted:,} of the {budget:,} rows asked for; the others are random rows")
        rest = np.setdiff1d(waiting, candidates, assume_unique=True)
        picks = np.concatenate([picks, rng.choice(rest, budget - wanted, replace=False)])
    return Batch(picks, len(candidates), time.perf_counter() - learner.seconds - started, tuple(notes))


def _checked(picks: np.ndarray, wanted: int, known: np.ndarray) -> np.ndarray:
    """Hold a strategy to its contract: exactly `wanted` different rows, none of them labelled."""
    picks = np.asarray(picks, np.int64)
    if len(picks) != wanted or len(np.unique(picks)) != wanted or (known[picks] >= 0).any():
        raise StepError(f"the query returned {len(np.unique(picks))} different open rows, {wanted} were asked for")
    return picks
