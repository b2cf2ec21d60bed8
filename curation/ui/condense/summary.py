"""Condensed sets against real ones in words, no stronger than the numbers allow; see `engine.against_real`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from curation.engine.against_real import Against, Cell, Comparison
from curation.engine.trials import FULL
from curation.maths.uncertainty import LEVEL
from curation.ui.verify.summary import percent, points


class Line(NamedTuple):
    """What is claimed first, and whether it is a success."""

    text: str
    good: bool = False


def headline(found: Comparison, student: str) -> Line:
    """The first line of the page: better than real items, or not. Real items come first where they are as good."""
    own = rivals(found, student)
    if not own:
        return Line("Nothing can be compared yet: a condensed set and real items of its size have to be judged.")
    if words := _guessing(found, student):
        return Line(words)
    if max(cell.seeds for cell in found.cells) < 2:
        return Line("One seed proves nothing: condense more seeds to compare a set with real items.")
    if not found.compared:
        return Line("Nothing can be compared yet: two seeds of a condensed set and of real items have to be judged.")
    level = [cell for cell in own if cell.storage and not cell.storage.better and cell.storage.gain.value < CLOSE]
    best = max(own, key=lambda cell: (_better(cell.number), cell.number.gain.value if cell.number else -1.0))
    if level and (same := max(level, key=lambda cell: cell.mean)) and not any(_better(cell.storage) for cell in own):
        return Line(
            f"Real items are as good at equal storage, as far as these seeds can tell: {same.storage.other} against "
            f"{_name(same)}, {points(same.storage.gain)} points for the condensed set"
        )
    if _better(best.number):
        words = f"{_name(best)} is better than the best real subset of its size by {points(best.number.gain)} points"
        if best.storage and not _better(best.storage):
            words += f"; at equal storage it is not proven better than {best.storage.other}"
        return Line(words, good=True)
    n = f"{found.compared} comparisons, {max(cell.seeds for cell in own)} seeds"
    return Line(f"Nothing is proven better than the best real subset of its size, beyond chance ({n})")


def sentences(found: Comparison, student: str) -> list[str]:
    """What else there is to say, number by number: the best condensed set, the real ones, and everything."""
    lines, full = [], found.find(FULL, None, student)
    for per_class, of in sorted({cell.name[2:4] for cell in rivals(found, student)}):
        here = [cell for cell in rivals(found, student) if cell.name[2:4] == (per_class, of)]
        best = max(here, key=lambda cell: cell.mean)
        words = f"At {per_class} per class" + (f" of {of}" if of else "")
        words += f" {best.name.method} reaches {percent(best.accuracy)}"
        if best.number:
            words += f", {points(best.number.gain)} points against {best.number.other} of the same number"
            words += ", better" if best.number.better else ", not proven better"
        if best.storage and best.storage.other != (best.number and best.number.other):
            words += f"; {points(best.storage.gain)} against {best.storage.other}, the best real items of as many bytes"
            words += ", better" if best.storage.better else ", not proven better"
        if full and best.gap:
            words += f"; {points(best.gap)} against everything"
        lines.append(words)
        if weak := [cell.name.method for cell in here if cell is not best and not _better(cell.number)]:
            lines.append(f"Not proven better than real items of the same number: {', '.join(weak)}")
    return lines


def how_tested(found: Comparison) -> str:
    n = min((cell.accuracy.n for cell in found.cells), default=0)
    seeds = max((cell.seeds for cell in found.cells), default=0)
    over = f"{n:,} test items and {seeds} seeds" if n else f"{seeds} seeds alone"
    words = f"Intervals: 95 %, over {over}; a seed is a condensation and a student from scratch."
    if found.compared:
        words += f" Better: p < {LEVEL:g} against every real set, Holm-corrected for {found.compared} comparisons."
    return words


def prune_first(found: Comparison, student: str) -> list[str]:
    """A method on a part of the items against the same on all of them; mean and standard deviation over the seeds."""
    lines = []
    for part in (cell for cell in found.cells if cell.name.of and not cell.real and cell.name.student == student):
        whole = found.find(part.name.method, part.name.per_class, student)
        if whole is not None:
            pair = [f"{100 * cell.mean:.1f} ± {100 * cell.spread:.1f}" for cell in (part, whole)]
            lines.append(
                f"{whole.name.method}, {part.name.per_class} per class: {pair[0]} from {part.name.of}, {pair[1]} from "
                "all items"
            )
    return lines


def rivals(found: Comparison, student: str) -> list[Cell]:
    """The sets that are neither real nor only there to compare with."""
    return [c for c in found.cells if c.name.student == student and not c.baseline and c.name.method != FULL]


CLOSE = (
    0.02  # accuracy by which a set may lead real items of as many bytes, unproven, and they are still called as good
)


def _guessing(found: Comparison, student: str) -> str:
    """A sentence where even everything teaches nothing; "" otherwise."""
    full = found.find(FULL, None, student)
    low = full.accuracy.interval()[0] if full else 1.0
    sets = [cell for cell in found.cells if cell.name.student == student and cell.name.per_class]
    classes = max((cell.items // cell.name.per_class for cell in sets), default=0)
    if full is None or not classes or not low < 1 / classes:
        return ""
    return (
        f"A student trained on everything is no better than guessing ({percent(full.accuracy)}): the labels say "
        "nothing about the items, and no set can be judged by them"
    )


def _better(held: Against | None) -> bool:
    return bool(held and held.better)


def _name(cell: Cell) -> str:
    return f"{cell.name.method} at {cell.name.per_class} per class" + (f" of {cell.name.of}" if cell.name.of else "")


def order(cells: Sequence[Cell]) -> list[Cell]:
    """As a table lists them: by number, then condensed sets by accuracy, then what stands beside, everything last."""
    last = lambda cell: float("inf") if cell.name.per_class is None else cell.name.per_class  # noqa: E731
    return sorted(cells, key=lambda c: (last(c), c.name.of, c.baseline, -c.mean))
