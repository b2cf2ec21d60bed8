"""Factors: every embedding as a few factors of a learnt dictionary, by a sparse autoencoder.

A factor is a direction many items share, often one a person can name: a colour, a texture, a pose. Common factors say
what is typical of a set, rare ones what is seldom. Fitted on the train rows' embeddings, without labels. How much of
them the factors explain (R^2) and how many factors never fire stand on the card; below an R^2 of 0.5 the dictionary
does not describe these embeddings, and what is built on it says little. Blind to labels, and to whatever the encoder
does not see.

Gao, Dupré la Tour, Tillman, Goh, Troll, Radford, Sutskever, Leike & Wu, Scaling and Evaluating Sparse Autoencoders,
ICLR 2025. 500 steps reach an R^2 of about 0.9 on 512 numbers; the usual thousands are too slow for a CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.results import Factors
from curation.data.view import View
from curation.training import sparse_autoencoder

CARD = Card(
    title="Factors of a sparse autoencoder",
    cost="6 * steps * 1024 * d * size time, n * d + 3 * n * active memory",
    blind_to="labels, and whatever the encoder does not see",
    needs=("embeddings",),
    paper="https://arxiv.org/abs/2406.04093",
    tags=("label-free",),
    requires=("torch",),
)


def gather(
    view: View,
    *,
    seed: int,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
    size: Annotated[
        int, Field(ge=0, le=32_000, description="Factors in the dictionary; 0 means four per embedding dimension.")
    ] = 0,
    active: Annotated[
        int, Field(ge=0, le=256, description="Active factors per item; 0 means 16 up to 64 dimensions, else 32.")
    ] = 0,
    steps: Annotated[int, Field(ge=1, le=100_000, description="Updates of 1,024 items each.")] = 500,
) -> tuple[Factors, dict[str, Any]]:
    """The factors of every item, and notes for the card: R^2, and how many factors are dead.

    >>> import numpy as np
    >>> x = np.repeat(np.eye(4, dtype=np.float32), 8, axis=0)
    >>> codes, notes = gather(View.of(embeddings=x), seed=0, steps=50)
    >>> codes.indices.shape, codes.m
    ((32, 8), 8)
    """
    x = view.embeddings
    m, k = sparse_autoencoder.size_for(len(x), x.shape[1])
    m = size or m
    k = min(active or k, m)
    codes, dead = sparse_autoencoder.fit(x, m=m, k=k, steps=steps, seed=seed, device=device, progress=progress)
    return codes, {"explained": round(codes.r2, 4), "dead_factors": dead}
