"""D2: the hardest item together with the difficulty around it, then its neighbours count for less.

Items are nodes of a nearest-neighbour graph. First every item collects the difficulty of its neighbours, the nearer
the more, so that hard regions stand out from lone hard items. Then the item with the highest value is taken, again and
again, and each time a share exp(-gamma_r * distance) of its value is taken off its neighbours. A small `gamma_r` takes
off nearly all of it, which spreads the picks; a large one leaves nearly pure difficulty. The published grids are k = 1
to 15 and gamma_r = 0 to 1 (unverified), tuned for every budget; the example for 10 % of CIFAR-10 and of ImageNet is k
= 5, gamma_r = 0.1. Blind to regions whose difficulty comes from wrong labels: `beta` cuts the hardest off first (0.4
in the example for CIFAR-10). Exact; time budget * k log n after the graph, memory n * k.

Differs: edges run along the shared cosine graph, whose distances are turned into Euclidean ones between unit rows,
sqrt(2 * cosine distance), where the authors measure features as they are; difficulty is scaled to 0 to 1 in the right
direction for every score, where the authors leave AUM, high = easy, unturned; `balance` in the recipe gives their form
with one graph per class. That form takes more wrong labels than a graph of all rows, in which hard regions between
classes have many neighbours to share with: at 10 % and beta = 0, .26 against .07 on digits with 15 % wrong labels, .25
against .16 on 6,000 CIFAR-10 images with 18 % wrong ones.

Maharana, Yadav & Bansal, D2 Pruning: Message Passing for Balancing Diversity and Difficulty in Data Pruning, ICLR
2024.
"""

from __future__ import annotations

import heapq
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card, Ref
from curation.data.results import cut_neighbours
from curation.data.view import View
from curation.maths.arrays import argsort_random_ties, minmax
from curation.maths.similarity.exact import first
from curation.maths.similarity.graph import symmetric

CARD = Card(
    title="D2 pruning",
    cost="budget * k log n time after the graph, n * k memory",
    blind_to="wrong labels: hard regions are taken whatever makes them hard",
    suits="difficulty and variety together, on clean data",
    seconds=(0.0036, 0.04),
    grid=63.94,
    needs=("neighbours",),
    paper="https://arxiv.org/abs/2310.07931",
    tags=("score", "geometry", "coverage"),
    nested=True,
    class_graph=True,
)

_LEAST = 1e-7  # difficulty that an item passes on at the least, as published


def select(
    view: View,
    budget: int,
    *,
    rng: np.random.Generator,
    by: Annotated[str, Ref("scores"), Field(description="The score that says how hard an item is.")] = "aum",
    cut_by: Annotated[str, Ref("scores"), Field(description="The score that says which are cut off.")] = "aum",
    beta: Annotated[float, Field(ge=0, le=0.5, description="Share of the hardest items that is cut off first.")] = 0.0,
    k: Annotated[
        int, Field(ge=1, le=100, description="Neighbours that an item receives messages from; published: 5.")
    ] = 5,
    gamma_f: Annotated[
        float, Field(ge=0, le=100, description="How fast difficulty fades with distance when it is collected.")
    ] = 1.0,
    gamma_r: Annotated[
        float, Field(ge=0, le=100, description="How fast the discount fades with distance; small = more diverse.")
    ] = 0.1,
    clamp: Annotated[
        bool,
        Field(description="Stop discounts at 0; as published, values turn negative and then raise their neighbours."),
    ] = False,
) -> np.ndarray:
    """Positions int64 [budget], in the order taken; what was cut off comes last, the easiest first.

    Rows 0, 1 and 2 are one spot, row 3 is another; the hardest there is makes the rest of its spot worthless.

    >>> from curation.data.results import Neighbours
    >>> close, far = [0.001, 0.001], [np.inf, np.inf]
    >>> spot = Neighbours(np.array([[1, 2], [0, 2], [0, 1], [-1, -1]]), np.array([close, close, close, far]))
    >>> view = View.of(neighbours=spot, scores={"aum": [0.5, 0.9, 1.0, 0.7]})
    >>> select(view, 2, rng=np.random.default_rng(0), k=2).tolist()
    [2, 3]
    """
    hardest_last = argsort_random_ties(view.score(cut_by), rng)
    kept = len(view) - int(beta * len(view) + 1e-9)
    pool, cut = np.sort(hardest_last[:kept]), hardest_last[kept:]
    start, column, distance = symmetric(*first(cut_neighbours(view.neighbours, pool), k))
    distance = np.sqrt(2 * distance)
    hard = minmax(view.score(by)[pool])
    row = np.repeat(np.arange(len(pool)), np.diff(start))
    heard = np.bincount(
        row, weights=np.exp(-gamma_f * distance) * np.maximum(hard[column], _LEAST), minlength=len(pool)
    )
    order = _walk(hard + heard, start, column, np.exp(-gamma_r * distance), min(budget, kept), rng, clamp)
    return np.concatenate([pool[order], cut])[:budget]


def _walk(
    value: np.ndarray,
    start: np.ndarray,
    column: np.ndarray,
    share: np.ndarray,
    budget: int,
    rng: np.random.Generator,
    clamp: bool,
) -> np.ndarray:
    """int64 [budget]: the argmax of value, then its share off the neighbours, and so on. Ties go to the higher value
    at the start, then by the seed.

    A heap entry counts while it names the value its row still has; every change of a value pushes a new entry, so the
    order is exact even where values rise.
    """
    tie = np.empty(len(value), np.int64)
    tie[np.lexsort((rng.permutation(len(value)), -value))] = np.arange(len(value))
    now, tie, picks = value.tolist(), tie.tolist(), []
    heap = [(-v, tie[i], i) for i, v in enumerate(now)]
    heapq.heapify(heap)
    while len(picks) < budget:
        negative, _, i = heapq.heappop(heap)
        if now[i] is None or -negative != now[i]:
            continue
        picks.append(i)
        own, now[i] = now[i], None
        edges = slice(start[i], start[i + 1])
        for j, part in zip(column[edges].tolist(), share[edges].tolist(), strict=True):
            if now[j] is not None:
                now[j] = max(now[j] - part * own, 0.0) if clamp else now[j] - part * own
                heapq.heappush(heap, (-now[j], tie[j], j))
    return np.array(picks, np.int64)
