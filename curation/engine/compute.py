"""Computes one step: a View in, a method's answer out, its arrays and card published as one folder.

One function per stage. Each writes arrays into the folder it is given and returns what goes on the card.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from curation.data.grouping import with_groups
from curation.data.holdout import with_holdout
from curation.data.items import TEST, VAL, Items
from curation.data.workspace import Workspace
from curation.engine import registry, results
from curation.engine.cards import write_card
from curation.engine.plan import Step
from curation.engine.pool_context import PoolContext
from curation.engine.results_reader import ResultReader
from curation.engine.selecting import apply_budget, prefix_of
from curation.errors import InputError
from curation.training.record import MeanMargin

log = logging.getLogger("winnow")


def compute(step: Step, workspace: Workspace, store: ResultReader | None, device: str, progress: Callable) -> None:
    """Compute one step and publish its result with its card. The caller holds the lock."""
    started = time.perf_counter()
    with workspace.write(step.stage, step.key, resume=step.stage == "encode") as folder:
        about = _COMPUTE[step.stage](step, store, folder, device, progress)
        write_card(folder, step, time.perf_counter() - started, device, about)
    log.info("%s %s %.2f s", step.label, step.key, time.perf_counter() - started)


# -- one function per stage: write arrays into `folder`, return what goes on the card -------------------------


def _source(step: Step, store: None, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    group = step.extra.get("group", "")
    items = step.method.call(**step.params, **_injected(step, device, progress, into=folder, group=group))
    items = with_holdout(with_groups(items, group), step.extra["holdout"], step.seed)
    items.save(folder)
    split = items.column("split")
    counts = {name: int(((split == name) & items.ok).sum()) for name in dict.fromkeys(split)}
    return {"rows": len(items), "usable": int(items.ok.sum()), "splits": counts, "notes": list(items.notes)}


def _encode(step: Step, store: ResultReader, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    rows = store.usable
    made = step.method.call(store.view(step, rows), **step.params, **_injected(step, device, progress))
    about: dict[str, Any] = {}
    if isinstance(made, np.ndarray):
        np.save(folder / "embeddings.npy", made, allow_pickle=False)
    else:
        from curation.training.embed import embed

        images = store.view(step, rows).images
        embed(made, images, folder, device=device, progress=progress)
        if made.text is not None:
            np.save(folder / "class_embeddings.npy", made.text, allow_pickle=False)
        about = dict(made.notes)
    np.save(folder / "rows.npy", rows, allow_pickle=False)
    shape = np.load(folder / "embeddings.npy", mmap_mode="r").shape
    return {"rows": shape[0], "dim": shape[1], **about}


def _derive(step: Step, store: ResultReader, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    """Evidence, scores, flags and maps: one View in, one value out; evidence may add notes for its card."""
    rows = {"train": store.train, "pool": store.pool, "all": store.usable}[
        step.extra.get("rows", step.method.card.rows)
    ]
    view = store.view(step, rows, _students(step, device))
    value = step.method.call(view, **step.params, **_injected(step, device, progress))
    value, notes = value if isinstance(value, tuple) else (value, {})
    return {"rows": len(rows), **results.save(value, rows, folder), **notes}


def _prune(step: Step, store: ResultReader, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    def call(view, budget: int):
        injected = _injected(step, device, progress)
        return step.method.call(view, budget, **step.params, **injected)

    known = _larger(step, store)
    order = None if known is None else results.load(store.folder("prune", known), "rows")
    select = call if order is None else prefix_of(order, len(store.items))
    chosen = apply_budget(step, store, select, _students(step, device))
    about = results.save(chosen.selection, chosen.rows, folder)
    left_out = {str(row): why for row, why in chosen.left_out.items()}
    (folder / "left_out.json").write_text(json.dumps(left_out) + "\n")
    if known is not None:  # the seconds of the larger one: this alone would have taken no more
        about |= {"prefix_of": known, "seconds": store.workspace.card("prune", known)["seconds"]}
    return {"rows": len(store.candidates), "left_out": len(left_out), **about, "notes": chosen.notes}


def _larger(step: Step, store: ResultReader) -> str | None:
    """The key of a finished, larger budget of the same nested pruner, whose order begins with this one's."""
    for keep in step.larger:
        key = replace(step, extra={**step.extra, "keep": keep}).key
        if store.workspace.done("prune", key) and results.load(store.folder("prune", key), "weights") is None:
            return key
    return None


def _verify(step: Step, store: ResultReader, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    train, test = store.candidates, test_rows(store.items)
    if "prune" in step.inputs:
        train = np.sort(results.load(store.folder("prune", step.inputs["prune"]), "rows"))
    # The first training on everything shows how hard every item is for this student, at no extra training: what a
    # cheaper student's scores are held against (selection via proxy).
    margin = MeanMargin(store.labels[train]) if "prune" not in step.inputs and step.seed == 0 else None
    started = time.perf_counter()
    injected = _injected(step, device, progress, record=margin)
    student = step.method.call(store.view(step, train), **step.params, **injected)
    seconds = time.perf_counter() - started
    if margin is not None:
        results.save(margin.value, train, folder)
    guess = student.logits(store.view(step, test)).argmax(axis=1)
    truth = store.labels[test]
    right = np.bincount(truth, weights=guess == truth, minlength=len(store.classes))
    count = np.bincount(truth, minlength=len(store.classes))
    return {
        "accuracy": float((guess == truth).mean()),
        "worst_class": float((right[count > 0] / count[count > 0]).min()),
        "train_rows": len(train),
        "test_rows": len(test),
        "passes": int(student.passes),
        "train_seconds": round(seconds, 3),
    }


def _query(step: Step, store: ResultReader, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    """The next batch: rows.npy in the order to ask, predicted.npy [b, C] what the model thinks of them by now."""
    ground = PoolContext(step, store, _students(step, device))
    strategy = partial(step.method.call, **step.params, **_injected(step, device, progress))
    made, predicted, about = ground.next_batch(strategy)
    np.save(folder / "rows.npy", made, allow_pickle=False)
    if predicted is not None:
        np.save(folder / "predicted.npy", predicted, allow_pickle=False)
    return about


def _growth(step: Step, store: ResultReader, folder: Path, device: str, progress: Callable) -> dict[str, Any]:
    """One simulation: asked.npy, the rows in the order they were asked for, and a line for every round on the card."""
    ground = PoolContext(step, store, _students(step, device))
    offer = _injected(step, device, lambda *a, **k: None)
    asked, about = ground.simulate(partial(step.method.call, **step.params, **offer), progress)
    np.save(folder / "asked.npy", asked, allow_pickle=False)
    return about


_COMPUTE = {
    "source": _source,
    "encode": _encode,
    "evidence": _derive,
    "score": _derive,
    "flag": _derive,
    "map": _derive,
    "query": _query,
    "growth": _growth,
    "prune": _prune,
    "verify": _verify,
}


def test_rows(items: Items) -> np.ndarray:
    """Rows verification measures on: test, else val. Raises InputError where there are neither."""
    for split in (TEST, VAL):
        if len(rows := items.rows(split)):
            return rows
    raise InputError(
        "[verify] needs test rows and the source has none: give it a test split, or set holdout = 0.2 in [source]"
    )


def _injected(step: Step, device: str, progress: Callable, **more: Any) -> dict[str, Any]:
    """What the runner hands over, as far as the method asks for it."""
    offer = {"rng": np.random.default_rng(step.seed), "seed": step.seed, "device": device, "progress": progress, **more}
    return {name: value for name, value in offer.items() if name in step.method.injected}


def _students(step: Step, device: str) -> Callable[[str], Callable]:
    """Students a step may train, with device and parameters bound; parameters may be overridden by keyword."""

    def student(name: str, **override: Any) -> Callable:
        method = registry.get("students", name)
        params = method.validated({**step.students[name], **override}, f"student {name}")

        def train(view, *, seed: int, record=None, progress=None):
            offer = {"seed": seed, "device": device, "record": record, "progress": progress}
            return method.call(view, **params, **{k: v for k, v in offer.items() if k in method.injected})

        return train

    return student
