"""Opinions on the true class of every item, put together.

An opinion is a float64 [m, C] of probabilities, rows sum to 1, formed without the item's own label.

Hinton, Training Products of Experts by Minimizing Contrastive Divergence, Neural Computation 14, 2002.
"""

from __future__ import annotations

import numpy as np

from curation.maths.arrays import blocks

_FLOOR = 1e-6  # none of the experts may rule a class out


def product_of_experts(*opinions: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """float64 [m, C]: opinions multiplied class by class, as if they were independent, which makes them too sure.

    out: where it is written, such as one of the opinions, for it is large.

    >>> product_of_experts(np.array([[0.8, 0.2]]), np.array([[0.8, 0.2]])).round(2).tolist()
    [[0.94, 0.06]]
    """
    made = np.empty(opinions[0].shape) if out is None else out
    for part in blocks(*made.shape):
        log = sum(np.log(opinion[part].astype(np.float64) + _FLOOR) for opinion in opinions)
        log = np.exp(log - log.max(axis=1, keepdims=True))
        made[part] = log / log.sum(axis=1, keepdims=True)
    return made
