"""Which words speak for which class: a linear student of words, quick enough to ask while a page is drawn.

Multinomial naive Bayes is linear in the words of a text: the logarithm of a word's frequency in a class is its weight.
What a word says is how much likelier it is in one class than in the others, or than in one other.

Monroe, Colaresi & Quinn, Fightin' Words: Lexical Feature Selection and Evaluation for Identifying the Content of
Political Conflict, Political Analysis 2008 (log odds with a prior, divided by their deviation).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.data.provided import take

MOST = 20_000  # texts it learns from
TERMS = 20_000  # the most frequent words
PRIOR = 0.5  # occurrences every word is given in every class
# Words; of scripts that write none apart, single letters.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff]|[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class ClassWords:
    """counts: float64 [C, words], how often each word stands in the texts of each class. terms: word -> column."""

    terms: dict[str, int]
    counts: np.ndarray

    @cached_property
    def _names(self) -> list[str]:
        return sorted(self.terms, key=self.terms.get)

    def top(self, code: int, most: int = 10) -> list[tuple[str, float]]:
        """The words that speak most for a class against all others, each with its z-score, the surest first."""
        mine, all_ = self.counts[code], self.counts.sum(axis=0)
        others = all_ - mine
        a, b = mine + PRIOR, others + PRIOR
        odds = np.log(a / (a.sum() - a)) - np.log(b / (b.sum() - b))
        z = odds / np.sqrt(1 / a + 1 / b)
        best = np.argsort(-z, kind="stable")[:most]
        return [(self._names[i], float(z[i])) for i in best if z[i] > 0]

    def in_text(self, text: str, code: int, against: int | None = None) -> list[tuple[int, int, float]]:
        """(start, stop, weight) of every known word of a text: > 0 where it speaks for class `code` against the class
        `against`, by default all others. Weights are differences of log frequencies; equal words have equal ones.

        >>> words = class_words(["red rose", "blue sky", "red car"], np.array([0, 1, 0]), 2)
        >>> [(text, weight > 0) for text, weight in [("red", words.in_text("a red one", 0)[0][2])]]
        [('red', True)]
        """
        mine = self.counts[code] + PRIOR
        rest = (self.counts.sum(axis=0) - self.counts[code] if against is None else self.counts[against]) + PRIOR
        weights = np.log(mine / mine.sum()) - np.log(rest / rest.sum())
        found = ((match, self.terms.get(match[0].casefold())) for match in WORD.finditer(text))
        return [(match.start(), match.end(), float(weights[at])) for match, at in found if at is not None]


def class_words(texts: Sequence[str], labels: np.ndarray, classes: int, seed: int = 0) -> ClassWords:
    """Count words by class. labels: int [m], -1 = without. At most 20,000 texts are looked at, drawn at random.

    A word counts once per text, so that one text that repeats it does not speak for a class.
    """
    labelled = np.flatnonzero(np.asarray(labels) >= 0)
    if len(labelled) > MOST:
        labelled = np.sort(np.random.default_rng(seed).choice(labelled, MOST, replace=False))
    said = take(texts, labelled)
    row, column, terms = [], [], {}
    for code, text in zip(np.asarray(labels)[labelled].tolist(), said, strict=True):
        for word in {match[0] for match in WORD.finditer(text.casefold())}:
            row.append(code)
            column.append(terms.setdefault(word, len(terms)))
    frequency = np.bincount(np.array(column, int), minlength=len(terms))
    kept = np.argsort(-frequency, kind="stable")[:TERMS]
    place = np.full(len(terms), -1)
    place[kept] = np.arange(len(kept))
    at, counts = place[np.array(column, int)], np.zeros((classes, len(kept)))
    np.add.at(counts, (np.array(row, int)[at >= 0], at[at >= 0]), 1.0)
    return ClassWords({word: int(place[i]) for word, i in terms.items() if place[i] >= 0}, counts)
