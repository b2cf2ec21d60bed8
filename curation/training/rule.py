"""What a sampler method is: a rule that chooses the items of every epoch. The bookkeeping around it is `sampler.py`.

A rule knows n items, the share of them an epoch may take and a seed. Time is told in passes, a single item forward and
backward, never in epochs: epochs differ in length, and what follows a plan (annealing, pacing) must follow the cost.
A rule draws from generators made afresh from (seed, key), so it has no random state to save.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from curation.data.budget import budget

Choice = tuple[np.ndarray, np.ndarray | None]  # rows int [k] in the order of training; weights float [k], None = all 1


class Rule:
    """Base of every rule. A rule overrides `begin_epoch`, and `update` where it looks at losses.

    n: items. keep: the share an epoch takes. size: the same as a number. epoch: how many have ended.
    """

    reads: ClassVar[tuple[str, ...]] = ()  # of "losses", "logits": what `update` must be told
    memory: ClassVar[tuple[str, ...]] = ()  # attributes, arrays or numbers, that change from epoch to epoch

    def __init__(self, n: int, keep: float, seed: int):
        self.n, self.keep, self.seed = n, keep, seed
        self.size, self.epoch = budget(keep, n), 0

    def planned(self, epochs: int) -> int:
        """Passes a run of that many epochs may use."""
        return self.size * epochs

    def forward_rows(self, t: float, T: float) -> np.ndarray:
        """int [f]: rows whose losses the rule needs before the next epoch, forward only. None, as a rule."""
        return np.empty(0, np.int64)

    def begin_epoch(self, t: float, T: float) -> Choice:
        """Rows and weights of the next epoch, after t of T planned passes."""
        raise NotImplementedError

    def update(self, rows: np.ndarray, losses: np.ndarray, logits: np.ndarray | None) -> None:
        """What the network made of these rows [b]: finite losses float32 [b], unweighted, and logits [b, C]."""

    def end_epoch(self) -> None:
        self.epoch += 1

    def rng(self, *key: int) -> np.random.Generator:
        """A generator of its own for every key, the same in every process and after every resume."""
        return np.random.default_rng([self.seed, *key])

    def state_dict(self) -> dict[str, np.ndarray]:
        return {name: np.array(getattr(self, name)) for name in ("epoch", *self.memory)}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        for name in ("epoch", *self.memory):
            value = np.array(state[name])  # a copy: the state stays as it was saved
            setattr(self, name, value if value.ndim else value.item())
