"""Herding: rows picked one by one so that the mean of the picks stays as close as can be to the mean of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np


def herd(
    phi: np.ndarray,
    budget: int,
    taken: np.ndarray | None = None,
    rule: Literal["inner", "distance"] = "inner",
    progress: Callable[..., None] = lambda done, total, message="": None,
    mean: np.ndarray | None = None,
) -> np.ndarray:
    """Positions int64 [budget] of rows of phi float32 [n, d], in the order taken after `taken`; equal rows in order.

    rule: the largest inner product with what the picks fall short of (Welling), or the mean of the picks nearest to
    the mean of all (iCaRL); the same on unit rows. mean: float64 [d], where phi is a part of all. Time n * budget * d,
    memory n.
    """
    mean = phi.mean(axis=0, dtype=np.float64) if mean is None else mean
    pull = phi @ mean.astype(np.float32)
    gain = pull.astype(np.float64)  # <phi_i, w>, kept current: sums of float32 products, added up in float64
    if rule == "distance":  # |(t + 1) mean - picked - phi_i|^2 = constant - 2 (<w, phi_i> - |phi_i|^2 / 2)
        gain -= np.einsum("ij,ij->i", phi, phi, dtype=np.float64) / 2
    if taken is not None:
        gain += len(taken) * pull - phi @ phi[taken].sum(axis=0, dtype=np.float64).astype(np.float32)
        gain[taken] = -np.inf
    picks = np.empty(budget, np.int64)
    for t in range(budget):
        picks[t] = best = int(gain.argmax())
        gain += pull - phi @ phi[best]
        gain[best] = -np.inf
        if t % 500 == 499:
            progress(t + 1, budget)
    return picks
