"""PCA: the two directions along which the embeddings vary most.

Linear, instant and always the same, so distances on the map can be read as distances in the data. Blind to all
structure beyond two directions: classes that lie apart may fall on one another. Time n * d^2, memory n * d.

Pearson, On Lines and Planes of Closest Fit to Systems of Points in Space, Philosophical Magazine 2, 1901.
"""

from __future__ import annotations

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.maths.arrays import pca

CARD = Card(
    title="PCA",
    cost="n * d^2 time, n * d memory",
    blind_to="everything beyond two directions",
    needs=("embeddings",),
    paper="https://doi.org/10.1080/14786440109462720",
    tags=("label-free", "linear"),
    version=2,
    instant=True,
    rows="all",
    stochastic=False,
)


def place(view: View) -> np.ndarray:
    """float32 [m, 2]: coordinates with mean zero, along the first axis at least as spread out as along the second.

    >>> place(View.of(embeddings=np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], dtype=np.float32))).round(3).tolist()
    [[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]]
    """
    return pca(view.embeddings, k=2)
