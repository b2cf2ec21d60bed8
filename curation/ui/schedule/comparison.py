"""Samplers compared in words, no stronger than the numbers allow.

Everybody is held against rs2 on the same passes. Seeds pair up: seed s of two samplers trains the same first weights on
the same planted mistakes, and all answer the same test items. The intervals and the one-sided tests behind "beats" and
"is worse" are those of verification, over seeds and test items, with Holm's correction over all comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curation.data.budget import keep_words
from curation.engine.comparison import Answers, difference
from curation.engine.stages.schedule import FULL_SHORT, RS2
from curation.engine.trials import FULL, finished
from curation.maths.uncertainty import LEVEL, Estimate, holm
from curation.ui.verify.summary import points


@dataclass(frozen=True)
class Cell:
    """One sampler at one share, over its seeds. Accuracies in [0, 1], gains over rs2 too; share, of the passes of
    everything; reached: the share of them after which it is within the tolerance of everything, infinity where a seed
    never is, None where everything is not trained."""

    sampler: str
    keep: float
    mean: float
    sd: float
    seeds: int
    share: float
    gini: float
    never_seen: float
    noise_taken: float | None
    prepare_seconds: float
    choose_seconds: float
    train_seconds: float
    reached: float | None = None
    gain: Estimate | None = None
    better: bool = False
    worse: bool = False

    @property
    def interval(self) -> str:
        """The gain in points, with its interval where several seeds give one."""
        if self.gain is None:
            return ""
        return points(self.gain)


def cells(runs: Sequence[Mapping], tolerance: float = 0.01, answers: Answers | None = None) -> list[Cell]:
    """Finished runs with their epochs, summed up per sampler and share, in the order they come.

    answers: of the runs by their `key`; without them the gains are known over the seeds alone.
    """
    groups: dict[tuple[float, str], dict[int, Mapping]] = {}
    for run in finished(runs):
        groups.setdefault((run["keep"], run["sampler"]), {})[run["seed"]] = run
    full = next((by_seed for (_, name), by_seed in groups.items() if name == FULL), {})
    goal = np.mean([run["accuracy"] for run in full.values()]) - tolerance if full else None
    whole = np.mean([run["passes"] for run in full.values()]) if full else None
    made = []
    for (keep, name), by_seed in groups.items():
        base = groups.get((keep, RS2), {}) if name not in (RS2, FULL) else {}
        accuracy = [run["accuracy"] for run in by_seed.values()]
        taken = [run["noise_taken"] for run in by_seed.values()]
        mean = lambda of, by_seed=by_seed: float(np.mean([run[of] for run in by_seed.values()]))  # noqa: E731
        made.append(
            Cell(
                name,
                keep,
                mean=float(np.mean(accuracy)),
                sd=float(np.std(accuracy, ddof=1)) if len(accuracy) > 1 else 0.0,
                seeds=len(accuracy),
                share=mean("share"),
                gini=mean("gini"),
                never_seen=float(np.mean([run["never_seen"] / run["train_rows"] for run in by_seed.values()])),
                noise_taken=None if None in taken else float(np.mean(taken)),
                prepare_seconds=mean("prepare_seconds"),
                choose_seconds=mean("choose_seconds"),
                train_seconds=mean("train_seconds"),
                reached=None if goal is None else float(np.mean([_reached(r, goal) for r in by_seed.values()]) / whole),
                gain=difference(by_seed, base, answers or {}),
            )
        )
    over = holm([cell.gain.p_above() if cell.gain else np.nan for cell in made])
    under = holm([cell.gain.p_below() if cell.gain else np.nan for cell in made])
    both = zip(made, over, under, strict=True)
    return [replace(cell, better=bool(above < LEVEL), worse=bool(below < LEVEL)) for cell, above, below in both]


def headline(made: Sequence[Cell]) -> tuple[bool, str]:
    """(whether something beats rs2, the first line of the result)."""
    rivals = [cell for cell in made if cell.gain is not None]
    if not rivals:
        return False, "Nothing can be compared yet: rs2 and another sampler have to be trained at one share."
    if winners := sorted((cell for cell in rivals if cell.better), key=lambda cell: -cell.gain.value):
        first, *rest = winners
        more = [f"{cell.sampler} at {keep_words(cell.keep)} ({cell.interval})" for cell in rest]
        words = f"{first.sampler} beats rs2 at {keep_words(first.keep)} of the passes, by {first.interval} points"
        return True, words + (f"; so do {', '.join(more)}" if len(more) > 1 else f"; so does {more[0]}" if more else "")
    seeds = max(cell.gain.seeds for cell in rivals)
    if seeds < 2:
        return False, "One seed proves nothing: train more seeds to compare samplers with rs2."
    n = f"{len(rivals)} comparison{'s' * (len(rivals) > 1)}, {seeds} seeds"
    return False, f"Nothing beats rs2: no sampler is better than random parts taken in turn, beyond chance ({n})"


def sentences(made: Sequence[Cell], tolerance: float) -> list[str]:
    """What else there is to say: share by share, then wrong labels, then what it takes to get as far as everything."""
    lines, full = [], next((cell for cell in made if cell.sampler == FULL), None)
    for keep in sorted({cell.keep for cell in made if cell.sampler != FULL}):
        here = {cell.sampler: cell for cell in made if cell.keep == keep and cell.sampler != FULL}
        if RS2 not in here:
            continue
        base = here[RS2]
        words = f"At {keep_words(keep)} rs2 reaches {100 * base.mean:.1f} ± {100 * base.sd:.1f} %"
        if full:
            gap = 100 * (base.mean - full.mean)
            words += f", {abs(gap):.1f} points {'above' if gap >= 0 else 'below'} everything on all passes"
        rivals = [cell for cell in here.values() if cell.gain is not None]
        if rivals:
            best = max(rivals, key=lambda cell: cell.gain.value)
            words += f"; the highest beside it is {best.sampler}, {best.interval} points against rs2"
        if worse := [cell.sampler for cell in rivals if cell.worse]:
            words += f"; worse than rs2: {', '.join(worse)}"
        lines.append(words)
    if taken := _of_wrong_labels(made):
        lines.append(taken)
    if full and (reached := _of_everything(made, full, tolerance)):
        lines.append(reached)
    return lines


def how_tested(made: Sequence[Cell]) -> str:
    """What "beats" means here; "" where nothing was compared."""
    rivals = [cell for cell in made if cell.gain and cell.gain.seeds > 1]
    if not rivals:
        return ""
    fewest = min(cell.gain.seeds for cell in rivals)
    items = min(cell.gain.n for cell in rivals)
    over = f"seeds and {items:,} test items" if items else "seeds alone"
    more = " More seeds can prove smaller differences." if fewest < 5 else ""
    same = f" {FULL_SHORT} is an ordinary run that ends sooner on the same passes." if _has(made, FULL_SHORT) else ""
    return (
        f"Differences to rs2 are paired, with 95 % intervals over {over}. Beats, and worse than: p < {LEVEL:g} in "
        f"a one-sided paired test, Holm-corrected for {len(rivals)} comparison{'s' * (len(rivals) > 1)}.{same}{more}"
    )


# ------------------------------------------------------------------------------------------------------------


def _reached(run: Mapping, goal: float) -> float:
    """Passes when an epoch first reached the goal; infinity where none did."""
    epochs = run["epochs"]
    there = [passes for passes, accuracy in zip(epochs["passes"], epochs["accuracy"], strict=True) if accuracy >= goal]
    return there[0] if there else float("inf")


def _of_wrong_labels(made: Sequence[Cell]) -> str:
    rated = [cell for cell in made if cell.noise_taken is not None and cell.sampler not in (FULL, FULL_SHORT, RS2)]
    base = next((cell for cell in made if cell.sampler == RS2 and cell.noise_taken is not None), None)
    if not rated or base is None:
        return ""
    mean = {name: np.mean([c.noise_taken for c in rated if c.sampler == name]) for name in {c.sampler for c in rated}}
    least, most = min(mean, key=mean.get), max(mean, key=mean.get)
    words = f"Of what rs2 trained on, {_percent(base.noise_taken)} were wrong labels; of what {least} did, "
    words += _percent(mean[least])
    return words if least == most else f"{words}; of what {most} did, {_percent(mean[most])}"


def _of_everything(made: Sequence[Cell], full: Cell, tolerance: float) -> str:
    points = f"{100 * tolerance:g} point{'s' * (tolerance != 0.01)}"
    first = min((cell for cell in made if cell.sampler != FULL), key=lambda cell: cell.reached, default=None)
    if first is None or np.isinf(first.reached):
        return f"No sampler comes within {points} of everything ({100 * full.mean:.1f} %) in all seeds"
    base = min((cell.reached for cell in made if cell.sampler == RS2), default=float("inf"))
    words = (
        f"{first.sampler} at {keep_words(first.keep)} is the first within {points} of everything, after "
        f"{_percent(first.reached)} of the passes of everything"
    )
    if first.sampler == RS2:
        return words
    return f"{words}; rs2 {'does not reach it' if np.isinf(base) else f'needs {_percent(base)}'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _has(made: Sequence[Cell], name: str) -> bool:
    return any(cell.sampler == name for cell in made)
