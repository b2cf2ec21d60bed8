"""The results of verification in words, no stronger than the numbers allow.

A method is "better than random" at a share when one-sided paired t-tests over the seeds say so at 5 %, with Holm's
correction over all comparisons of the grid. Seeds pair up: seed s of a method and seed s of random train with the same
initialisation.

Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 1979.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curation.data.budget import keep_words
from curation.engine.trials import FULL, RANDOM

LEVEL = 0.05  # chance of calling any method of a grid better than random that is not
SAME = 1e-9  # accuracy: gains this close are equal up to rounding


@dataclass(frozen=True)
class Cell:
    """One method at one share. mean and sd in [0, 1]; sd over the seeds (ddof 1), 0 for one seed."""

    method: str
    keep: float
    mean: float
    sd: float
    worst_class: float
    seeds: int
    passes: float
    seconds: float  # of training
    select_seconds: float = 0.0  # of choosing the subset, what it stands on not counted
    mislabels_kept: float | None = None  # share of the wrong labels that is in the subset
    gain: float | None = None  # over random, paired by seed
    gain_sd: float = 0.0
    pairs: int = 0  # seeds of the method that random has too
    better: bool = False

    @property
    def testable(self) -> bool:
        """Whether the gains say anything about chance: several seeds that do not all give the same."""
        return self.pairs > 1 and self.gain_sd > SAME


def cells(runs: Sequence[Mapping]) -> list[Cell]:
    """Runs of one student, summed up per method and share; `gain` and `better` against random at the same share."""
    groups: dict[tuple[float, str], dict[int, Mapping]] = {}
    for run in finished(runs):
        groups.setdefault((run["keep"], run["method"]), {})[run["seed"]] = run
    made, gains = [], []
    for (keep, method), by_seed in sorted(groups.items()):
        baseline = groups.get((keep, RANDOM), {}) if method not in (RANDOM, FULL) else {}
        paired = [run["accuracy"] - baseline[s]["accuracy"] for s, run in by_seed.items() if s in baseline]
        wrong = [run.get("mislabels_kept") for run in by_seed.values()]
        gains.append(paired)
        made.append(
            Cell(
                method=method,
                keep=keep,
                mean=_mean(by_seed, "accuracy"),
                sd=_sd([run["accuracy"] for run in by_seed.values()]),
                worst_class=_mean(by_seed, "worst_class"),
                seeds=len(by_seed),
                passes=_mean(by_seed, "passes"),
                seconds=_mean(by_seed, "train_seconds"),
                select_seconds=float(np.mean([run.get("select_seconds", 0.0) for run in by_seed.values()])),
                mislabels_kept=None if None in wrong else float(np.mean(wrong)),
                gain=float(np.mean(paired)) if paired else None,
                gain_sd=_sd(paired),
                pairs=len(paired),
            )
        )
    return [replace(cell, better=proof) for cell, proof in zip(made, beyond_chance(gains), strict=True)]


def beyond_chance(groups: Sequence[Sequence[float]]) -> list[bool]:
    """Which of several groups of paired gains are above zero beyond chance.

    Groups of one gain, or of equal gains as deterministic students give them, say nothing about chance: they prove
    nothing and count as no comparison.

    >>> beyond_chance([[0.02, 0.03, 0.025], [0.02, -0.03, 0.01], [0.02, 0.02, 0.02]])
    [True, False, False]
    """
    from scipy.stats import ttest_rel

    proof, p = [False] * len(groups), {}
    for at, gains in enumerate(groups):
        if len(gains) > 1 and np.ptp(gains) > SAME:
            p[at] = ttest_rel(gains, np.zeros(len(gains)), alternative="greater").pvalue
    for tested, at in enumerate(sorted(p, key=p.get)):  # the smallest p has to pass the hardest level
        if p[at] >= LEVEL / (len(p) - tested):
            break
        proof[at] = True
    return proof


def finished(runs: Sequence[Mapping]) -> list[Mapping]:
    return [run for run in runs if not run.get("failed")]


def failures(runs: Sequence[Mapping]) -> list[str]:
    """What failed, one line per method, share and reason, with the seeds it happened for."""
    seeds: dict[tuple[str, float, str], list[int]] = {}
    for run in runs:
        if run.get("failed"):
            seeds.setdefault((run["method"], run["keep"], run["failed"]), []).append(run["seed"])
    return [
        f"{method} at {keep_words(keep)}, seed{'s' * (len(of) > 1)} {', '.join(map(str, of))}: {why}"
        for (method, keep, why), of in seeds.items()
    ]


def enough(made: Sequence[Cell], tolerance: float) -> Cell | None:
    """The smallest verified subset whose mean is within `tolerance` of the full data's; None when there is none."""
    full = next((c for c in made if c.method == FULL), None)
    fits = [c for c in made if full and c.method not in (FULL, RANDOM) and c.mean >= full.mean - tolerance]
    return min(fits, key=lambda c: (c.keep, -c.mean), default=None)


@dataclass(frozen=True)
class Share:
    """One share of the grid. best: the method with the highest mean, of those better than random if there are any;
    weak: methods that are not proven better than random."""

    keep: float
    best: Cell
    weak: list[str]
    random: Cell | None

    def words(self) -> str:
        """The best method at this share and its lead, in one sentence."""
        share, best = f"At {keep_words(self.keep)}", self.best
        figure = f"{best.method} ({100 * best.mean:.1f} ± {100 * best.sd:.1f} %)"
        if best.gain is None:
            return f"{share} the best is {figure}"
        lead = f"{100 * abs(best.gain):.1f} ± {100 * best.gain_sd:.1f} points"
        if best.better:
            return f"{share} the best is {figure}, better than random by {lead}"
        where = f"{lead} {'above' if best.gain >= 0 else 'below'} random"
        none = f"{share} no method is proven better than random: the highest is {figure}, {where}"
        if best.testable:
            return none
        return f"{none}; {'one seed proves' if best.pairs == 1 else 'equal gains in all seeds prove'} nothing"


def by_share(made: Sequence[Cell]) -> list[Share]:
    """The grid read share by share, from the smallest."""
    found = []
    for keep in sorted({c.keep for c in made if c.method != FULL}):
        here = [c for c in made if c.keep == keep and c.method not in (FULL, RANDOM)]
        if here:
            baseline = next((c for c in made if c.keep == keep and c.method == RANDOM), None)
            weak = [c.method for c in here if c.gain is not None and not c.better]
            found.append(Share(keep, max(here, key=lambda c: (c.better, c.mean)), weak, baseline))
    return found


def how_tested(made: Sequence[Cell]) -> str:
    """What "better than random" means here, in one sentence; "" where nothing could be tested."""
    tested = sum(cell.testable for cell in made)
    if not tested:
        return ""
    fewest = min(cell.pairs for cell in made if cell.testable)
    more = " More seeds can prove smaller gains." if fewest < 5 else ""
    return (
        f"Better than random: p < {LEVEL:g} in a one-sided paired t-test over the seeds, Holm-corrected for "
        f"{tested} comparison{'s' * (tested > 1)}.{more}"
    )


def _mean(by_seed: Mapping[int, Mapping], name: str) -> float:
    return float(np.mean([run[name] for run in by_seed.values()]))


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
