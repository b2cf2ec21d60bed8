"""Suspects: items that are left out because their label is probably wrong, so that no class is emptied."""

from __future__ import annotations

import numpy as np

from curation.maths.label_noise.anchors import SURE

_MOST = 0.5  # share of a class that may be left out


def suspects(wrong: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [m]: items whose label is probably wrong, of no class more than half: a class keeps its likeliest items.

    >>> suspects(np.array([0.9, 0.8, 0.7, 0.2, 0.9]), np.array([0, 0, 0, 0, 1])).tolist()
    [True, True, False, False, False]
    """
    out = wrong > SURE
    for code in np.unique(labels[out]):
        members = np.flatnonzero(labels == code)
        if out[members].sum() > _MOST * len(members):
            likeliest = members[np.argsort(wrong[members], kind="stable")][: len(members) - int(_MOST * len(members))]
            out[likeliest] = False
    return out
