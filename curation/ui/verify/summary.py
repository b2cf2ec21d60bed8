"""What verification says, in words that the numbers carry.

A method is "better than random" at a share when its mean over the seeds is higher and a paired one-sided t-test over
the seeds puts p below 0.05; anything else is "not better than random". Seeds pair up: seed s of a method and seed s
of random train with the same initialisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curation.engine.trials import FULL, RANDOM

LEVEL = 0.05


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
    better: bool = False


def cells(runs: Sequence[Mapping]) -> list[Cell]:
    """Runs of one student, summed up per method and share; `gain` and `better` against random at the same share."""
    groups: dict[tuple[float, str], dict[int, Mapping]] = {}
    for run in finished(runs):
        groups.setdefault((run["keep"], run["method"]), {})[run["seed"]] = run
    made = []
    for (keep, method), by_seed in sorted(groups.items()):
        accuracy = np.array([run["accuracy"] for run in by_seed.values()])
        baseline = groups.get((keep, RANDOM), {})
        paired = [run["accuracy"] - baseline[s]["accuracy"] for s, run in by_seed.items() if s in baseline]
        compared = method not in (RANDOM, FULL) and len(paired) > 0
        wrong = [run.get("mislabels_kept") for run in by_seed.values()]
        made.append(
            Cell(
                method,
                keep,
                float(accuracy.mean()),
                _sd(accuracy),
                float(np.mean([run["worst_class"] for run in by_seed.values()])),
                len(accuracy),
                float(np.mean([run["passes"] for run in by_seed.values()])),
                float(np.mean([run["train_seconds"] for run in by_seed.values()])),
                float(np.mean([run.get("select_seconds", 0.0) for run in by_seed.values()])),
                None if None in wrong else float(np.mean(wrong)),
                float(np.mean(paired)) if compared else None,
                _sd(np.array(paired)) if compared else 0.0,
                compared and better(np.array(paired)),
            )
        )
    return made


def finished(runs: Sequence[Mapping]) -> list[Mapping]:
    return [run for run in runs if not run.get("failed")]


def failures(runs: Sequence[Mapping]) -> list[str]:
    """What failed, one line per method, share and reason, with the seeds it happened for."""
    seeds: dict[tuple[str, float, str], list[int]] = {}
    for run in runs:
        if run.get("failed"):
            seeds.setdefault((run["method"], run["keep"], run["failed"]), []).append(run["seed"])
    return [
        f"{method} at {100 * keep:.4g} %, seed{'s' * (len(of) > 1)} {', '.join(map(str, of))}: {why}"
        for (method, keep, why), of in seeds.items()
    ]


def better(differences: np.ndarray) -> bool:
    """Whether paired differences are above zero beyond chance (one-sided t-test, p < 0.05).

    >>> better(np.array([0.02, 0.03, 0.025])), better(np.array([0.02, -0.03, 0.01]))
    (True, False)
    """
    n, mean, sd = len(differences), differences.mean(), _sd(differences)
    if n < 2 or mean <= 0:
        return False
    if sd == 0:
        return True
    from scipy.stats import t

    return bool(t.sf(mean / (sd / np.sqrt(n)), n - 1) < LEVEL)


def enough(made: Sequence[Cell], tolerance: float) -> Cell | None:
    """The smallest verified subset whose mean is within `tolerance` of the full data's; None when there is none."""
    full = next((c for c in made if c.method == FULL), None)
    fits = [c for c in made if full and c.method not in (FULL, RANDOM) and c.mean >= full.mean - tolerance]
    return min(fits, key=lambda c: (c.keep, -c.mean), default=None)


@dataclass(frozen=True)
class Share:
    """One share of the grid. best: the method with the highest mean; weak: methods not better than random."""

    keep: float
    best: Cell
    weak: list[str]
    random: Cell | None

    def words(self) -> str:
        """The best method at this share and its lead, in one sentence."""
        share, best = f"At {100 * self.keep:.4g} %", self.best
        figure = f"{100 * best.mean:.1f} ± {100 * best.sd:.1f} %"
        if best.better:
            return f"{share} {best.method} is best ({figure}), better than random by {_lead(best)}"
        if best.gain is None:
            return f"{share} {best.method} is best ({figure})"
        return f"{share} nothing is better than random; the highest is {best.method} ({figure}), {_lead(best)} apart"


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


def _lead(cell: Cell) -> str:
    return f"{100 * abs(cell.gain):.1f} ± {100 * cell.gain_sd:.1f} points"


def sentence(cell: Cell) -> str:
    """One method at one share against random, in words."""
    share = f"{100 * cell.keep:.4g} %"
    if cell.gain is None:
        return f"{cell.method} at {share}: {100 * cell.mean:.1f} %"
    spread = _lead(cell)
    if cell.better:
        return f"{cell.method} at {share} is better than random by {spread}"
    where = "above" if cell.gain > 0 else "below" if cell.gain < 0 else "from"
    unsure = ", which chance may explain" if cell.gain > 0 else ""
    return f"{cell.method} at {share} is not better than random: {spread} {where}{unsure}"


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0
