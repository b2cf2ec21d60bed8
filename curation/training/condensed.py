"""A condensed set as a student trains on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.data.results import Condensed
from curation.data.view import View
from curation.training.mosaic import unfolded


def training_view(condensed: Condensed, classes: Sequence[str], *, rounded: bool = False) -> View:
    """M * parts**2 rows: mosaics unfolded, soft labels attached. rounded: to whole numbers first, as 8-bit files have.

    >>> made = Condensed(np.full((2, 32, 32, 3), 7.4, np.float32), np.array([0, 1]), parts=2)
    >>> view = training_view(made, ("a", "b"), rounded=True)
    >>> view.pixels.shape, view.labels.tolist(), float(view.pixels.max())
    ((8, 32, 32, 3), [0, 0, 0, 0, 1, 1, 1, 1], 7.0)
    """
    labels = np.repeat(condensed.labels, condensed.parts**2)
    if condensed.space == "pixels":
        values = np.rint(condensed.values) if rounded else condensed.values
        view = View.of(pixels=unfolded(values, condensed.parts), labels=labels, classes=classes)
    else:
        view = View.of(embeddings=condensed.values, labels=labels, classes=classes)
    return view if condensed.soft is None else view.softened(condensed.soft)
