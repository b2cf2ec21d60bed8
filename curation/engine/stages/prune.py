"""Prune: which train rows to keep, in the order taken.

What every pruner shares happens here, once: the budget, class balance, rows a person pinned and rows flags leave out.
A pruner only ever answers "which `budget` of these rows, in which order", and never sees a dropped row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from curation.data.budget import budget, checked_keep, keep_words, quotas
from curation.data.results import Selection
from curation.data.view import View
from curation.engine import registry, results
from curation.engine.compute import Call
from curation.engine.plan import Ask, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Named, Stage
from curation.engine.trials import FULL, RANDOM
from curation.errors import RecipeError, StepError, nearest

Keep = Annotated[float, Field(strict=True), AfterValidator(checked_keep)]
Select = Callable[..., "np.ndarray | Selection"]  # (view, budget); under balance with `rng` as well
_BALANCE = 2  # how classes are given their share; raised, as a card's version, when another subset comes of it


class Prune(Named):
    keep: Keep  # the share of the train rows, or their number
    balance: bool = False  # keep the same share of every class
    without: list[str] = Field(default_factory=list)  # flags whose flagged rows are left out before anything is chosen


STAGE = Stage(kind="pruners", section="prune", model=Prune, shape="list", after=("map",))


def validate(section: Prune, recipe) -> None:
    if section.name == FULL or (section.name == RANDOM and section.use != RANDOM):
        raise RecipeError(
            f"[[prune]] name = {section.name!r}: this name is reserved for verification's own subsets; "
            f"choose another name, such as '{section.use}-{keep_words(section.keep).split()[0]}'"
        )
    flags = [flag.name for flag in recipe.flag]
    for name in section.without:
        if name not in flags:
            raise RecipeError(
                f"[[prune]] {section.name}: without = {name!r} names no [[flag]] of this recipe; "
                + (nearest(name, flags) if flags else "there are none")
            )


def steps(section: Prune, ask: Ask) -> list[str]:
    return [subset(section, ask)]


def subset(
    section: Prune,
    ask: Ask,
    *,
    keep: float | None = None,
    seed: int | None = None,
    shown: Mapping[str, Any] | None = None,
) -> str:
    """The key of a subset; keep and seed in the place of the section's own."""
    card = registry.get("pruners", section.use).card
    balance = section.balance and not card.balances  # what a pruner does anyway is not asked of the engine
    extra = {"keep": keep or section.keep, "balance": balance and _BALANCE, "without": sorted(section.without)}
    inputs = {f"flag:{name}": ask.result("flag", name) for name in section.without}
    if ask.rows_key:
        inputs["rows"] = ask.rows_key
    if balance and ask.labels_key:
        inputs["labels"] = ask.labels_key
    known = {section.keep, *(ask.recipe.verify.keeps if ask.recipe.verify else ())}
    same = {other for other in known if (other > 1) == (extra["keep"] > 1) and other > extra["keep"]}
    everything = {1.0} - {extra["keep"]}
    larger = (*sorted(same - everything), *everything) if card.nested else ()
    needs = ("embeddings",) if balance and card.class_graph else ()
    return ask.derived("prune", section, extra=extra, inputs=inputs, seed=seed, shown=shown, larger=larger, needs=needs)


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """rows.npy, the item rows in the order taken, perhaps weights.npy, and left_out.json."""
    known = _larger(step, store)
    select = call if known is None else prefix_of(results.load(store.folder("prune", known), "rows"), len(store.items))
    chosen = apply_budget(step, store, select, call.student)
    about = results.save(chosen.selection, chosen.rows, folder)
    left_out = {str(row): why for row, why in chosen.left_out.items()}
    (folder / "left_out.json").write_text(json.dumps(left_out) + "\n")
    if known is not None:  # the seconds of the larger one: this alone would have taken no more
        card = store.workspace.card("prune", known)
        about |= {"prefix_of": known, "seconds": card["seconds"], "said": card.get("said", [])}
    about["notes"] = [*chosen.notes, *about["said"]]
    return {"rows": len(store.candidates), "left_out": len(left_out), **about}


@dataclass(frozen=True)
class Chosen:
    """selection: positions in `rows` (item rows), in the order taken. left_out: item row -> reason in words."""

    selection: Selection
    rows: np.ndarray
    left_out: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def apply_budget(step: Step, store: ResultReader, select: Select, student: Callable | None = None) -> Chosen:
    """Ask a pruner for its share of the candidates; pinned rows come first and count towards the budget."""
    rows = store.candidates
    total = budget(step.extra["keep"], len(rows))
    left_out = left_out_of(step, store)
    by_hand = store.holds(store.effective.pinned)[rows]
    pinned = np.flatnonzero(by_hand)
    barred = np.isin(rows, list(left_out)) & ~by_hand
    pool = np.flatnonzero(~barred & ~by_hand)
    notes = []
    if len(pinned) > total:
        notes.append(f"{len(pinned):,} rows are kept by hand, more than the budget of {total:,}: all of them are kept")
    wanted = max(total - len(pinned), 0)
    if wanted > len(pool):
        notes.append(f"only {len(pool) + len(pinned):,} of the {total:,} rows asked for are left to choose from")
        wanted = len(pool)

    chosen = Selection(np.empty(0, np.int64))
    if wanted:
        view = store.view(step, rows[pool], student)
        if step.extra["balance"]:
            graphs = step.method.card.class_graph
            labels = store.labels[rows[pool]]
            labels = labels + 1 if labels.min() < 0 else labels  # what has no label is a class of its own
            chosen = per_class_selection(view, labels, wanted, select, step.seed, graphs)
        else:
            chosen = validated_selection(view, wanted, select)
    weights = None if chosen.weights is None else np.concatenate([np.ones(len(pinned)), chosen.weights])
    picked = np.concatenate([pinned, pool[chosen.rows]]).astype(np.int64)
    selection = Selection(picked, weights, chosen.notes)
    return Chosen(selection, rows, {row: left_out[row] for row in rows[barred].tolist()}, notes)


def prefix_of(order: np.ndarray, n: int) -> Select:
    """A pruner that repeats what it said for a larger budget: order, int [k], are the item rows it took, of n."""
    place = np.full(n, len(order))
    place[order] = np.arange(len(order))
    return lambda view, wanted, **_: np.argsort(place[view.rows], kind="stable")[:wanted]


def validated_selection(view: View, wanted: int, select: Select) -> Selection:
    """Call a pruner and hold it to its contract: exactly `wanted` different positions of the view."""
    made = select(view, wanted)
    selection = made if isinstance(made, Selection) else Selection(np.asarray(made))
    picked = np.asarray(selection.rows, dtype=np.int64)
    taken = np.zeros(len(view), bool)
    taken[picked[(picked >= 0) & (picked < len(view))]] = True
    if len(picked) != wanted or taken.sum() != wanted:
        raise StepError(f"the pruner returned {taken.sum()} different rows, {wanted} were asked for")
    return replace(selection, rows=picked)


def per_class_selection(
    view: View, labels: np.ndarray, wanted: int, select: Select, seed: int, graphs: bool = False
) -> Selection:
    """The same share of every class: one call per class, each with random numbers of its own, orders merged by rank.

    graphs: give every class the neighbours among its own rows instead of the graph of all rows, cut to the class.
    """
    counts = np.bincount(labels)
    streams = np.random.default_rng(seed).spawn(len(counts))
    parts, weights, ranks, notes = [], [], [], []
    for code, quota in enumerate(quotas(counts, wanted)):
        if quota == 0:
            continue
        members = np.flatnonzero(labels == code)
        part = view.subset(members)
        if graphs:
            drawn = np.random.default_rng([seed, code])  # the pruner's own stream is not touched
            k = view.neighbours.indices.shape[1]
            part = part.linked(registry.get("evidence", "neighbours").call(part, rng=drawn, k=k)[0])
        chosen = validated_selection(part, int(quota), partial(select, rng=streams[code]))
        parts.append(members[chosen.rows])
        weights.append(chosen.weights)
        notes += chosen.notes
        ranks.append((np.arange(quota) + 0.5) / quota)  # each class's first come first, its last come last
    order = np.argsort(np.concatenate(ranks), kind="stable")
    merged = np.concatenate(weights)[order] if all(w is not None for w in weights) else None
    return Selection(np.concatenate(parts)[order], merged, tuple(dict.fromkeys(notes)))


def _larger(step: Step, store: ResultReader) -> str | None:
    """The key of a finished, larger budget of the same nested pruner, whose order begins with this one's."""
    for key in step.larger_keys:
        if store.workspace.done("prune", key) and results.load(store.folder("prune", key), "weights") is None:
            return key
    return None


def left_out_of(step: Step, store: ResultReader) -> dict[int, str]:
    """Rows the flags named in `without` speak against, with the reason the manifest will give."""
    reasons: dict[int, str] = {}
    for name in step.extra["without"]:
        folder = store.folder("flag", step.inputs[f"flag:{name}"])
        rows, flagged = np.asarray(results.load(folder, "rows")), results.load(folder, "flagged")
        twins = results.load(folder, "duplicate_of")
        if twins is not None:
            copies = np.flatnonzero(twins >= 0)
            kept = store.items.table["id"].take(rows[twins[copies]]).to_pylist()
            reasons |= {row: f"duplicate of {id_}" for row, id_ in zip(rows[copies].tolist(), kept, strict=True)}
        else:
            reasons |= dict.fromkeys(rows[flagged].tolist(), f"left out: flagged by {name}")
    return reasons
