"""The last step: the manifest from everything that is known, and the files a person asked for.

The manifest is a result like any other (export/<key>/manifest.parquet); the files outside the workspace are
written from it and are written again when someone has changed or removed them. Beside each export lie the full
recipe and a summary.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.data.decisions import Decision, EffectiveDecisions
from curation.data.workspace import Workspace, write_text
from curation.data.writing import manifest
from curation.engine import registry, results
from curation.engine.cards import versions, write_card
from curation.engine.plan import Step
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader


def exported(step: Step, workspace: Workspace) -> bool:
    """True when the result is there and every file it wrote is still as it was written."""
    if not workspace.done("export", step.key):
        return False
    written = workspace.card("export", step.key)["written"]
    return all(_mark(Path(path)) == mark for path, mark in written.items())


def export_step(step: Step, recipe: Recipe, store: ResultReader, progress: Callable) -> None:
    """Build the manifest (or take the one that is there) and write the files. The caller holds the lock."""
    started = time.perf_counter()
    workspace = store.workspace
    if workspace.done("export", step.key):  # the files outside are gone or changed; the manifest is not
        table = pq.read_table(workspace.path("export", step.key) / "manifest.parquet")
        _write(step, recipe, table, store, progress)
        return
    with workspace.write("export", step.key) as folder:
        table = manifest.build(gather(step, store))
        pq.write_table(table, folder / "manifest.parquet")
        paths = _write(step, recipe, table, store, progress)
        about = {"exports": [str(path) for path in paths], "written": {str(path): _mark(path) for path in paths}}
        write_card(folder, step, time.perf_counter() - started, "cpu", about)


def gather(step: Step, store: ResultReader) -> manifest.Outcome:
    """Everything an export step reads, laid over all n items."""
    n = len(store.items)
    scores, flags = {}, {}
    more: dict[str, Any] = {}
    for name, key in step.inputs.items():
        kind, _, short = name.partition(":")
        if kind == "score":
            scores[short] = results.spread(store.folder("score", key), n)
        elif kind == "flag":
            flags[short] = flagged(store, key)
        elif kind == "prune":
            card = store.workspace.card("prune", key)
            folder = store.folder("prune", key)
            more["taken"] = np.asarray(results.load(folder, "rows"))
            more["weights"] = results.load(folder, "weights")
            more["pruned_by"] = card["use"]
            more["keep"] = card["params"]["keep"]
            more["left_out"] = {int(row): why for row, why in results.read_json(folder / "left_out.json").items()}
            more["difficulty"] = next((s for s in (card["params"].get("by"),) if s in scores), None)
    if not more.get("difficulty"):
        more["difficulty"] = next(iter(scores), None)
    return manifest.Outcome(
        store.items, store.effective, store.label_names, store.classes, scores=scores, flags=flags, **more
    )


def flagged(store: ResultReader, key: str) -> manifest.Flagged:
    """A finished flag laid over all n items, positions turned into item rows."""
    n, folder = len(store.items), store.folder("flag", key)
    rows = results.load(folder, "rows")
    twins = results.load(folder, "duplicate_of")
    duplicate_of = None
    if twins is not None:
        duplicate_of = np.full(n, -1, np.int64)
        duplicate_of[rows] = np.where(twins >= 0, rows[twins], -1)
    suggested = None
    if results.load(folder, "suggested") is not None:
        suggested = results.spread(folder, n, "suggested", fill=-1)
    card = store.workspace.card("flag", key)
    return manifest.Flagged(
        registry.get("flags", card["use"]).card.tags,
        results.spread(folder, n, "score"),
        results.spread(folder, n, "flagged", fill=False),
        suggested,
        duplicate_of,
        tuple(card.get("notes", ())),
    )


def decisions_of(effective: EffectiveDecisions) -> list[Decision]:
    """The decisions in force, as few rows as say the same; what a recipe carries to be replayed elsewhere."""
    return [
        *(Decision(id_, "confirm") for id_ in sorted(effective.confirmed)),
        *(Decision(id_, "relabel", label) for id_, label in sorted(effective.labels.items())),
        *(Decision(id_, "keep", why=why) for id_, why in sorted(effective.pinned.items())),
        *(Decision(id_, "drop", why=why) for id_, why in sorted(effective.dropped.items())),
    ]


def _write(step: Step, recipe: Recipe, table: pa.Table, store: ResultReader, progress: Callable) -> list[Path]:
    """The export itself, `<name>.recipe.toml` and `<name>.summary.json` beside it."""
    offer = {"items": store.items, "progress": progress}
    injected = {name: value for name, value in offer.items() if name in step.method.injected}
    paths = step.method.call(table, **step.params, **injected)
    target = step.params["path"]
    replayable = recipe.model_copy(update={"decision": decisions_of(store.effective)})
    summary = manifest.summary(table, store.items)
    summary |= {
        "prune": step.extra["prune"],
        "seed": step.seed,
        "versions": versions(),
        "seconds": _seconds(step, store),
    }
    texts = {
        target.with_suffix(".recipe.toml"): replayable.toml(),
        target.with_suffix(".summary.json"): json.dumps(summary, indent=1, ensure_ascii=False) + "\n",
    }
    for path, text in texts.items():
        write_text(path, text)
    return [path.absolute() for path in (*paths, *texts)]


def _seconds(step: Step, store: ResultReader) -> dict[str, float]:
    """What each result the manifest stands on took to compute."""
    cards = [
        store.workspace.card(name.partition(":")[0], key) for name, key in step.inputs.items() if name != "decisions"
    ]
    return {f"{card['stage']} {card['name']}": card["seconds"] for card in cards}


def _mark(path: Path) -> str:
    """What tells whether a written file is still the one that was written; for folders, their number of files."""
    if path.is_dir():
        return f"{sum(1 for p in path.rglob('*') if p.is_file())} files"
    if not path.is_file():
        return "missing"
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
