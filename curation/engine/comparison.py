"""A grid of trained students summed up: every subset with its intervals, against random and against everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curation.engine.trials import FULL, RANDOM
from curation.maths import uncertainty
from curation.maths.uncertainty import LEVEL, Estimate, Needed

_ANYTHING = (-np.inf, np.inf)  # what the measure of a trainer outside of Winnow can be
Answers = Mapping[str, np.ndarray]  # key of a training -> bool [n], which test items its student got right


@dataclass(frozen=True)
class Cell:
    """One method at one share, over its seeds."""

    method: str
    keep: float
    seeds: int
    accuracy: Estimate
    spread: float  # sd of the accuracy over the seeds (ddof 1), 0 for one
    worst_class: float
    passes: float
    seconds: float  # of training
    select_seconds: float = 0.0  # of choosing the subset, what it stands on not counted
    mislabels_kept: float | None = None  # share of the wrong labels that is in the subset
    gain: Estimate | None = None  # over random at the same share, paired; None for random, full, and without a pair
    better: bool | None = None  # than random, with Holm's correction over the grid; None where it cannot be tested
    gap: Estimate | None = None  # to everything, paired; below 0 = worse

    @property
    def mean(self) -> float:
        return self.accuracy.value


@dataclass(frozen=True)
class Comparison:
    """Every cell of a grid, and how many were compared with random to say which is better."""

    cells: list[Cell]
    compared: int

    @property
    def full(self) -> Cell | None:
        return next((cell for cell in self.cells if cell.method == FULL), None)

    @property
    def subsets(self) -> list[Cell]:
        """Without random and everything."""
        return [cell for cell in self.cells if cell.method not in (RANDOM, FULL)]

    def within(self, tolerance: float) -> dict[tuple[float, str], bool | None]:
        """(keep, method) of each subset -> whether it is proven to lose less than `tolerance` against everything.

        Holm's correction over all of them; None where it cannot be tested.
        """
        tried = [cell for cell in self.subsets if cell.gap is not None]
        p = uncertainty.holm([cell.gap.p_above(-tolerance) for cell in tried])
        return {(cell.keep, cell.method): _proven(value) for cell, value in zip(tried, p, strict=True)}

    def needed_for_gain(self, cell: Cell) -> Needed:
        """What would probably show whether a cell is better or worse than random."""
        return uncertainty.needed(cell.gain, 0.0, self.compared)

    def needed_within(self, cell: Cell, tolerance: float) -> Needed:
        """What would probably show whether a cell loses less than `tolerance`."""
        return uncertainty.needed(cell.gap, -tolerance, len(self.subsets))


def compare(runs: Sequence[Mapping], answers: Answers) -> Comparison:
    """runs: rows of the trainings of one student that are finished; answers by their `key`, of as many as have them.

    Where a training of a cell has none, because an older Winnow did not keep them, the cell's figures are those of its
    seeds alone (`Estimate.n` is 0).
    """
    groups: dict[tuple[float, str], dict[int, Mapping]] = {}
    for run in runs:
        groups.setdefault((run["keep"], run["method"]), {})[run["seed"]] = run
    full = next((group for (_, method), group in groups.items() if method == FULL), {})
    made = []
    for (keep, method), by_seed in sorted(groups.items()):
        compared = method not in (RANDOM, FULL)
        baseline = groups.get((keep, RANDOM), {}) if compared else {}
        made.append(
            Cell(
                **_figures(method, keep, by_seed),
                accuracy=accuracy(list(by_seed.values()), answers),
                gain=difference(by_seed, baseline, answers),
                gap=difference(by_seed, full, answers) if method != FULL else None,
            )
        )
    p = uncertainty.holm([np.nan if cell.gain is None else cell.gain.p_above() for cell in made])
    proven = [Cell(**{**vars(cell), "better": _proven(value)}) for cell, value in zip(made, p, strict=True)]
    return Comparison(proven, int(np.isfinite(p).sum()))


def figures(cell: Cell) -> dict:
    """A cell as one flat row: accuracy_mean, gain and gap, each with `_low` and `_high`; `better`, `items_counted`."""
    row = {"better": cell.better, "items_counted": all(e.n for e in (cell.accuracy, cell.gain, cell.gap) if e)}
    row |= over("accuracy", cell.accuracy, value="accuracy_mean")
    return row | over("gain", cell.gain) | over("gap", cell.gap)


def over(name: str, found: Estimate | None, *, value: str = "") -> dict[str, float | None]:
    """A figure with the ends of its interval, `<name>_low` and `_high`; None where they are not known."""
    low, high = (None, None) if found is None else found.interval()
    known = low is not None and not np.isnan(low)
    return {
        value or name: found and found.value,
        f"{name}_low": low if known else None,
        f"{name}_high": high if known else None,
    }


def ends(row: Mapping, name: str, sign: str = "", *, times: float = 100, digits: int = 1) -> str:
    """The interval of a figure, by default in percent, as it follows the figure; "" where it is not known.

    >>> ends({"gain_low": 0.011, "gain_high": 0.034}, "gain", "+")
    ' (+1.1 to +3.4)'
    """
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if low is None else f" ({times * low:{sign}.{digits}f} to {times * high:{sign}.{digits}f})"


def _figures(method: str, keep: float, by_seed: Mapping[int, Mapping]) -> dict:
    runs = list(by_seed.values())
    wrong = [run.get("mislabels_kept") for run in runs]
    values = [run["accuracy"] for run in runs]
    return {
        "method": method,
        "keep": keep,
        "seeds": len(runs),
        "spread": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0,
        "worst_class": np.nan if runs[0].get("measured") else _mean(runs, "worst_class"),
        "passes": _mean(runs, "passes"),
        "seconds": _mean(runs, "train_seconds"),
        "select_seconds": float(np.mean([run.get("select_seconds", 0.0) for run in runs])),
        "mislabels_kept": None if None in wrong else float(np.mean(wrong)),
    }


def accuracy(runs: Sequence[Mapping], answers: Answers) -> Estimate:
    """Over seeds and test items; over the seeds alone where a run has no answers."""
    stored = [answers.get(run["key"]) for run in runs]
    if any(found is None for found in stored):
        bounds = _ANYTHING if runs[0].get("measured") else (0.0, 1.0)
        return uncertainty.over_seeds([run["accuracy"] for run in runs], bounds)
    return uncertainty.accuracy(np.stack(stored))


def difference(ours: Mapping[int, Mapping], other: Mapping[int, Mapping], answers: Answers) -> Estimate | None:
    """Paired by seed and test item; None without a common seed."""
    seeds = sorted(ours.keys() & other.keys())
    if not seeds:
        return None
    sides = [[answers.get(runs[seed]["key"]) for seed in seeds] for runs in (ours, other)]
    if any(found is None for side in sides for found in side):
        gains = [ours[seed]["accuracy"] - other[seed]["accuracy"] for seed in seeds]
        return uncertainty.over_seeds(gains, _ANYTHING if ours[seeds[0]].get("measured") else (-1.0, 1.0))
    return uncertainty.difference(*map(np.stack, sides))


def _proven(p: float) -> bool | None:
    return None if np.isnan(p) else bool(p < LEVEL)


def _mean(runs: Sequence[Mapping], name: str) -> float:
    return float(np.mean([run[name] for run in runs]))
