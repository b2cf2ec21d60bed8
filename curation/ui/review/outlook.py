"""How many of the labels in the queue are expected to be wrong: what the scores say, and what a person's answers make
of it.

A calibrated flag gives every item the probability that its label is wrong; their sum is the expected number. A person
answers the most suspicious items first, so the share of mistakes among the answers is not that of the rest. Instead the
answers say how far off the scores are: their share of mistakes has a Beta posterior, around what the scores expected of
these very items, and the log-odds of all scores are moved by one number until they agree with it.

Pure functions of scores and decisions; no streamlit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curation.data.effective_labels import holds
from curation.ui.state.analysis_results import AnalysisResults
from curation.ui.state.item_state import ItemState

_WORTH = 4.0  # answers the scores are worth before anybody answered
_BELIEVED = (0.05, 0.95)  # scores beyond are moved as these: one surprise among the surest must not move all others far
_INSIDE = (0.05, 0.95)  # quantiles of the range that is stated


class Outlook(NamedTuple):
    """total: items in the queue; answered: of those, how many a person called right or wrong; wrong: how many wrong.
    expected: how many of all are wrong, with the range it lies in nine times in ten."""

    total: int
    answered: int
    wrong: int
    expected: float
    low: float
    high: float

    def __str__(self) -> str:
        of_all = f"{round(self.expected):,} of all {self.total:,}"
        if not self.answered:
            return f"About {of_all.replace('all', 'these')} labels are expected to be wrong"
        so_far = (
            f"{self.wrong:,} of the {self.answered:,} labels you judged {'was' if self.wrong == 1 else 'were'} wrong"
        )
        low, high = round(self.low), round(self.high)
        return f"{so_far}; about {of_all} are expected to be" + (f" ({low:,} to {high:,})" if low < high else "")


def outlook(analysis: AnalysisResults, state: ItemState, rows: np.ndarray) -> Outlook | None:
    """What to expect of the queue `rows`; None where no calibrated flag saw any of it.

    Relabelled counts as wrong, confirmed as right; a dropped item says nothing of its label. Answers that an update of
    the analysis took off the queue go on counting.
    """
    score = next((f.score for f in analysis.of_kind("mislabel").values() if "calibrated" in f.tags), None)
    if score is None:
        return None
    open_ = rows[~state.decided[rows] & np.isfinite(score[rows])]
    right, wrong = np.flatnonzero(state.confirmed), np.flatnonzero(state.relabelled)
    answered = np.union1d(right, wrong)
    # The score of a label the analysis knows a correction of speaks of the new label.
    known = holds(analysis.items, analysis.known)[answered]
    told = answered[~known & np.isfinite(score[answered])]
    if not len(open_) + len(answered):
        return None
    return expect(score[open_], score[told], len(right), len(wrong))


def expect(open_: np.ndarray, told: np.ndarray, right: int, wrong: int) -> Outlook:
    """open_: float [o], scores of items not answered yet. told: float [a], scores of those answered, of which `right`
    and `wrong` are the numbers; fewer scores than answers where some are not known any more.

    >>> str(expect(np.array([0.9, 0.7, 0.4]), np.array([]), 0, 0))
    'About 2 of these 3 labels are expected to be wrong'
    >>> str(expect(np.full(50, 0.8), np.full(20, 0.8), right=12, wrong=8))
    '8 of the 20 labels you judged were wrong; about 31 of all 70 are expected to be (23 to 40)'
    """
    from scipy.stats import beta

    total = len(open_) + right + wrong
    if not len(told):
        expected = wrong + float(np.sum(open_))
        return Outlook(total, right + wrong, wrong, expected, expected, expected)
    mean = float(np.mean(np.clip(told, *_BELIEVED)))
    share = beta(_WORTH * mean + wrong, _WORTH * (1 - mean) + right)
    expected, low, high = (wrong + _moved(open_, told, at) for at in (share.mean(), *share.ppf(_INSIDE)))
    return Outlook(total, right + wrong, wrong, expected, low, high)


def _moved(open_: np.ndarray, told: np.ndarray, share: float) -> float:
    """Sum of the open scores after all log-odds were moved so that the answered ones have the mean `share`."""
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    a, b = (logit(np.clip(scores, *_BELIEVED)) for scores in (told, open_))
    share = np.clip(share, 1e-4, 1 - 1e-4)
    by = brentq(lambda move: expit(a + move).mean() - share, -50.0, 50.0)
    return float(np.clip(open_ + expit(b + by) - expit(b), 0, 1).sum())
