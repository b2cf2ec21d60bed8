"""What a trained student is, and what it may tell while it trains. Every student method returns a `Predictor`, but
for a trainer outside of Winnow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from curation.data.view import View


@dataclass(frozen=True)
class Predictor:
    """A finished student.

    logits: View -> float32 [m, C]. features: View -> float32 [m, h], what its last layer sees.
    passes: how many single items went forward and backward in training (the unit of training cost).
    """

    logits: Callable[[View], np.ndarray]
    features: Callable[[View], np.ndarray]
    passes: int


@dataclass(frozen=True)
class Measured:
    """What a trainer outside of Winnow says of itself: one number, higher = better, and nothing of single items.

    passes: as of a `Predictor`, as far as it is known.
    """

    metric: float
    passes: int


class Record(Protocol):
    """What a student calls while it trains, when it is asked to be recorded. Rows are positions in its View."""

    def batch(self, positions: np.ndarray, logits: np.ndarray) -> None:
        """Train-mode logits [b, C] of one batch, taken before the update."""

    def epoch(self, predict: Callable[[], np.ndarray], weights: Callable[[], np.ndarray] | None = None) -> None:
        """An epoch ended; `predict()` gives clean eval-mode logits [m, C] and `weights()` the network's weights
        float32 [P] if they are wanted. A student without weights to differentiate leaves the second out."""
