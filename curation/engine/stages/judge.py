"""Judge: fresh students trained from scratch on every condensed set, on the real ones beside it and on everything."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.items import test_rows
from curation.engine import registry, results
from curation.engine.against_real import compare, figures
from curation.engine.comparison import ends
from curation.engine.compute import Call
from curation.engine.plan import Ask, Plan, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.engine.stages.condense import Condense, own_pixels, sets, words
from curation.engine.trials import FULL, answers, finished, save_answers, trial_rows
from curation.errors import InputError, RunError
from curation.training.condensed import training_view

STAGE = Stage(
    kind="condensers", section="condense", shape="list", after=("condense",), trial=RunError, report="condense"
)


def steps(section: Condense, ask: Ask) -> list[str]:
    """A training for every set and student. The first student also learns from the section's own images in 8 bits."""
    keys = []
    for one, key, shown in sets(section, ask):
        for number, (name, student) in enumerate(section.judges.items()):
            made = section.space == "pixels" and one is section
            for rounded in (False, True) if made and not number else (False,):
                keys.append(_trained(one, ask, name, student, shown, {"condensed": key}, rounded))
    rows = {"rows": ask.rows_key} if ask.rows_key else {}
    params = registry.get("condensers", "random_real").validated({"space": section.space}, FULL)
    full = section.model_copy(update={"use": "random_real", "params": params})
    for seed in range(section.seeds):
        shown = {"method": FULL, "per_class": None, "of": "", "seed": section.seed + seed}
        keys += [_trained(full, ask, name, student, shown, rows) for name, student in section.judges.items()]
    return keys


def check(store: ResultReader) -> None:
    if not len(test_rows(store.items)):
        raise InputError("[[condense]] needs test rows and the source has none: set holdout = 0.2 in [source]")


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """correct.npy, a bit per test item in the order of `test_rows`, and the figures on the card."""
    test, extra = test_rows(store.items), step.extra
    if "condensed" in step.inputs:
        made = results.load_condensed(store.folder("condense", step.inputs["condensed"]))
        train = training_view(made, store.classes, rounded=extra["rounded"])
    else:
        train = store.view(step, store.candidates)
    started = time.perf_counter()
    student = call.student(extra["student"])(train, seed=extra["seed"], progress=call.progress)
    seconds = time.perf_counter() - started
    right = student.logits(store.view(step, test)).argmax(axis=1) == store.labels[test]
    save_answers(right, folder)
    return {
        "accuracy": float(right.mean()),
        "train_rows": len(train),
        "test_rows": len(test),
        "train_seconds": round(seconds, 3),
        "train_passes": int(student.passes),
    }


def rows(plan: Plan, store: ResultReader) -> list[dict[str, Any]]:
    """A row per training of the plan that is done or has failed, in the plan's order.

    method, per_class (None: everything), of (what was condensed; "" for all train items), student, seed, key, like (of
    random real items of as many bytes: as which method's); accuracy, and accuracy_8bit where the set was also learnt
    from in whole numbers; items and bytes of the set; seconds of condensing, train_seconds; passes of condensing over
    real items (forward, backward) and synthetic ones; notes of the condenser; realism, ratios to real images (see
    `training.realism`), of images that do not always stand beside.

    Of its method, over the seeds, as those of verify: accuracy_mean with its interval; gain over `against`, the best
    real items of the same number, and gain_bytes over `against_bytes`, the best that take no more bytes, with theirs;
    better and better_bytes (see `engine.against_real`); gap to everything. A training that failed has `failed`, the
    reason in one sentence, and no figures.
    """
    cards = {step.key: plan.workspace.card("condense", step.key) for step in plan.of("condense") if plan.done(step)}
    made, rounded = [], {}
    for row, step, card in trial_rows(plan, "judge", _head):
        if step.extra.get("rounded"):
            if card is not None:
                rounded[_cell(row)] = card["accuracy"]
            continue
        if card is not None:
            about = cards.get(step.inputs.get("condensed"), {})
            tags = step.method.card.tags if about else ()
            row |= {name: card[name] for name in ("accuracy", "train_seconds", "train_passes", "test_rows")}
            row |= {"items": about.get("items", card["train_rows"]), "bytes": about.get("bytes")}
            row |= {"real": "real" in tags, "baseline": "baseline" in tags}
            row |= {"parts": about.get("parts", 1), "soft": bool(about) and _soft(about)}
            row |= {
                "seconds": about.get("spent", 0.0),
                "passes": about.get("passes", {}),
                "notes": about.get("notes", []),
                "realism": about.get("realism"),
            }
        made.append(row)
    for row in finished(made):
        row["accuracy_8bit"] = rounded.get(_cell(row))
    summed = {cell.name: figures(cell) for cell in compare(finished(made), answers(plan, "judge")).cells}
    return [row if row["failed"] else row | summed[_cell(row)[:-1]] for row in made]


def table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Accuracy, and the gain over real items of the same number, per student, number of items and method."""
    cells = {_cell(row)[:-1]: row for row in finished(rows)}
    lines = [["per class", "method", "student", "accuracy (95 % interval)", "against real items", "bytes", "seconds"]]
    for row in sorted(cells.values(), key=lambda r: (r["student"], r["per_class"] or np.inf, r["of"], r["method"])):
        gain = (
            ""
            if row["gain"] is None
            else f"{100 * row['gain']:+.1f}{ends(row, 'gain', '+')}" + ", better" * bool(row["better"])
        )
        lines.append(
            [
                "everything" if row["per_class"] is None else str(row["per_class"]),
                row["method"] + f" of {row['of']}" * bool(row["of"]),
                row["student"],
                f"{100 * row['accuracy_mean']:.1f}{ends(row, 'accuracy')}",
                gain,
                "" if row["bytes"] is None else f"{row['bytes']:,}",
                f"{row['seconds']:.1f}",
            ]
        )
    return lines


# ------------------------------------------------------------------------------------------------------------


def _trained(
    section: Condense,
    ask: Ask,
    name: str,
    student: Section,
    shown: Mapping[str, Any],
    inputs: Mapping[str, str],
    rounded: bool = False,
) -> str:
    seed = shown["seed"]
    what = words(shown) if "condensed" in inputs else f"{FULL}, seed {seed}"
    return ask.derived(
        "judge",
        section,
        name=f"{what}: {name}" + ", in 8 bits" * rounded,
        seed=seed,
        inputs={**inputs, **own_pixels(section, ask)},
        extra={"student": student.use, "seed": seed, "rounded": rounded},
        shown={"like": "", **shown, "student": name},
        students={student.use: student.params},
    )


def _head(step: Step) -> dict[str, Any]:
    return {"key": step.key}


def _cell(row: Mapping[str, Any]) -> tuple:
    """What tells its method, size and student from others, and last the seed."""
    return tuple(row[name] for name in ("method", "like", "per_class", "of", "student", "seed"))


def _soft(card: Mapping[str, Any]) -> bool:
    return card["bytes"] > card["items"] * card["item_bytes"]
