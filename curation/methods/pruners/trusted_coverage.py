"""Trusted coverage: heuristics and student feedback. Cover what can be learnt and believed, and is not known yet.

Three numbers per item. *Trust*: the probability that its label is right, from students that never saw it (the evidence
`second_opinion`), from its neighbours and from a model of how labels get mixed up, as the flag `consensus` has it.
*Learnable*: the probability those students give its label; what nobody can tell from the others teaches little.
*Unknown*: one minus the probability a student gives its label who was trained on nothing but what is taken so far.
Items ask for coverage by the product of all three, and cover others by trust; in each class facility location takes
what covers most. Whenever the subset has doubled the student is trained afresh, and what it knows by now asks for less.
So small subsets are made of typical items, and large ones of the borders between classes, with no switch between the
two. Items that are more likely wrong than right come last, of no class more than half. Classes keep their shares,
whatever `balance` says, and none is lost: the first item of every class is taken before the second of any.

`feedback` says whom to ask: "out_of_fold" as above; "representatives" only the student of the subset, trust being the
neighbours' alone; "none" no student at all. A recipe gathers no more evidence than that needs. Blind to mistakes that
students and neighbours share, and to whatever the embeddings leave out; the subset suits the student that was asked.
The seed decides nothing: students are drawn the same way every time. Time n^2 * d / C, and the student's for less than
twice the budget; memory 4 n^2 / C^2 bytes. A class of more than 6,000 items is covered in shards of 2,000, so that time
is 2,000 n * d there and memory 16 MB; `python -m benchmarks.scale --shards 6100` says
what that costs in coverage.

Facility location: Mirzasoleiman, Bilmes & Leskovec, Coresets for Data-efficient Training of Machine Learning Models,
ICML 2020. What is learnable and not yet known: Mindermann et al., Prioritized Training on Points that are Learnable,
Worth Learning, and Not Yet Learnt, ICML 2022, who subtract two losses where this multiplies probabilities. Trust: see
`consensus`. The combination is Winnow's own; docs/hybrid.md has the figures and what did not work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.parts import Spread, here
from curation.data.view import View
from curation.maths.arrays import apportioned_order
from curation.maths.label_noise.anchors import judge
from curation.maths.label_noise.expert_product import product_of_experts
from curation.maths.label_noise.suspects import suspects
from curation.maths.label_noise.votes import votes
from curation.maths.selection.weighted_facility_location import weighted_facility_location
from curation.maths.similarity import exact

# Shares of neighbours leave room for any label: taken for probabilities they explain every mistake by doubt, and the
# noise model finds none. With students beside them they are sharp enough; alone they count as so many opinions.
_SHARPER = 4

CARD = Card(
    title="Trusted coverage (hybrid)",
    cost="n^2 * d / C time up to 6,000 items a class, 2,000 n * d above, and the student's for twice the budget; "
    "half a minute at 50,000 items",
    blind_to="mistakes that students and neighbours share; suits the student that was asked",
    suits="almost everything, wrong labels too: the first choice",
    seconds=(0.88, 2.8),
    grid=74.04,
    needs=("embeddings", "labels", "groups", "copies", "neighbours", "second_opinion"),
    paper="https://arxiv.org/abs/2206.07137",
    tags=("hybrid", "student", "geometry", "coverage"),
    requires=("torch",),
    version=4,
    listed=("labels",),
    rank=6,
    nested=True,
    stochastic=False,
    balances=True,
)


def needs(*, feedback: str, **_: object) -> tuple[str, ...]:
    """Students are asked about all items only where their answer counts."""
    return tuple(need for need in CARD.needs if need != "second_opinion" or feedback == "out_of_fold")


def select(
    view: View,
    budget: int,
    *,
    progress: Callable[..., None] = lambda done, total, message="": None,
    spread: Spread = here,
    feedback: Annotated[
        Literal["out_of_fold", "representatives", "none"],
        Field(description="Whether students of all items judge the candidates, only a student of the subset, or none."),
    ] = "out_of_fold",
    student: Annotated[
        str, Ref("students"), Field(description="Student model, retrained as the subset grows.")
    ] = "head",
    k: Annotated[int, Field(ge=1, le=200, description="Number of neighbours that vote.")] = 20,
    first: Annotated[
        int, Field(ge=1, le=1000, description="Items per class, on average, before the student is first trained.")
    ] = 4,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken.

    >>> from functools import partial
    >>> from curation.maths.similarity.exact import nearest
    >>> from curation.methods.students import head
    >>> x, y = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0), np.repeat([0, 1], 10)
    >>> y[0] = 1  # a mistake
    >>> given = {"second_opinion": np.where(x == 1, 0.8, 0.2), "neighbours": nearest(x, 5)}
    >>> students = {"head": partial(head.train, device="cpu")}
    >>> view = View.of(labels=y, groups=np.arange(20), copies=np.arange(20), embeddings=x, students=students, **given)
    >>> select(view, 20, k=5).tolist()[-1]
    0
    """
    if not budget:
        return np.empty(0, np.int64)
    labels = view.labels
    several = len(np.unique(labels)) > 1 and len(np.unique(view.groups)) > 1  # else there is nothing to teach
    trust, learnable = _credit(view, feedback, k)
    unknown = np.ones(len(view))
    mean = view.embeddings.mean(axis=0)
    pool = np.flatnonzero(~suspects(1 - trust, labels))
    turn = _turn(labels[pool], np.bincount(labels))
    wanted = min(budget, len(pool))
    sizes = _doubling(first * len(np.unique(labels)), wanted)
    taken = {code: np.empty(0, np.int64) for code in np.unique(turn)}
    for done, size in enumerate(sizes):
        progress(done, len(sizes), f"{size:,} items")
        for code, count in enumerate(np.bincount(turn[:size])):
            if count:
                own, before = pool[labels[pool] == code], taken[code]
                asked = (trust * learnable * unknown)[own]
                x, there = exact.unit(view.embeddings[own] - mean), np.searchsorted(own, before)
                more = weighted_facility_location(x, count - len(before), asked, trust[own], there, spread)
                taken[code] = np.concatenate([before, own[more]])
        if size < wanted and several and feedback != "none":
            unknown = 1 - _knows(view, np.sort(np.concatenate(list(taken.values()))), student)
    order = np.empty(wanted, np.int64)
    for code, own in taken.items():
        order[turn[:wanted] == code] = own
    last = np.setdiff1d(np.arange(len(view)), pool)
    return np.concatenate([order, last[np.argsort(-trust[last], kind="stable")]])[:budget]


def _turn(labels: np.ndarray, share: np.ndarray) -> np.ndarray:
    """int64 [m], whose turn it is: every class once, then so that every prefix holds them in their shares.

    >>> _turn(np.array([0, 0, 0, 0, 0, 0, 1, 1]), np.array([6, 2])).tolist()
    [0, 1, 0, 0, 0, 0, 1, 0]
    """
    turn = labels[apportioned_order(labels, labels, share)]
    first = np.sort(np.unique(turn, return_index=True)[1])
    return np.concatenate([turn[first], np.delete(turn, first)])


def _credit(view: View, feedback: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    """float64 [m] twice: probability that the given label is right, and that others' labels tell it."""
    labels = view.labels
    each = np.arange(len(labels))
    near = votes(exact.first(view.neighbours, k)[0], labels, view.groups, len(view.classes))
    if feedback == "out_of_fold":
        told, opinion = view.second_opinion, product_of_experts(view.second_opinion, near)
    else:
        told, opinion = near, product_of_experts(*[near] * _SHARPER)
    return 1 - judge(opinion, labels, view.groups, view.copies).wrong, told[each, labels]


def _knows(view: View, taken: np.ndarray, student: str) -> np.ndarray:
    """float64 [m]: the probability that a student of the items taken gives every item's label."""
    from scipy.special import softmax

    fitted = view.student(student)(view.subset(taken), seed=0)
    return softmax(fitted.logits(view).astype(np.float64), axis=1)[np.arange(len(view)), view.labels]


def _doubling(first: int, last: int) -> list[int]:
    """first, twice that, ..., last; nothing where last is 0.

    >>> _doubling(40, 200), _doubling(40, 14), _doubling(40, 0)
    ([40, 80, 160, 200], [14], [])
    """
    sizes = []
    while first < last:
        sizes.append(first)
        first *= 2
    return [*sizes, last] if last else []
