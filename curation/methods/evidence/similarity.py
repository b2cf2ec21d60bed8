"""Similarity: an index that finds the neighbours of a few items among very many.

What lets a query look at the neighbours of labelled items only (SEALS). Up to `exact_up_to` rows nothing is stored and
every lookup compares with all of them; above, an inverted file is built once and kept, and the share of the true
neighbours it finds (recall) is measured on 1,000 rows and stated on the card. It covers labelled and unlabelled
train rows, so no label given ever renews it. Blind to labels, and to whatever the encoder does not see.

Jégou, Douze & Schmid, Product Quantization for Nearest Neighbor Search, IEEE PAMI 33, 2011 (the inverted file, by the
faiss package). Coleman et al., Similarity Search for Efficient Active Learning and Search of Rare Concepts, AAAI 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View
from curation.maths.similarity.index import Inverted, build, recall

CARD = Card(
    title="Similarity index",
    cost="nothing up to exact_up_to rows, about n^1.5 * d time and 2 * n * d bytes above",
    blind_to="labels, and whatever the encoder does not see",
    needs=("embeddings",),
    paper="https://doi.org/10.1109/TPAMI.2010.57",
    tags=("label-free",),
    rows="pool",
    exceptions=(("one value per item", "an index over all items, not a value of each"),),
)

_SAMPLE = 1000  # rows recall is measured on


def gather(
    view: View,
    *,
    rng: np.random.Generator,
    progress: Callable[..., None] = lambda done, total, message="": None,
    exact_up_to: Annotated[
        int, Field(ge=0, le=100_000_000, description="Up to this many rows, every lookup is exact.")
    ] = 200_000,
    probes: Annotated[
        int, Field(ge=1, le=100_000, description="Clusters searched per lookup; more is more accurate and slower.")
    ] = 32,
    k: Annotated[int, Field(ge=1, le=10_000, description="Number of neighbours at which recall is measured.")] = 100,
) -> tuple[np.ndarray, dict[str, Any]]:
    """uint8: the stored index, empty where none is needed; and notes for the card.

    >>> stored, notes = gather(View.of(embeddings=np.eye(3, dtype=np.float32)), rng=np.random.default_rng(0))
    >>> len(stored), notes["search"]
    (0, 'exact')
    """
    n = len(view)
    if n <= exact_up_to:
        return np.empty(0, np.uint8), {"search": "exact", "recall": 1.0}
    x = view.embeddings
    stored = build(x, int(rng.integers(2**31)), progress)
    progress(0, 1, "measuring recall")
    rows = np.sort(rng.choice(n, min(_SAMPLE, n), replace=False))
    share = recall(Inverted(stored, probes), x, k, rows)
    return stored, {"search": "faiss", "recall": round(share, 4), "recall_at": k, "recall_measured_on": len(rows)}
