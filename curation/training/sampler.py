"""The sampler a training loop talks to: a rule that chooses, and the books around it.

It holds what is the same for every method: the list of the running epoch, the budget in passes, who was used how often,
items set aside, saving and resuming, several ranks. It imports numpy only.
"""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from curation.errors import InputError, RunError
from curation.maths.accounting.usage import gini
from curation.training.batch_input import as_array, checked_ids, checked_logits, checked_losses
from curation.training.ranks import Ranks
from curation.training.rule import Rule

FORWARD = 1 / 3  # cost of a forward pass, of forward and backward together
_CHUNK = 1 << 16  # row numbers handed out as Python numbers at a time


class Sampler:
    """Iterating gives the rows of the running epoch; `end_epoch` begins the next.

    planned: passes of the whole budget. epoch: how many have ended. Calls in one epoch, in this order:

        losses of `forward_rows` by update(..., forward_only=True), where there are any
        iter(sampler), weights(ids), update(ids, losses, logits) after every batch
        end_epoch()
    """

    def __init__(self, rule: Rule, epochs: int, name: str, params: Mapping | None = None, ranks: Ranks | None = None):
        """name, params: of the method, for messages and so that a saved state knows where it belongs."""
        self.rule, self.name, self.ranks = rule, name, ranks
        self.planned, self.epoch = rule.planned(epochs), 0
        made_from = (name, sorted((params or {}).items()), rule.n, rule.keep, rule.seed, self.planned)
        self._made_by = zlib.crc32(repr(made_from).encode())
        self._used = np.zeros(rule.n, np.int32)
        self._aside = np.zeros(rule.n, bool)
        self._train, self._forward, self._seconds = 0, 0, 0.0
        self._order: np.ndarray | None = None  # of the running epoch; None before it has begun
        self._weight: np.ndarray | None = None  # of every row, in the running epoch; None = all 1
        self._done, self._skip = 0, 0  # rows of the order trained on; how many of them before a resume
        self._ahead: np.ndarray | None = None  # rows to go forward only before the next epoch; None = not asked yet
        self._looked = np.zeros(0, bool)  # of every row: it has gone forward only since the last epoch; empty = none
        self._asked_weights, self._said = False, set()

    # -- the epoch ---------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[int]:
        """The rows still to be trained on in this epoch, on this rank, in order."""
        order = self._begun()
        if len(order) and self._done >= len(order):
            raise InputError(
                f"epoch {self.epoch + 1} of {self.name} was trained on in full; call end_epoch() before the next one"
            )
        order = self._own(order[self._skip :])
        return (row for at in range(0, len(order), _CHUNK) for row in order[at : at + _CHUNK].tolist())

    def __len__(self) -> int:
        """How many rows iterating gives."""
        return len(self._own(self._begun()[self._skip :]))

    def __bool__(self) -> bool:
        return True  # also where it is empty, and without drawing an epoch to find out

    def weights(self, ids) -> np.ndarray:
        """float32 [b], what the loss of every item counts in this epoch; the loop's loss is mean(weights * losses)."""
        ids = checked_ids(ids, self.rule.n)
        self._begun()
        self._asked_weights = True
        return np.ones(len(ids), np.float32) if self._weight is None else self._weight[ids]

    def update(self, ids, losses, logits=None, forward_only: bool = False) -> None:
        """Tell what the network made of a batch: ids [b], losses [b] (per item, unweighted), logits [b, C].

        Arrays, or tensors on any device. forward_only: these items went forward and were not trained on. An item whose
        loss is NaN or infinite is set aside: it is not drawn again, counted, and said once.
        Raises InputError for ids outside the data, other lengths, logits that are needed and missing, or an epoch that
        has not begun; RunError where more than half of all items were set aside.
        """
        ids = checked_ids(ids, self.rule.n)
        losses = checked_losses(losses, len(ids))
        logits = None if logits is None else checked_logits(logits, len(ids))
        if logits is None and "logits" in self.rule.reads:
            raise InputError(f"{self.name} chooses by logits as well: call update(ids, losses, logits)")
        if not forward_only and self._order is None:
            raise InputError(f"update() of {self.name} before epoch {self.epoch + 1} began: iterate the sampler first")
        if self.ranks:
            parts = zip(*self.ranks.gather((ids, losses, logits)), strict=True)
            ids, losses, logits = (None if p[0] is None else np.concatenate(p) for p in parts)
        with self._timed():
            if forward_only:
                self._looked = self._looked if len(self._looked) else np.zeros(self.rule.n, bool)
                _, at = np.unique(ids, return_index=True)
                new = np.sort(at[~self._looked[ids[at]]])  # what was looked at already adds nothing
                ids, losses, logits = ids[new], losses[new], None if logits is None else logits[new]
                self._looked[ids] = True
                self._forward += len(ids)
            else:
                self._train += len(ids)
                self._done += len(ids)
                once, times = np.unique(ids, return_counts=True)  # np.add.at takes three times as long
                self._used[once] += times.astype(np.int32)
            if not (finite := np.isfinite(losses)).all():
                self._set_aside(ids[~finite])
                ids, losses, logits = ids[finite], losses[finite], None if logits is None else logits[finite]
            if len(ids):
                self.rule.update(ids, losses, logits)

    def end_epoch(self) -> None:
        """The epoch is over. A loop that calls `set_epoch`, as Lightning's and Hugging Face's do, need not call it."""
        if self._order is None:
            raise InputError(f"end_epoch() of {self.name} before epoch {self.epoch + 1} began: iterate it first")
        if len(self._order) and not self._done:
            if self.rule.reads:
                raise InputError(
                    f"{self.name} chooses by {' and '.join(self.rule.reads)} and was told none in epoch "
                    f"{self.epoch + 1}; call update(ids, {', '.join(self.rule.reads)}) after every batch"
                )
            np.add.at(self._used, self._order, 1)  # a rule that looks at nothing may be told nothing
            self._train += len(self._order)
        if self._weight is not None and not self._asked_weights:
            self._say(
                "weights",
                f"{self.name} gives items different weights and the loop never asked for them; "
                "train on mean(weights(ids) * losses), or its gradients are biased",
            )
        with self._timed():
            self.rule.end_epoch()
        self.epoch += 1
        self._order = self._weight = self._ahead = None
        self._done = self._skip = 0
        self._looked, self._asked_weights = np.zeros(0, bool), False

    def set_epoch(self, epoch: int) -> None:
        """End the running epoch where `epoch` (from 0) is the next one; nothing where it is the running one."""
        if epoch == self.epoch + 1 and self._order is not None:
            self.end_epoch()
        elif epoch != self.epoch:
            raise InputError(
                f"set_epoch({epoch}) while {self.name} is in epoch {self.epoch}: epochs follow one another; to go on "
                "after a stop load the state that was saved with the checkpoint"
            )

    @property
    def forward_rows(self) -> np.ndarray:
        """int64 [f]: rows whose losses are wanted before this epoch, forward only, on this rank; empty for most."""
        if self._order is not None or self.finished:
            return np.zeros(0, np.int64)
        rows = self._missing()
        return self.ranks.padded_part(rows) if self.ranks and len(rows) else rows

    # -- the budget --------------------------------------------------------------------------------------------

    @property
    def spent(self) -> float:
        """Passes used so far; one forward only counts a third."""
        return self._train + FORWARD * self._forward

    @property
    def progress(self) -> float:
        """Passes used / passes planned, 0 to 1. Drive the learning rate by it, not by epochs or steps."""
        return min(1.0, self.spent / self.planned)

    @property
    def finished(self) -> bool:
        """The budget is used up, and every further epoch is empty. Epochs of some samplers are shorter or longer than
        keep * n, so a loop goes on while this is False."""
        left = self.planned - self.spent
        if self._order is None:
            left -= FORWARD * len(self._missing())  # an epoch that could not pay for more than its forward passes
        return left < (self.ranks.world if self.ranks else 1)

    def share_of(self, epochs: int) -> float:
        """Passes used / those of `epochs` epochs on everything."""
        return self.spent / (self.rule.n * epochs)

    def accounting(self) -> dict[str, float]:
        """What it took so far: train_passes, eval_passes, planned, seconds (of choosing), how unevenly items were used
        (gini), how many were never trained on (never_seen) or set aside (aside)."""
        return {
            "train_passes": self._train,
            "eval_passes": self._forward,
            "planned": self.planned,
            "seconds": self._seconds,
            "gini": gini(self._used),
            "never_seen": int((self._used == 0).sum()),
            "aside": int(self._aside.sum()),
        }

    @property
    def used(self) -> np.ndarray:
        """int32 [n], how often every item was trained on. A copy."""
        return self._used.copy()

    # -- stop and go on ----------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything needed to go on, also in the middle of an epoch, as a flat dict of numpy arrays: np.savez takes
        it as it is, no pickle."""
        empty = np.zeros(0, np.float32)
        own = {
            "made_by": self._made_by,
            "n": self.rule.n,
            "epoch": self.epoch,
            "train": self._train,
            "forward": self._forward,
            "seconds": self._seconds,
            "used": self._used,
            "aside": self._aside,
            "begun": self._order is not None,
            "order": empty.astype(np.int32) if self._order is None else self._order,
            "weight": empty if self._weight is None else self._weight,
            "done": self._done,
            "looked": self._looked,
        }
        rule = {f"rule.{name}": value for name, value in self.rule.state_dict().items()}
        return {name: np.array(value) for name, value in own.items()} | rule

    def load_state_dict(self, state: Mapping) -> None:
        """Go on where `state` was saved. Raises InputError for a state of another sampler or of another data set."""
        state = {name: as_array(value).copy() for name, value in state.items()}  # tensors too, from a torch checkpoint
        if missing := {"made_by", "n", "rule.epoch", *(f"rule.{m}" for m in self.rule.memory)} - state.keys():
            raise InputError(f"this is no state of {self.name}: {sorted(missing)[0]} is not in it")
        if (n := int(state["n"])) != self.rule.n:
            raise InputError(
                f"the state is of {n:,} items and the data set now has {self.rule.n:,}; go on with the items it was "
                "saved with, or begin a new schedule"
            )
        if int(state["made_by"]) != self._made_by:
            raise InputError(
                f"the state is of another sampler than this {self.name}: give the name, keep, seed and epochs it was "
                "saved with"
            )
        self.epoch, self._train, self._forward = (int(state[name]) for name in ("epoch", "train", "forward"))
        self._done, self._skip, self._ahead = int(state["done"]), int(state["done"]), None
        self._seconds = float(state["seconds"])
        self._used, self._aside, self._looked = state["used"], state["aside"], state["looked"]
        self._order = state["order"] if state["begun"] else None
        self._weight = state["weight"] if len(state["weight"]) else None
        self.rule.load_state_dict(
            {name.removeprefix("rule."): value for name, value in state.items() if name.startswith("rule.")}
        )

    # ----------------------------------------------------------------------------------------------------------

    def _begun(self) -> np.ndarray:
        """int32 [k], the whole list of the running epoch, drawn now if it has not been yet."""
        if self._order is not None:
            return self._order
        if self.finished:
            self._order = np.zeros(0, np.int32)
            return self._order
        if len(missing := self._missing()):
            raise InputError(
                f"{self.name} needs the losses of {len(missing):,} items before epoch {self.epoch + 1}: let "
                "sampler.forward_rows go forward and call update(ids, losses, logits, forward_only=True)"
            )
        with self._timed():
            rows, weights = self.rule.begin_epoch(self.spent, self.planned)
            keep = np.flatnonzero(~self._aside[rows]) if self._aside.any() else slice(None)
            left = int(self.planned - self.spent + 1e-6)
            self._order = rows[keep][:left].astype(np.int32)
            if weights is not None:
                self._weight = np.ones(self.rule.n, np.float32)
                self._weight[rows] = weights
        if self.ranks:
            self.ranks.agree(self._order)
            self._order = self._order[: len(self._order) // self.ranks.world * self.ranks.world]
        return self._order

    def _missing(self) -> np.ndarray:
        """Rows to go forward that have not yet."""
        if self._ahead is None:
            with self._timed():
                self._ahead = np.asarray(self.rule.forward_rows(self.spent, self.planned), np.int64)
        rows = self._ahead[~self._aside[self._ahead]] if self._aside.any() else self._ahead
        return rows[~self._looked[rows]] if len(self._looked) else rows

    def _own(self, order: np.ndarray) -> np.ndarray:
        return self.ranks.part(order) if self.ranks else order

    def _set_aside(self, ids: np.ndarray) -> None:
        self._aside[ids] = True
        if (many := int(self._aside.sum())) > self.rule.n / 2:
            raise RunError(
                f"the losses of {many:,} of {self.rule.n:,} items were no numbers: the network diverged; train it with "
                "a lower learning rate"
            )
        self._say(
            "aside",
            f"the loss of item {ids[0]} is no number; such items are set aside, not drawn again, and counted in "
            "accounting()['aside']",
        )

    def _say(self, kind: str, sentence: str) -> None:
        """Warn, once for every kind."""
        if kind not in self._said:
            self._said.add(kind)
            warnings.warn(sentence, stacklevel=3)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self._seconds += time.perf_counter() - begin
