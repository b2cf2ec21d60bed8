"""How labels are mistaken for each other, estimated from labels alone: the higher-order consensus of neighbours.

Where two nearest neighbours share an item's true class, three labels drawn independently from that class's row of the
transition matrix T are seen together. How often each label, pair and triple of labels occurs then follows from T and
the true class frequencies p, and three orders are enough to solve for both. Zhu, Song & Liu, Clusterability as an
Alternative to Anchor Points When Learning with Noisy Labels, ICML 2021.

The model of a triple does not depend on its order, so triples are counted without order. Its squared distance from
the counts is a sum over triples that occur, plus the model's mass elsewhere, which has a closed form: nothing of size
C^3 is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_NUMBERS = 2_000_000  # kinds of triples times classes; beyond, only the most common triples are compared
_FEW = 32  # classes up to which double precision costs nothing


@dataclass(frozen=True)
class Consensus:
    """How often labels occur, in shares of all triples.

    single: [C]. pairs: [C, C], symmetric. triples: int [t, 3], ascending in each row, without repeats; share: [t], of
    one order of each triple; orders: [t], in how many orders it can be written. complete: no triple was left out.
    """

    single: np.ndarray
    pairs: np.ndarray
    triples: np.ndarray
    share: np.ndarray
    orders: np.ndarray
    complete: bool


def consensus(triples: np.ndarray, classes: int) -> Consensus:
    """Counts of triples int [t, 3]: the label of an item and of its two nearest neighbours. Needs t >= 1.

    >>> found = consensus(np.array([[0, 0, 1], [1, 0, 0]]), classes=2)
    >>> found.triples.tolist(), found.share.round(3).tolist(), found.orders.tolist()
    ([[0, 0, 1]], [0.333], [3])
    """
    n = len(triples)
    single = np.bincount(triples.ravel(), minlength=classes) / (3 * n)
    pairs = np.zeros((classes, classes))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        both = np.bincount(triples[:, a] * classes + triples[:, b], minlength=classes**2).reshape(classes, classes)
        pairs += (both + both.T) / (6 * n)
    kinds, count = np.unique(np.sort(triples, axis=1), axis=0, return_counts=True)
    most = max(1, _NUMBERS // classes)
    kept = np.sort(np.argsort(-count, kind="stable")[:most])
    different = 1 + (np.diff(kinds[kept], axis=1) != 0).sum(axis=1)
    orders = np.array([0, 1, 3, 6])[different]
    return Consensus(single, pairs, kinds[kept], count[kept] / (n * orders), orders, len(kinds) <= most)


def estimate(
    seen: Consensus,
    rng: np.random.Generator,
    *,
    steps: int = 400,
    rate: float = 0.1,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> tuple[np.ndarray, np.ndarray]:
    """(T [C, C], p [C]): chance of each given label by true class, and how common the true classes are.

    Adam on softmax parameters from a mostly right start, the best iterate kept: defaults of the published code. On the
    CPU whatever the device, since it is many small steps. Time steps * C * (C^2 + triples), memory C * triples.
    """
    import torch

    from curation.maths.threads import one_torch_thread

    classes = len(seen.single)
    kind = torch.float64 if classes <= _FEW else torch.float32
    free_t = torch.tensor(5.0 * np.eye(classes) - 1.0, dtype=kind, requires_grad=True)
    free_p = torch.tensor(1.0 / classes + 0.1 * rng.random(classes), dtype=kind, requires_grad=True)
    optimiser = torch.optim.Adam([free_t, free_p], lr=rate)
    best, found = np.inf, (free_t.detach().softmax(1), free_p.detach().softmax(0))
    given = _tensors(seen, kind)
    with one_torch_thread(classes < 300):  # steps of under a millisecond are not worth sharing
        for step in range(steps):
            t, p = free_t.softmax(1), free_p.softmax(0)
            loss = mismatch(t, p, given)
            if step > 5 and loss.item() < best:
                best, found = loss.item(), (t.detach(), p.detach())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if step % 50 == 0:
                progress(step, steps, "estimating how labels are mistaken")
    return found[0].double().numpy(), found[1].double().numpy()


def mismatch(t, p, given: dict):
    """Sum over the three orders of the Frobenius norm of model minus counts, a tensor; `given` from `_tensors`."""
    single = t.T @ p
    pairs = (t * p[:, None]).T @ t
    by_label = t.T.contiguous()  # [C given, C true]
    a, b, c = (by_label.index_select(0, given["triples"][:, i]) for i in range(3))
    model = (a * b * c) @ p
    triples = (given["orders"] * (given["share"] - model) ** 2).sum()
    if given["complete"]:  # all the model says of triples that never occurred
        everywhere = p @ (t @ t.T) ** 3 @ p
        triples = triples + (everywhere - (given["orders"] * model**2).sum()).clamp(min=0)
    squares = ((given["single"] - single) ** 2).sum(), ((given["pairs"] - pairs) ** 2).sum(), triples
    return sum((square + 1e-24).sqrt() for square in squares)  # the root of 0 has no slope


def _tensors(seen: Consensus, kind=None) -> dict:
    import torch

    given = {name: torch.tensor(value) for name, value in vars(seen).items() if isinstance(value, np.ndarray)}
    given = {
        name: value.to(kind or torch.float64) if value.is_floating_point() else value for name, value in given.items()
    }
    return given | {"complete": seen.complete}
