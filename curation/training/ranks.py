"""Several processes that train one network together, as torch.distributed has set them up.

Every rank holds the same sampler and draws the same list; each trains on its own part of it, and what the ranks saw is
gathered, so that all samplers stay the same.
"""

from __future__ import annotations

import zlib

import numpy as np

from curation.errors import InputError, RunError


class Ranks:
    """The default process group. Raises InputError where there is none yet."""

    def __init__(self):
        from torch import distributed

        if not (distributed.is_available() and distributed.is_initialized()):
            raise InputError(
                "distributed = True needs the process group of torch.distributed, and there is none yet; "
                "make the sampler after init_process_group, or leave distributed out"
            )
        self.rank, self.world = distributed.get_rank(), distributed.get_world_size()

    def part(self, rows: np.ndarray) -> np.ndarray:
        """This rank's every `world`-th row. All ranks get the same number: up to world - 1 rows at the end are cut."""
        return rows[self.rank : len(rows) // self.world * self.world : self.world]

    def padded_part(self, rows: np.ndarray) -> np.ndarray:
        """This rank's every `world`-th row, none left out: some ranks get a row twice, so that all get equally many."""
        return np.resize(rows, -(-len(rows) // self.world) * self.world)[self.rank :: self.world]

    def agree(self, rows: np.ndarray) -> None:
        """Raise RunError, on every rank, unless all of them drew the same rows."""
        sums = self.gather(zlib.crc32(np.ascontiguousarray(rows)))
        if len(set(sums)) > 1:
            raise RunError(
                f"the {self.world} ranks drew different epochs; give every rank the same sampler, seed, features and "
                "labels, and load the same state on all of them"
            )

    def gather(self, value) -> list:
        """The values of all ranks, by rank. Every rank must call it."""
        from torch import distributed

        found = [None] * self.world
        distributed.all_gather_object(found, value)
        return found
