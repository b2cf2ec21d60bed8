"""The results of verification in words, no stronger than the numbers allow.

A method is "better than random", a subset is "enough", when a one-sided test over the same test items and seeds says
so at 5 %, with Holm's correction over all comparisons of the grid (`engine.comparison`). Where it does not, the words
say what would be needed to tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from curation.data.budget import keep_words
from curation.engine.comparison import Cell, Comparison
from curation.engine.trials import FULL, RANDOM, finished
from curation.maths.uncertainty import LEVEL, Estimate, Needed

# Train accuracy gained in the last epoch above which a network was not done. Set on `cnn`, 2,000 images of CIFAR-10 at
# 16 x 16: after 7, 14, 28 and 56 epochs 3.4, 2.2, 0.8 and 0.2 points; twice the epochs gained 16, 3 and 4 in test.
STILL_LEARNING = 0.005
UNLEARNT = 0.5  # train accuracy in the last epoch below which little was learnt, whatever the slope


@dataclass(frozen=True)
class Sentence:
    """What is claimed, and the figures behind it. standing: "proven", "open" where chance may explain it, "none" where
    there is nothing to claim."""

    claim: str
    text: str
    standing: Literal["proven", "open", "none"]

    def __str__(self) -> str:
        return self.claim + self.text


def enough(summed: Comparison, tolerance: float) -> Sentence | None:
    """The smallest subset that is as good as everything, up to `tolerance`; None before everything was trained."""
    if (full := summed.full) is None or not summed.subsets:
        return None
    within, margin = summed.within(tolerance), f"{100 * tolerance:g} point{'s' * (tolerance != 0.01)}"
    smallest = lambda cells: min(cells, key=lambda c: (c.keep, -c.mean), default=None)  # noqa: E731
    everything = f"the full data ({100 * full.mean:.1f} %)"
    if cell := smallest([c for c in summed.subsets if within.get((c.keep, c.method))]):
        by = "" if cell.gap.n else ", by the seeds alone"
        return Sentence(
            f"{_name(cell)} is enough",
            f": {percent(cell.accuracy)}, {_lead(cell.gap)} {everything}; proven to lose less than {margin}{by}.",
            "proven",
        )
    if cell := smallest([c for c in summed.subsets if c.gap is not None and c.mean >= full.mean - tolerance]):
        needed, tried = summed.needed_within(cell, tolerance), len(summed.subsets)
        told = unsettled(cell.gap, needed, tried, -tolerance, f"whether it stays within {margin}")
        return Sentence(
            f"{_name(cell)} may be enough",
            f": {percent(cell.accuracy)}, {_lead(cell.gap)} {everything}; {told}.",
            "open",
        )
    return Sentence(f"No subset comes within {margin}", f" of {everything}.", "none")


def by_share(summed: Comparison) -> list[Sentence]:
    """The grid read share by share, from the smallest: the best method against random, then those not proven better."""
    made = []
    for keep in sorted({c.keep for c in summed.subsets}):
        here = [c for c in summed.subsets if c.keep == keep]
        best = max(here, key=lambda c: (bool(c.better), c.mean))
        made.append(_against_random(summed, best))
        weak = [c.method for c in here if c.gain is not None and not c.better]
        if weak and best.better:  # where the best is not, none is
            words = f"Not proven better than random at {keep_words(keep)}"
            made.append(Sentence(words, f": {', '.join(weak)}", "open"))
    return made


def how_tested(summed: Comparison) -> str:
    """What the intervals and "better" stand on, in two sentences."""
    first = max(summed.cells, key=lambda cell: cell.seeds)
    n = min(cell.accuracy.n for cell in summed.cells)
    over = f"the choice of {n:,} test items and " if n else ""
    words = f"Intervals: 95 %, over {over}{_seeds(first.seeds)}."
    if summed.compared:
        words += (
            f" Better than random: p < {LEVEL:g} in a one-sided paired test, Holm-corrected for "
            f"{summed.compared} comparison{'s' * (summed.compared > 1)}."
        )
    return words


def notes(summed: Comparison) -> list[str]:
    """What the intervals leave out: seeds that make no difference, a single seed, results of an older Winnow."""
    made = []
    several = [c for c in summed.cells if c.seeds > 1 and c.accuracy.n and c.method != RANDOM]
    if same := [c for c in several if c.accuracy.same]:
        which = "This student is deterministic" if len(same) == len(several) else ", ".join(map(_name, same))
        made.append(f"{which}: all seeds give the same answers, so the intervals are those of the test items alone.")
    if any(c.seeds == 1 for c in summed.cells):
        made.append("One seed says nothing of the luck of a training: two or more are needed to call anything better.")
    if any(not c.accuracy.n for c in summed.cells):
        made.append(
            "Some trainings are from an older Winnow, which did not keep the answer to every test item: their "
            "intervals tell of the seeds alone and are too short."
        )
    return made


def unfinished(runs: Sequence[Mapping]) -> str:
    """A warning where the network was far from done when its training ended; "" otherwise."""
    groups: dict[tuple[float, str], list[Sequence[float]]] = {}
    for run in finished(runs):
        if learnt := run.get("train_accuracy"):
            groups.setdefault((run["keep"], run["method"]), []).append(learnt)
    far = {cell: ends for cell, lines in groups.items() if (ends := _far(lines))}
    if not far:
        return ""
    cell = max(far, key=lambda c: (c[1] == FULL, c[0]))
    last, slope = far[cell]
    where = "on the full data" if cell[1] == FULL else f"on {cell[1]} at {keep_words(cell[0])}"
    return (
        f"The network was far from done: {where} it got {100 * last:.0f} % of its training items right, "
        f"{100 * slope:+.1f} points in the last epoch. These accuracies show how fast a subset is learnt and say "
        "nothing about what it is worth; train longer (epochs or steps)."
    )


def percent(found: Estimate) -> str:
    """A figure with its interval, in percent.

    >>> from curation.maths.uncertainty import over_seeds
    >>> percent(over_seeds([0.9]))
    '90.0 %'
    """
    low, high = found.interval()
    return f"{100 * found.value:.1f} %" + ("" if np.isnan(low) else f" ({100 * low:.1f} to {100 * high:.1f})")


def points(found: Estimate) -> str:
    """A difference in points of accuracy, signed, with its interval."""
    low, high = found.interval()
    return f"{100 * found.value:+.1f}" + ("" if np.isnan(low) else f" ({100 * low:+.1f} to {100 * high:+.1f})")


def unsettled(found: Estimate, needed: Needed, comparisons: int, limit: float = 0.0, what: str = "") -> str:
    """Why it cannot be told that a difference is above `limit`, and what would be needed to tell.

    comparisons: as many were made together, which is said where the difference would have been proven alone.
    """
    if found.seeds < 2:
        return "one seed proves nothing"
    if not found.n:
        return (
            "equal gains in all seeds prove nothing" if found.same else f"cannot be told apart with {found.seeds} seeds"
        )
    first = f"{what} cannot be told" if what else "cannot be told apart"
    first += f" with {found.n:,} test items"
    among = f" among {comparisons} comparisons" if found.p_above(limit) < LEVEL else ""
    if needed.items and needed.items > found.n:
        seeds = f", or about {needed.seeds} seeds with these" if needed.seeds else ""
        return f"{first}{among}; about {_round(needed.items):,} would be needed{seeds}"
    if needed.seeds:
        return f"{first} and {_seeds(found.seeds)}{among}; about {needed.seeds} seeds would be needed"
    return f"{first}; the difference is too small for any test set"


def _against_random(summed: Comparison, best: Cell) -> Sentence:
    share, figure = f"At {keep_words(best.keep)}", f"{best.method}, {percent(best.accuracy)}"
    if best.gain is None:
        return Sentence(f"{share} the best is {figure}", "", "none")
    lead = _lead(best.gain)
    if best.better:
        return Sentence(
            f"{share} {best.method} is better than random", f": {percent(best.accuracy)}, {lead} it", "proven"
        )
    told = unsettled(best.gain, summed.needed_for_gain(best), summed.compared)
    claim = f"{share} nothing is proven better than random"
    return Sentence(claim, f". The highest is {figure}, {lead} it: {told}", "open")


def _lead(found: Estimate) -> str:
    """'4.1 points (2.0 to 6.1) above', as a person would say it.

    >>> from curation.maths.uncertainty import over_seeds
    >>> _lead(over_seeds([-0.02]))
    '2.0 points below'
    """
    low, high = (100 * end for end in found.interval())
    sign, where = (1, "above") if found.value >= 0 else (-1, "below")
    low, high = sorted((sign * low, sign * high)) if not np.isnan(low) else (low, high)
    interval = "" if np.isnan(low) else f" ({low:.1f} to {high:.1f})"
    return f"{100 * abs(found.value):.1f} points{interval} {where}"


def _far(lines: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """(train accuracy, what the last epoch added), means over the seeds, where the two say "far from done"."""
    last = float(np.mean([line[-1] for line in lines]))
    slope = float(np.mean([line[-1] - line[0] for line in lines]))
    return (last, slope) if slope > STILL_LEARNING or last < UNLEARNT else None


def _name(cell: Cell) -> str:
    return f"{cell.method} at {keep_words(cell.keep)}"


def _seeds(n: int) -> str:
    return f"{n} seed{'s' * (n != 1)}"


def _round(n: int) -> int:
    """Two digits: a plan knows no more.

    >>> _round(4187), _round(359)
    (4200, 360)
    """
    return int(float(f"{n:.1e}"))
