"""Verify: students trained on each subset, on random ones of the same size and on everything, to see what is enough."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from curation.data.budget import keep_words
from curation.data.items import TRAIN, test_rows
from curation.engine import registry, results
from curation.engine.comparison import compare, ends, figures
from curation.engine.compute import Call
from curation.engine.plan import Ask, Plan, Step
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.engine.stages.prune import Keep, Prune, subset
from curation.engine.trials import FULL, RANDOM, answers, finished, grid, save_answers, trial_rows
from curation.errors import InputError, RunError
from curation.training.record import EpochAccuracy, MeanMargin, Several
from curation.training.student import Measured

LONGEST = "longest"  # beside random where items are conversations
YOURS = "random (yours)"  # a saved random subset that is not drawn as verification draws its own


class Verify(Section):
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    keeps: list[Keep] = Field(default_factory=list)  # shares to try for every prune; by default each prune's own


# A student that cannot read this data at all (InputError) would fail in every trial, and is said once.
STAGE = Stage(kind="students", section="verify", model=Verify, after=("prune",), trial=RunError)


class Cell(NamedTuple):
    """One subset at one share. name: what the table calls it."""

    name: str
    prune: Prune
    keep: float


def cells(prunes: Sequence[Prune], keeps: Sequence[float], longest: bool = False) -> list[Cell]:
    """Each subset at every share, by default its own, and beside them a stratified random one and, if asked for, the
    longest answers; largest shares first, since those of a nested pruner hold the others."""
    own = [Cell(YOURS if p.name == RANDOM else p.name, p, keep) for p in prunes for keep in (keeps or [p.keep])]
    baselines = [
        Cell(RANDOM, Prune(use=RANDOM, name=RANDOM, keep=keep, balance=True), keep)
        for keep in sorted({cell.keep for cell in own})
    ]
    if longest and LONGEST not in {cell.name for cell in own}:
        params = registry.get("pruners", "by_score").validated({"by": "length"}, LONGEST)
        baselines += [
            Cell(LONGEST, Prune(use="by_score", name=LONGEST, keep=cell.keep, params=params), cell.keep)
            for cell in baselines
        ]
    same = {"use": RANDOM, "seed": 0, "balance": True, "without": []}  # drawn as a baseline: it is one
    others = [cell for cell in own if cell.name != YOURS or cell.prune.model_dump(include=same.keys()) != same]
    return sorted([*others, *baselines], key=lambda cell: -cell.keep)


def trials(recipe: Recipe, prunes: Sequence[Prune], verify: Verify) -> list[tuple[Cell | None, int]]:
    """(cell, seed) of every student to train; None is everything. Of instruction data the longest answers are always
    tried: they are hard to beat (Zhao et al., Long Is More for Alignment, ICML 2024)."""
    longest = "chat" in registry.get("sources", recipe.source.use).card.tags
    return grid(cells(prunes, verify.keeps, longest), verify.seeds)


def steps(section: Verify, ask: Ask) -> list[str]:
    keys, student = [], registry.get("students", section.use).card
    for cell, seed in trials(ask.recipe, ask.recipe.prune, section):
        if cell is None:
            inputs = {"rows": ask.rows_key} if ask.rows_key else {}
            keys.append(_trial(ask, FULL, 1.0, seed, inputs))
            continue
        pruner = registry.get("pruners", cell.prune.use).card
        drawn = cell.prune.seed + seed if pruner.stochastic else cell.prune.seed
        # A subset only verification asks for may fail, as a trial may.
        key = subset(cell.prune, ask, keep=cell.keep, seed=drawn, shown={"trial": True})
        weighted = {"weighted": True} if pruner.weights and student.weights else {}
        keys.append(_trial(ask, cell.name, cell.keep, seed, {"prune": key}, weighted))
    return keys


def _trial(ask: Ask, name: str, keep: float, seed: int, inputs: dict[str, str], extra: dict | None = None) -> str:
    label = f"{name} at {keep_words(keep)}, seed {seed}"
    shown = {"method": name, "keep": keep}
    return ask.derived("verify", ask.recipe.verify, inputs=inputs, seed=seed, name=label, shown=shown, extra=extra)


def check(store: ResultReader) -> None:
    if not len(test_rows(store.items)):
        raise InputError(
            "[verify] needs test rows and the source has none: give it a test split, or a holdout above 0 in [source] "
            "and classes of at least two items"
        )


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """Figures on the card, and correct.npy: a bit per test item, in the order of `test_rows`. The first training on
    everything also writes value.npy, mean margins [m]."""
    train, test, weights = store.candidates, test_rows(store.items), None
    if "prune" in step.inputs:
        chosen = store.folder("prune", step.inputs["prune"])
        train = np.asarray(results.load(chosen, "rows"))
        weights = results.load(chosen, "weights") if step.extra.get("weighted") else None
        order = np.argsort(train)
        train, weights = train[order], None if weights is None else weights[order]
    # The first training on everything shows how hard every item is for this student, at no extra training: what a
    # cheaper student's scores are held against (selection via proxy).
    margin = MeanMargin(store.labels[train]) if "prune" not in step.inputs and step.seed == 0 else None
    learnt = EpochAccuracy(store.labels[train]) if "network" in step.method.card.tags else None
    view = store.view(step, train)
    started = time.perf_counter()
    student = call(
        view if weights is None else view.weighted(weights),
        record=Several(margin, learnt) or None,
        items=store.items,
        held_out=store.view(step, test),
    )
    seconds = time.perf_counter() - started
    if isinstance(student, Measured):
        return _measured(student, len(train), len(test), seconds)
    if margin is not None:
        results.save(margin.value, train, folder)
    truth = store.labels[test]
    correct = student.logits(store.view(step, test)).argmax(axis=1) == truth
    save_answers(correct, folder)
    right = np.bincount(truth, weights=correct, minlength=len(store.classes))
    count = np.bincount(truth, minlength=len(store.classes))
    return {
        "accuracy": float(correct.mean()),
        "worst_class": float((right[count > 0] / count[count > 0]).min()),
        "train_rows": len(train),
        "test_rows": len(test),
        "weighted": weights is not None,
        "passes": int(student.passes),
        "train_seconds": round(seconds, 3),
        **({"train_accuracy": learnt.last(2)} if learnt else {}),  # of the last two epochs
    }


def _measured(student: Measured, train: int, test: int, seconds: float) -> dict[str, Any]:
    """The card of a trainer outside of Winnow: one number, of whatever measure."""
    return {
        "accuracy": student.metric,
        "measured": True,
        "worst_class": None,
        "train_rows": train,
        "test_rows": test,
        "weighted": False,
        "passes": student.passes,
        "train_seconds": round(seconds, 3),
    }


def rows(plan: Plan, store: ResultReader) -> list[dict[str, Any]]:
    """A row per trial of the plan that is trained or has failed, in the plan's order.

    method, keep, seed, student, key; share, of the train rows that it kept (`keep`, unless that is a number); accuracy,
    worst_class, passes, train_rows, test_rows, weighted, seconds of training, train_accuracy of the last two epochs
    and select_seconds of choosing the subset; mislabels_kept, the share of the wrong labels that is in the subset,
    those known to be wrong, else those the recipe's first mislabel flag names (None where there are neither).

    Of its method at its share, over the seeds: accuracy_mean, gain over random and gap to everything, each with the
    ends of its 95 % interval (_low, _high), and `better` (than random; see `engine.comparison`), None where there is
    nothing to compare. items_counted: whether the intervals include the choice of test items, for which answers per
    item must be there. A trial that failed has `failed`, the reason in one sentence, and no figures.
    """
    wrong, made = _wrong(plan, store), []
    wanted = ("accuracy", "worst_class", "passes", "train_rows", "test_rows", "train_seconds", "seconds")
    head = lambda step: {"seed": step.seed, "student": step.method.id, "key": step.key}  # noqa: E731
    for row, step, card in trial_rows(plan, "verify", head):
        if card is not None:
            row |= {name: card[name] for name in wanted} | {"weighted": card.get("weighted", False)}
            row["train_accuracy"] = card.get("train_accuracy")
            row["measured"] = card.get("measured", False)
            row["share"] = row["keep"] if row["keep"] <= 1 else card["train_rows"] / len(store.candidates)
            row |= _selection(plan, step, wrong)
        made.append(row)
    summed = compare(finished(made), answers(plan, "verify"))
    cells = {(cell.keep, cell.method): figures(cell) for cell in summed.cells}
    return [row if row["failed"] else row | cells[row["keep"], row["method"]] for row in made]


def table(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Accuracy and gain over random with their intervals, per share and method; the trainer's own measure where it is
    one outside of Winnow."""
    done = {(row["keep"], row["method"], row["seed"]): row for row in rows if not row["failed"]}
    own = any(row["measured"] for row in done.values())
    times, digits = (1, 4) if own else (100, 1)
    what = "your metric" if own else "accuracy"
    lines = [["keep", "method", f"{what} (95 % interval)", "against random", "worst class", "seeds"]]
    for keep, name in sorted({cell[:2] for cell in done}):
        cell = [row for (k, n, _), row in done.items() if (k, n) == (keep, name)]
        one = cell[0]
        accuracy = f"{times * one['accuracy_mean']:.{digits}f}{ends(one, 'accuracy', times=times, digits=digits)}"
        gain = ""
        if one["gain"] is not None:
            gain = f"{times * one['gain']:+.{digits}f}{ends(one, 'gain', '+', times=times, digits=digits)}"
        worst = "" if own else f"{100 * np.mean([row['worst_class'] for row in cell]):.1f}"
        lines.append([keep_words(keep), name, accuracy, gain + ", better" * bool(one["better"]), worst, str(len(cell))])
    if own:
        lines.append(["", "(only your trainer's number is known: the intervals tell of the seeds alone)"])
    elif not all(row["items_counted"] for row in done.values()):
        lines.append(["", "(some results are from an older Winnow: their intervals tell of the seeds alone)"])
    return lines


def cost(plan: Plan, key: str) -> dict[str, float]:
    """Seconds of everything a result stands on, itself included and reading the source not: {step's label: seconds}.

    A step that served several results is counted in full for each: it is what this one would have cost alone.
    """
    needed = [step for step in plan.needed([key]) if step.stage != "source"]
    return {s.label: plan.workspace.card(s.stage, s.key)["seconds"] if plan.done(s) else 0.0 for s in needed}


def _selection(plan: Plan, step: Step, wrong: np.ndarray | None) -> dict[str, Any]:
    """What choosing the subset took, and what it took along."""
    if "prune" not in step.inputs:
        return {"select_seconds": 0.0, "mislabels_kept": None if wrong is None else 1.0}
    key, kept = step.inputs["prune"], None
    if wrong is not None:
        chosen = results.load(plan.workspace.path("prune", key), "rows")
        kept = float(wrong[chosen].sum() / wrong.sum())
    return {"select_seconds": plan.workspace.card("prune", key)["seconds"], "mislabels_kept": kept}


def _wrong(plan: Plan, store: ResultReader) -> np.ndarray | None:
    """bool [n]: train items whose label is known to be wrong, else flagged as such; None where none are."""
    items, n = store.items, len(store.items)
    truth, train = items.column("truth"), np.isin(np.arange(n), items.rows(TRAIN))
    wrong = train & np.not_equal(truth, None) & (truth != store.label_names)
    if not wrong.any():
        for step in plan.of("flag"):
            if "mislabel" in step.method.card.tags and plan.done(step):
                folder = plan.workspace.path("flag", step.key)
                wrong = train & (results.spread(folder, n, "flagged", fill=False) > 0)
                break
    return wrong if wrong.any() else None
