"""Facility location, greedily: take again and again the row that adds most to sum_i max_{a taken} s_ia.

The gain of row j is sum_i max(0, s_ij - covered_i), where covered_i is the similarity of i to the nearest row taken.
Covered only rises, so gains only fall, and two exact short cuts follow.

- *Lazy*: an old gain is an upper bound. Only the rows with the largest old gains are computed again, a block at a
  time, until the best fresh one is above every old one.
- *Lists*: a pair with s_ij <= covered_i never counts again. Once few pairs are left they are written out as lists,
  and every pick then changes exactly the gains it touches; no gain has to be computed again.

Similarities to the t nearest only are such lists from the start. Gains that agree to float32 rounding are equal (two
items that are each other's only company always are), and the row of the lowest number is taken; rows that add nothing
(copies, once their twin is taken) come last, by number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

_BLOCK = 1 << 24  # similarities made at once: 64 MiB of float32
_CACHE = 1 << 21  # similarities gathered at once: what stays near the cores
_WIDTH = 32  # rows looked at again at least; twice as many whenever that was not enough
_LISTED = 1 << 24  # pairs that may be written out: 16 bytes each
_NOTHING = 1e-9  # a gain below this is rounding
_EQUAL = 1e-6  # gains this close, relative to what they are sums of, are equal


@dataclass
class Cover:
    """picks: rows in the order taken. owner: int64 [n], the pick each row is most similar to, -1 where none is.

    covered: [n], that similarity.
    """

    covered: np.ndarray
    owner: np.ndarray
    picks: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Lists:
    """Pairs (i, j) with their similarity, row by row: start int64 [n + 1], column int32 and value float32 [pairs]."""

    start: np.ndarray
    column: np.ndarray
    value: np.ndarray


def facility_location(
    similarity: Callable,
    n: int,
    budget: int,
    *,
    taken: Sequence[int] = (),
    hold: bool = True,
    device: str = "cpu",
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> Cover:
    """`budget` of n rows by exact greedy over all pairs, those in `taken` the first of them.

    similarity: (int64 tensor of b rows, slice of c columns, float32 tensor [b, c] to write into), on the device;
    symmetric, >= 0. hold: keep all [n, n] of them; else they are made again whenever they are needed, which is slower.

    >>> import torch
    >>> s = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.2], [0.0, 0.2, 1.0]])
    >>> facility_location(lambda rows, columns, out: out.copy_(s[rows, columns]), 3, 2).picks
    [1, 2]
    """
    import torch

    from curation.maths.threads import one_torch_thread

    with torch.inference_mode():
        pairs = _Pairs(similarity, n, hold, device)
        with one_torch_thread(hold):  # reading a few rows at a time is too little to share
            return _lazily(pairs, budget, list(taken), progress)


def cover_lists(
    lists: Lists,
    budget: int,
    cover: Cover | None = None,
    progress: Callable[..., None] = lambda done, total, message="": None,
) -> Cover:
    """`budget` rows by exact greedy over the pairs in the lists, all others counting as similarity 0.

    cover: where to go on from; default nothing taken. Time and memory grow with the pairs, not with n^2.
    """
    from scipy.sparse import csr_array

    n = len(lists.start) - 1
    cover = cover or Cover(np.zeros(n), np.full(n, -1, np.int64))
    position = np.arange(len(lists.column), dtype=np.int32)
    seen_by = csr_array((position, lists.column, lists.start), shape=(n, n)).tocsc()  # column -> the rows that list it
    gain, covered = _gains(lists, cover.covered), cover.covered
    gain[cover.picks] = -np.inf
    equal = _EQUAL * float(lists.value.max(initial=0))
    while len(cover.picks) < budget and (most := gain.max()) > _NOTHING:
        best = int((gain >= most - equal).argmax())  # the first of them
        part = slice(seen_by.indptr[best], seen_by.indptr[best + 1])
        rows, value = seen_by.indices[part], lists.value[seen_by.data[part]].astype(np.float64)
        nearer = value > covered[rows]
        rows, value = rows[nearer], value[nearer]
        # Each of these rows now asks more: what its other candidates would have added above `covered` shrinks.
        size = lists.start[rows + 1] - lists.start[rows]
        pairs = np.arange(size.sum()) + np.repeat(lists.start[rows] - np.cumsum(size) + size, size)
        before = np.repeat(covered[rows], size)
        lost = np.clip(lists.value[pairs], before, np.repeat(value, size)) - before
        np.subtract.at(gain, lists.column[pairs], lost)
        covered[rows], cover.owner[rows] = value, best
        gain[best] = -np.inf
        cover.picks.append(best)
        if len(cover.picks) % 256 == 0:
            progress(len(cover.picks), budget)
    return _filled(cover, budget)


class _Pairs:
    """Similarities of all pairs, by rows: held, or made again each time. total: float64 [n], their sums."""

    def __init__(self, similarity: Callable, n: int, hold: bool, device: str):
        import torch

        self.similarity, self.n, self.device = similarity, n, device
        self.held = torch.empty(n, n, device=device) if hold else None
        # Written into again and again: a fresh block each time costs more than what is done with it.
        self.step = min(n, max(1, (_CACHE if hold else _BLOCK) // n))
        self.block = torch.empty(self.step, n, device=device)
        total = torch.zeros(n, device=device)
        for at in range(0, n, step := max(1, (_BLOCK // 2 if hold else _BLOCK) // n)):
            end = min(at + step, n)
            rows = torch.arange(at, end, device=device)
            if not hold:
                total[at:end] = self.rows(rows).sum(1)
                continue
            upper = self.held[at:end, at:]  # the rest is its mirror image
            similarity(rows, slice(at, None), upper)
            self.held[end:, at:end] = upper[:, end - at :].T
            total[at:end] += upper.sum(1)
            total[end:] += upper[:, end - at :].sum(0)
        self.total = total.cpu().numpy().astype(np.float64)

    def rows(self, rows):
        """[b, n] for at most `step` rows; good until the next call, and free to be changed."""
        import torch

        out = self.block[: len(rows)]
        if self.held is None:
            self.similarity(rows, slice(None), out)
        else:
            torch.index_select(self.held, 0, rows, out=out)
        return out

    def gains(self, rows, covered):
        """float [b]: what each of the rows would add."""
        import torch

        return torch.cat([self.rows(part).sub_(covered).clamp_(min=0).sum(1) for part in rows.split(self.step)])

    def left(self, covered) -> float:
        """About how many pairs still count, judged by some of the rows."""
        import torch

        some = torch.linspace(0, self.n - 1, min(self.n, self.step, 128), device=self.device).long()
        return float((self.rows(some) > covered[some, None]).float().sum(1).mean()) * self.n

    def listed(self, covered) -> Lists:
        """The pairs that still count."""
        import torch

        size, column, value = [], [], []
        for rows in torch.arange(self.n, device=self.device).split(self.step):
            block = self.rows(rows)
            counts = (block > covered[rows, None]).nonzero()
            size.append(torch.bincount(counts[:, 0], minlength=len(rows)).cpu().numpy())
            column.append(counts[:, 1].to(torch.int32).cpu().numpy())
            value.append(block[counts[:, 0], counts[:, 1]].cpu().numpy())
        start = np.concatenate([[0], np.cumsum(np.concatenate(size))])
        return Lists(start, np.concatenate(column), np.concatenate(value))


def _lazily(pairs: _Pairs, budget: int, picks: list[int], progress: Callable[..., None]) -> Cover:
    import torch

    n, device = pairs.n, pairs.device
    covered = torch.zeros(n, device=device)
    owner = torch.full((n,), -1, dtype=torch.int64, device=device)
    bound, fresh, look, width = pairs.total, np.zeros(n, np.int64), 8, _WIDTH
    for row in picks:
        _cover(pairs, row, covered, owner)
        bound[row] = -1.0
    while len(picks) < budget and bound.max() > _NOTHING:
        best, width = _best(pairs, covered, bound, fresh, len(picks), width)
        _cover(pairs, best, covered, owner)
        bound[best] = -1.0
        picks.append(best)
        if len(picks) >= look:
            progress(len(picks), budget)
            look *= 2
            if look < budget and pairs.left(covered) <= min(_LISTED, 4 * n**1.5):
                lists, pairs.held = pairs.listed(covered), None  # the pairs themselves are no longer needed
                cover = Cover(covered.cpu().numpy().astype(np.float64), owner.cpu().numpy(), picks)
                return cover_lists(lists, budget, cover, progress)
    cover = Cover(covered.cpu().numpy().astype(np.float64), owner.cpu().numpy(), picks)
    return _filled(cover, budget)


def _cover(pairs: _Pairs, row: int, covered, owner) -> None:
    """A row joins: both are brought up to date in place."""
    import torch

    own = pairs.rows(torch.tensor([row], device=pairs.device))[0]
    owner[own > covered] = row
    torch.maximum(covered, own, out=covered)


def _best(pairs: _Pairs, covered, bound: np.ndarray, fresh: np.ndarray, now: int, width: int) -> tuple[int, int]:
    """The row of largest gain; `bound` holds gains that were true when `fresh` says, and is brought up to date.

    width: rows looked at first. Also returned is the width to try the next time.
    """
    import torch

    width = max(_WIDTH, width // 4)
    while fresh[best := int(bound.argmax())] != now:
        rows = np.argpartition(-bound, width)[:width] if width < pairs.n else np.arange(pairs.n)
        rows = rows[(fresh[rows] != now) & (bound[rows] >= 0)]
        bound[rows] = pairs.gains(torch.from_numpy(rows).to(pairs.device), covered).cpu().numpy()
        fresh[rows] = now
        width *= 2
    return int(((fresh == now) & (bound >= bound[best] * (1 - _EQUAL))).argmax()), width


def _gains(lists: Lists, covered: np.ndarray) -> np.ndarray:
    """float64 [n]: what each row would add, some rows' lists at a time."""
    n = len(covered)
    gain = np.zeros(n)
    for some in np.array_split(np.arange(n), max(1, len(lists.value) >> 22)):
        part = slice(lists.start[some[0]], lists.start[some[-1] + 1])
        above = lists.value[part] - np.repeat(covered[some], np.diff(lists.start[some[0] : some[-1] + 2]))
        gain += np.bincount(lists.column[part], np.maximum(above, 0), minlength=n)
    return gain


def _filled(cover: Cover, budget: int) -> Cover:
    """Rows that add nothing, by number, until the budget is spent."""
    rest = np.setdiff1d(np.arange(len(cover.covered)), cover.picks)
    cover.picks.extend(rest[: budget - len(cover.picks)].tolist())
    return cover
