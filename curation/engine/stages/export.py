"""Export: the manifest from everything that is known, and the files a person asked for.

The manifest is a result like any other; the files outside the workspace are written from it, and written again when
somebody has changed or removed them. Beside each export lie the full recipe and a summary.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.data.decisions import Decision, EffectiveDecisions
from curation.data.remote.location import location
from curation.data.workspace import Workspace, key_of
from curation.data.writing import manifest
from curation.data.writing.atomic import atomic
from curation.data.writing.owned import RECIPE, SUMMARY, WRITER, refuse_foreign, sidecar
from curation.engine import outside, registry, results
from curation.engine.compute import Call, versions
from curation.engine.plan import Ask, Plan, Step
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.engine.stages.flag import flagged
from curation.engine.stages.prune import subset
from curation.engine.trials import FULL
from curation.errors import RecipeError, nearest


class Export(Section):
    prune: str = ""  # which [[prune]], or "full" for everything not dropped; by default the first, else everything

    def writes(self) -> list[Path]:
        return [self.params["path"]]


STAGE = Stage(kind="exporters", section="export", model=Export, shape="list", after=("growth",), report="exports")


def validate(section: Export, recipe: Recipe) -> None:
    prunes = [prune.name for prune in recipe.prune]
    if section.prune not in ("", FULL, *prunes):
        raise RecipeError(
            f"[[export]] {section.use}: prune = {section.prune!r} names no [[prune]] of this recipe; "
            + (nearest(section.prune, prunes) if prunes else "there are none")
        )
    place = section.params["path"].absolute()
    if [other.params["path"].absolute() for other in recipe.export].count(place) > 1:
        raise RecipeError(f"[[export]] {section.use}: path = {str(place)!r} is written twice; give each its own path")


def steps(section: Export, ask: Ask) -> list[str]:
    first = ask.recipe.prune[0].name if ask.recipe.prune else FULL
    prune = next((p for p in ask.recipe.prune if p.name == (section.prune or first)), None)
    inputs = {"source": ask.source}
    for stage in ("score", "flag"):
        inputs |= {f"{stage}:{s.name}": ask.result(stage, s.name) for s in getattr(ask.recipe, stage)}
    if prune:
        inputs["prune"] = subset(prune, ask)
        # A score only a pruner refers to is in the manifest too: it is why items were taken.
        step = next(s for s in ask.plan.steps if s.stage == "prune" and s.key == inputs["prune"])
        inputs |= {name: key for name, key in step.inputs.items() if name.startswith("score:")}
    force = ask.effective
    if force.dropped or force.pinned or force.labels or force.confirmed:
        said = {"dropped": force.dropped, "pinned": force.pinned, "labels": force.labels}
        inputs["decisions"] = key_of(**said, confirmed=sorted(force.confirmed))
    method, extra = registry.get("exporters", section.use), {"prune": prune.name if prune else ""}
    name = f"{section.use} {section.params['path']}"
    return [ask.add(Step("export", name, method, section.params, section.seed, inputs, extra, section=section))]


def preflight(step: Step, workspace: Workspace) -> None:
    """Refuse to replace what Winnow did not write."""
    written = {location(path) for card in workspace.cards("export") for path in card["exports"]}
    refuse_foreign(step.params["path"], written, folder=step.method.card.ending == "")


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """manifest.parquet, and the files outside. What they looked like when they were written is on the card."""
    table = manifest.build(gather(step, store))
    pq.write_table(table, folder / "manifest.parquet")
    paths = _write(step, table, store, call)
    return {"exports": [str(path) for path in paths], "written": outside.marks(paths)}


def finished(step: Step, workspace: Workspace) -> bool:
    """Whether every file it wrote is still as it was written, last time."""
    return outside.unchanged(step, workspace)


def restore(step: Step, store: ResultReader, call: Call) -> None:
    """Write the files outside again, from the manifest that is there."""
    table = pq.read_table(store.folder("export", step.key) / "manifest.parquet")
    outside.remember(step, store.workspace, _write(step, table, store, call))


def rows(plan: Plan, store: ResultReader) -> list[str]:
    """The paths of all files that were written."""
    return [path for s in plan.of("export") for path in plan.workspace.card("export", s.key)["exports"]]


def table(rows: Sequence[str]) -> list[list[str]]:
    return [["wrote"], *([path] for path in rows)]


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


def decisions_of(effective: EffectiveDecisions) -> list[Decision]:
    """The decisions in force, as few rows as say the same; what a recipe carries to be replayed elsewhere."""
    return [
        *(Decision(id_, "confirm") for id_ in sorted(effective.confirmed)),
        *(Decision(id_, "relabel", label) for id_, label in sorted(effective.labels.items())),
        *(Decision(id_, "keep", why=why) for id_, why in sorted(effective.pinned.items())),
        *(Decision(id_, "drop", why=why) for id_, why in sorted(effective.dropped.items())),
    ]


def replayable(recipe: Recipe, effective: EffectiveDecisions) -> Recipe:
    """A recipe that needs no workspace: with every decision in it."""
    return recipe.model_copy(update={"decision": decisions_of(effective)})


def _write(step: Step, table: pa.Table, store: ResultReader, call: Call) -> list[Path]:
    """The summary, which says that the other files are Winnow's, the export itself, and the recipe that replays it."""
    preflight(step, store.workspace)
    target = step.params["path"]
    summary = WRITER | manifest.summary(table, store.items)
    summary |= {
        "prune": step.extra["prune"],
        "seed": step.seed,
        "versions": versions(),
        "seconds": _seconds(step, store),
    }
    said, recipe = sidecar(target, SUMMARY), sidecar(target, RECIPE)
    with atomic(said) as file:
        file.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    paths = call.bound(items=store.items)(table)
    with atomic(recipe) as file:
        file.write_text(replayable(call.recipe, store.effective).toml(), encoding="utf-8")
    return [path.absolute() for path in (*paths, recipe, said)]


def _seconds(step: Step, store: ResultReader) -> dict[str, float]:
    """What each result the manifest stands on took to compute."""
    cards = [
        store.workspace.card(name.partition(":")[0], key) for name, key in step.inputs.items() if name != "decisions"
    ]
    return {f"{card['stage']} {card['name']}": card["seconds"] for card in cards}
