"""Hashed n-grams of texts, and how much more likely they are in one collection than in another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BUCKETS = 10_000
_TOKEN = re.compile(r"\w+|[^\w\s]+")  # as NLTK's WordPunct
_KNOWN = 2_000_000  # n-grams whose bucket is remembered
_FLOOR = 1e-8  # added to every probability


@dataclass(frozen=True)
class Counted:
    """n texts as counts of hashed n-grams, row after row. bucket: uint16 [k]. count: int32 [k]. start: int64 [n +
    1]."""

    bucket: np.ndarray
    count: np.ndarray
    start: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """float64 [BUCKETS]: how often each bucket occurs, of all n-grams; zeros where there are none."""
        total = np.bincount(self.bucket, self.count, minlength=BUCKETS)
        return total / max(total.sum(), 1)


def counted(texts: Iterable[str]) -> Counted:
    """Words and pairs of neighbouring words, lower case, each hashed to one of `BUCKETS` by its SHA-256.

    >>> counted(["The cat sat on the mat."]).bucket.tolist()[:4]
    [143, 2366, 2902, 3960]
    """
    known: dict[str, int] = {}

    def bucket(gram: str) -> int:
        found = known.get(gram)
        if found is None:
            found = int(hashlib.sha256(gram.encode("utf-8", "replace")).hexdigest(), 16) % BUCKETS
            if len(known) < _KNOWN:
                known[gram] = found
        return found

    buckets, counts, start = [], [], [0]
    for text in texts:
        words = _TOKEN.findall(text.lower())
        pairs = [f"{a} {b}" for a, b in pairwise(words)]
        own, times = np.unique(np.fromiter(map(bucket, words + pairs), np.uint16), return_counts=True)
        buckets.append(own)
        counts.append(times.astype(np.int32))
        start.append(start[-1] + len(own))
    empty = [np.empty(0, np.uint16)], [np.empty(0, np.int32)]
    return Counted(np.concatenate(buckets or empty[0]), np.concatenate(counts or empty[1]), np.array(start, np.int64))


def log_weights(raw: Counted, target: np.ndarray, *, mean: bool = False) -> np.ndarray:
    """float64 [n]: log of how much more likely each raw text is under the target's shares than under the raw texts'
    own.

    target: float64 [BUCKETS]. mean: per n-gram, so that long texts get no extreme weights; 0 for a text without any.
    """
    gain = np.log(target + _FLOOR) - np.log(raw.share + _FLOOR)
    of = np.repeat(np.arange(len(raw.start) - 1), np.diff(raw.start))
    total = np.bincount(of, raw.count * gain[raw.bucket], minlength=len(raw.start) - 1)
    if not mean:
        return total
    return total / np.maximum(np.bincount(of, raw.count, minlength=len(raw.start) - 1), 1)
