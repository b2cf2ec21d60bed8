"""Caption swap: pairs whose image is described better by the captions of the images beside it.

For every image its nearest images are asked for their captions. Where many of them fit this image better than its own
caption does, the caption probably belongs to another image. It compares captions of like images, so it needs no
threshold that depends on the model, and short or general captions do it no harm. Blind to captions that are wrong and
still fit best, to mistakes that like images share, and to what the encoder does not see.

After the retrieval test of Radford, Kim, Hallacy et al., Learning Transferable Visual Models From Natural Language
Supervision, ICML 2021. Differs: the captions to choose from are those of the nearest images, not of all.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.results import Flags
from curation.data.view import View
from curation.maths.similarity.exact import unit

CARD = Card(
    title="Swapped captions",
    cost="n * k * d time, n * k memory",
    blind_to="wrong captions that fit better than those of like images",
    needs=("embeddings", "text_embeddings", "neighbours"),
    paper="https://arxiv.org/abs/2103.00020",
    tags=("mislabel", "pairs", "label-free"),
    rows="all",
    stochastic=False,
)
_BLOCK = 1 << 22  # numbers of captions held at once


def flag(
    view: View,
    *,
    better: Annotated[
        float, Field(ge=0, le=1, description="Flagged where more than this share of the captions fit better.")
    ] = 0.5,
    k: Annotated[int, Field(ge=1, le=200, description="Nearest images asked, of those the graph holds.")] = 20,
) -> Flags:
    """score float64 [m] in [0, 1]: the share of the captions that fit better, ties broken by how much better the best.

    >>> from curation.data.results import Neighbours
    >>> graph = Neighbours(np.array([[1], [0]]), np.array([[0.1], [0.1]]))
    >>> image, caption = np.array([[1.0, 0.0], [1.0, 0.1]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> flag(View.of(embeddings=image, text_embeddings=caption, neighbours=graph)).flagged.tolist()
    [True, False]
    """
    image, caption, beside = unit(view.embeddings), unit(view.text_embeddings), view.neighbours.indices[:, :k]
    m, k = beside.shape
    own = np.einsum("nd,nd->n", image, caption)
    share, lead = np.zeros(m), np.zeros(m)
    step = max(1, _BLOCK // (k * image.shape[1]))
    for at in range(0, m, step):
        part = slice(at, at + step)
        there = beside[part] >= 0
        other = np.einsum("nd,nkd->nk", image[part], caption[beside[part]]) - own[part, None]
        fits = there & (other > _ROUNDING)
        share[part] = fits.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        lead[part] = np.where(fits, other, 0.0).max(axis=1, initial=0.0)
    # The lead is at most 2: as much as less than one neighbour.
    return Flags(score=(k * share + lead / 2) / (k + 1), flagged=share > better)


_ROUNDING = 1e-6  # cosines of equal captions, in float32
