"""Wrong labels planted on purpose, to see what a method makes of them."""

from __future__ import annotations

from typing import Literal

import numpy as np

Flips = Literal["symmetric", "pairwise"]


def plant(
    labels: np.ndarray, classes: int, share: float, flips: Flips, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(labels int64 [m] with round(share * m) of them wrong, bool [m]: which).

    symmetric: each other class is as likely. pairwise: always the next class, and after the last one the first.

    >>> noisy, wrong = plant(np.array([0, 1, 2, 2]), 3, 0.5, "pairwise", np.random.default_rng(0))
    >>> int(wrong.sum()), ((noisy - np.array([0, 1, 2, 2])) % 3)[wrong].tolist()
    (2, [1, 1])
    """
    wrong = np.zeros(len(labels), bool)
    wrong[rng.permutation(len(labels))[: round(share * len(labels))]] = True
    many = int(wrong.sum())
    step = np.ones(many, np.int64) if flips == "pairwise" else rng.integers(1, max(classes, 2), many)
    noisy = np.array(labels, np.int64)
    noisy[wrong] = (noisy[wrong] + step) % classes
    return noisy, wrong
