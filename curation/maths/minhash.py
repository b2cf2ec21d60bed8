"""MinHash: pairs of texts that share most of their letters, found without comparing every text with every other.

A text is the set of its 5-letter pieces. The share of equal numbers in two signatures estimates the Jaccard similarity
of two sets; texts that agree in all numbers of one band of the signature are candidates, and every candidate is
verified by its exact similarity.

Broder, On the Resemblance and Containment of Documents, SEQUENCES 1997; Leskovec, Rajaraman & Ullman, Mining of
Massive Datasets, chapter 3 (bands); Dietzfelbinger, Hagerup, Katajainen & Penttonen, A Reliable Randomized Algorithm
for the Closest-Pair Problem, Journal of Algorithms 1997 (multiply-shift hashing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from curation.data.provided import take
from curation.data.reading.text_checks import normalised

PIECE = 5  # letters
NUMBERS = 128  # of a signature: the estimate's standard error is at most 0.045
FOUND = 0.99  # of the pairs at the threshold become candidates
SLACK = 0.18  # four standard errors: candidates estimated so far below the threshold are not verified
TOGETHER = 4096  # texts that are cut into pieces together
BLOCK = 32_768  # pieces hashed together: they stay in the processor's cache
CROWD = 40  # texts of one bucket that are all compared with each other


def near_pairs(
    texts: Sequence[str], threshold: float, progress: Callable[..., None] = lambda *_: None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions a < b of pairs, and their exact Jaccard similarity float64 >= threshold, each pair once.

    A pair at the threshold is found with a probability of 99 %, more similar ones nearly always. In buckets of over 40
    texts each is compared with the first and with the next one only, which finds their groups and not all their pairs.

    >>> a, b, alike = near_pairs(["how do I pay?", "refund", "How  do i pay"], 0.8)
    >>> a.tolist(), b.tolist(), alike.round(2).tolist()
    ([0], [2], [0.89])
    """
    signed = signatures(texts, lambda done: progress(done, 2 * len(texts), "hashing texts"))
    a, b = candidates(signed, threshold)
    estimate = np.array([], float)
    if len(a):
        parts = np.array_split(np.arange(len(a)), -(-len(a) // 65_536))
        estimate = np.concatenate([(signed[a[part]] == signed[b[part]]).mean(axis=1) for part in parts])
    likely = estimate >= threshold - SLACK
    a, b = a[likely], b[likely]
    alike = np.empty(len(a))
    for start in range(0, len(a), TOGETHER):
        part = slice(start, start + TOGETHER)
        alike[part] = _jaccard(texts, a[part], b[part])
        progress(len(texts) + start * len(texts) // len(a), 2 * len(texts), "comparing texts")
    near = alike >= threshold
    return a[near], b[near], alike[near]


def signatures(texts: Sequence[str], progress: Callable[[int], None] = lambda _: None, seed: int = 0) -> np.ndarray:
    """uint32 [n, 128]: for 128 random hash functions the smallest value over a text's pieces.

    >>> one, two = signatures(["a text of some length", "A  text of some length."])
    >>> float((one == two).mean()) > 0.8
    True
    """
    rng = np.random.default_rng(seed)
    odd = rng.integers(0, 2**63, NUMBERS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shift = rng.integers(0, 2**63, NUMBERS, dtype=np.uint64)
    made, at = np.empty((len(texts), NUMBERS), np.uint32), 0
    rest = iter(texts)
    while some := list(islice(rest, TOGETHER)):
        pieces, starts = _pieces(some)
        for first, last in _blocks(starts, len(pieces)):
            stop = starts[last] if last < len(starts) else len(pieces)
            block = pieces[starts[first] : stop]
            for j in range(NUMBERS):
                hashed = (block * odd[j] + shift[j]) >> np.uint64(32)
                made[at + first : at + last, j] = np.minimum.reduceat(hashed, starts[first:last] - starts[first])
        at += len(some)
        progress(at)
    return made


def bands(threshold: float) -> tuple[int, int]:
    """(b, r): how many bands of how many numbers find pairs of this similarity with a probability of 99 %.

    P(candidate) = 1 - (1 - J^r)^b; the largest r is taken, since it makes the fewest candidates.

    >>> bands(0.8), bands(0.5)
    ((21, 6), (42, 3))
    """
    fits = [r for r in range(1, NUMBERS + 1) if 1 - (1 - threshold**r) ** (NUMBERS // r) >= FOUND]
    rows = max(fits, default=1)
    return NUMBERS // rows, rows


def candidates(signed: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions a < b of pairs that agree in a whole band of their signatures uint32 [n, 128], each once."""
    count, rows = bands(threshold)
    n, found = len(signed), [np.zeros(0, np.int64)]
    for band in range(count):
        part = np.ascontiguousarray(signed[:, band * rows : (band + 1) * rows])
        _, bucket = np.unique(part.view([("", np.uint32)] * rows).ravel(), return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        sorted_ = bucket[order]
        start = np.flatnonzero(np.r_[True, sorted_[1:] != sorted_[:-1]]) if n else np.zeros(0, int)
        size = np.diff(np.r_[start, n])
        first = np.repeat(start, size)
        place = np.arange(n) - first  # in its bucket
        crowded = np.repeat(size > CROWD, size)
        for back in range(1, min(int(size.max(initial=1)), CROWD)):
            later = np.flatnonzero((place >= back) & (~crowded | (back == 1)))
            found.append(order[later - back] * n + order[later])
        later = np.flatnonzero(crowded & (place > 0))
        found.append(order[first[later]] * n + order[later])
        found = [np.unique(np.concatenate(found))]
    return found[0] // max(n, 1), found[0] % max(n, 1)


def _jaccard(texts: Sequence[str], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Exact Jaccard similarities of the sets of pieces."""
    rows, back = np.unique(np.concatenate([a, b]), return_inverse=True)
    said = list(take(texts, rows))
    pieces, starts = _pieces(said)
    sets = [np.unique(part) for part in np.split(pieces, starts[1:])]
    pairs = zip(back[: len(a)], back[len(a) :], strict=True)
    shared = [
        (len(np.intersect1d(sets[i], sets[j], assume_unique=True)), len(sets[i]) + len(sets[j])) for i, j in pairs
    ]
    both, total = np.array(shared, np.float64).reshape(-1, 2).T
    return both / (total - both)


def _pieces(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """uint64 hashes of the pieces of all texts one after the other, and where each text's begin; every text has one."""
    plain = [text.ljust(PIECE, "\0") for text in map(normalised, texts)]
    letters = np.frombuffer("".join(plain).encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in plain], np.int64)
    hashed = np.zeros(max(len(letters) - PIECE + 1, 0), np.uint64)
    for i in range(PIECE):
        hashed = hashed * np.uint64(0x100000001B3) + letters[i : i + len(hashed)]
    hashed ^= hashed >> np.uint64(29)
    hashed *= np.uint64(0xBF58476D1CE4E5B9)
    hashed ^= hashed >> np.uint64(32)
    ends = np.cumsum(lengths)
    inside = np.ones(len(hashed), bool)
    for back in range(1, PIECE):  # pieces that reach into the next text
        inside[np.maximum(ends[:-1] - back, 0)] = False
    starts = np.concatenate([[0], np.cumsum(lengths - PIECE + 1)[:-1]])
    return hashed[inside], starts


def _blocks(starts: np.ndarray, total: int) -> Iterator[tuple[int, int]]:
    """Runs of texts (first, last) with about `BLOCK` pieces."""
    first = 0
    while first < len(starts):
        last = max(int(np.searchsorted(starts, starts[first] + BLOCK)), first + 1)
        yield first, min(last, len(starts))
        first = last
