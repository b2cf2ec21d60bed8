"""Condensed sets against real items of the same number and of the same bytes, with intervals over seeds and test items.

A set is "better" when a one-sided paired test says so against every real set it is held against, with Holm's correction
over all sets of the grid; the gain that is shown is the one over the best of them. Real items of the same number have
one label each and are whole; of the same bytes there are also those with soft labels and mosaics, if they take at most
`ROOM` more. Seeds pair up: seed s of two sets begins with the same weights of the student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from curation.engine.comparison import Answers, accuracy, difference, over
from curation.engine.trials import FULL
from curation.maths import uncertainty
from curation.maths.uncertainty import LEVEL, Estimate

ROOM = 0.05  # bytes more that count as equal: soft labels add 1 % to 32 x 32 colours, 2 % to greys of that size


class Name(NamedTuple):
    """A cell of the grid. like: of random real items of as many bytes, as which method's. per_class: None, everything.
    of: what was condensed; "" for all train items."""

    method: str
    like: str
    per_class: int | None
    of: str
    student: str


class Against(NamedTuple):
    """What a set is held against. other: the best of the real ones. gain: over it, paired. better: than all of them."""

    other: str
    gain: Estimate
    better: bool | None = None


@dataclass(frozen=True)
class Cell:
    """One set by one student, over its seeds. real: its items are, soft: it has soft labels, parts: of a mosaic a side.
    baseline: it always stands beside. seconds: of condensing. passes: networks' passes over single items, all kinds.
    realism: see `training.realism`; None for what always stands beside, and for embeddings."""

    name: Name
    seeds: int
    accuracy: Estimate
    spread: float
    items: int
    bytes: int | None
    seconds: float
    passes: float
    real: bool
    baseline: bool
    soft: bool
    parts: int
    realism: Mapping[str, float] | None
    number: Against | None = None  # real items of the same number
    storage: Against | None = None  # real items of the same bytes
    gap: Estimate | None = None  # to everything

    @property
    def mean(self) -> float:
        return self.accuracy.value

    @property
    def plain(self) -> bool:
        """Whole real items with one label each, as many as were asked for."""
        return self.real and not self.soft and self.parts == 1 and not self.name.like


@dataclass(frozen=True)
class Comparison:
    cells: list[Cell]
    compared: int  # sets that were tested against real ones

    def find(self, method: str, per_class: int | None, student: str, of: str = "") -> Cell | None:
        return next((c for c in self.cells if c.name == Name(method, "", per_class, of, student)), None)


def compare(runs: Sequence[Mapping[str, Any]], answers: Answers) -> Comparison:
    """runs: finished rows of the stage `judge`; answers: by their `key`."""
    groups: dict[Name, dict[int, Mapping]] = {}
    for run in runs:
        name = Name(run["method"], run["like"], run["per_class"], run["of"], run["student"])
        groups.setdefault(name, {})[run["seed"]] = run
    cells = {name: _cell(name, list(by_seed.values()), answers) for name, by_seed in groups.items()}
    made, tests = [], []
    for name, cell in cells.items():
        full = groups.get(Name(FULL, "", None, "", name.student), {})
        if name.method != FULL:
            cell = replace(cell, gap=difference(groups[name], full, answers))
        if not cell.real and name.method != FULL:
            beside = [
                c for c in cells.values() if c.real and c.name[2:] == name[2:] and c.name.like in ("", name.method)
            ]
            small = [c for c in beside if c.bytes <= (1 + ROOM) * cell.bytes]
            held = []
            for others in ([c for c in beside if c.plain], small):
                against, p = _against(groups, name, others, answers)
                held.append(against)
                tests.append(p)
            cell = replace(cell, number=held[0], storage=held[1])
        made.append(cell)
    corrected = iter(uncertainty.holm(tests))
    for at, cell in enumerate(made):
        if not cell.real and cell.name.method != FULL:
            number, storage = (_judged(held, next(corrected)) for held in (cell.number, cell.storage))
            made[at] = replace(cell, number=number, storage=storage)
    return Comparison(made, int(np.isfinite(tests).sum()))


def figures(cell: Cell) -> dict[str, Any]:
    """A cell as one flat row; see the stage `judge`."""
    row: dict[str, Any] = {"baseline": cell.baseline}
    row |= over("accuracy", cell.accuracy, value="accuracy_mean") | over("gap", cell.gap)
    for short, held in (("", cell.number), ("_bytes", cell.storage)):
        row |= over(f"gain{short}", held and held.gain)
        row |= {f"against{short}": held and held.other, f"better{short}": held and held.better}
    return row


# ------------------------------------------------------------------------------------------------------------


def _cell(name: Name, runs: list[Mapping], answers: Answers) -> Cell:
    first, values = runs[0], [run["accuracy"] for run in runs]
    mean = lambda values: float(np.mean(list(values)))  # noqa: E731
    return Cell(
        name,
        seeds=len(runs),
        accuracy=accuracy(runs, answers),
        spread=float(np.std(values, ddof=1)) if len(runs) > 1 else 0.0,
        items=first["items"],
        bytes=first["bytes"],
        seconds=mean(run["seconds"] for run in runs),
        passes=mean(sum(run["passes"].values()) for run in runs),
        real=first["real"],
        baseline=first["baseline"],
        soft=first["soft"],
        parts=first["parts"],
        realism=first["realism"] and {of: mean(run["realism"][of] for run in runs) for of in first["realism"]},
    )


def _against(
    groups: Mapping[Name, Mapping], name: Name, others: Sequence[Cell], answers: Answers
) -> tuple[Against | None, float]:
    """The gain over the best of the others, and the largest of the p-values; NaN where nothing can be tested."""
    gains = {other.name: difference(groups[name], groups[other.name], answers) for other in others}
    gains = {other: gain for other, gain in gains.items() if gain is not None}
    if not gains:
        return None, np.nan
    best = max((other for other in others if other.name in gains), key=lambda c: c.mean)
    return Against(best.name.method, gains[best.name]), float(np.max([gain.p_above() for gain in gains.values()]))


def _judged(held: Against | None, p: float) -> Against | None:
    return held if held is None or np.isnan(p) else held._replace(better=bool(p < LEVEL))
