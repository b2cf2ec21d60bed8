"""What an export would write now, and what earlier exports wrote. The page draws it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from curation.data.remote.location import Remote, location
from curation.data.workspace import Workspace, key_of
from curation.data.writing import manifest
from curation.data.writing.owned import RECIPE, sidecar
from curation.engine import registry, results
from curation.engine.plan import Plan, Step
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stages.export import Export, gather, preflight, replayable
from curation.engine.trials import FULL
from curation.errors import InputError
from curation.ui.parts.theme import literal
from curation.ui.server.allowed_paths import EXPORTS
from curation.ui.server.routes import prefix
from curation.ui.state.project import Project, read_items

EVERYTHING = "everything"  # what an export of no subset is called


@dataclass(frozen=True)
class ExportRequest:
    """One export before it is written: the project's recipe with it, the target that names it, the plan of that target
    and its last step."""

    recipe: Recipe
    target: str
    plan: Plan
    step: Step

    @property
    def path(self) -> Path:
        return self.step.params["path"]

    @property
    def missing(self) -> list[Step]:
        """What has to be computed before anything can be written."""
        return [step for step in self.plan.missing() if step.stage != "export"]

    @property
    def text(self) -> str:
        """The recipe as it will lie beside the files: every parameter spelt out, every decision in it."""
        return replayable(self.plan.part, self.plan.effective).toml()

    def command(self, workspace: Path) -> str:
        """The line that does the same without the app."""
        recipe = sidecar(self.path, RECIPE)
        return f"python -m curation run {shlex.quote(str(recipe))} -w {shlex.quote(str(workspace))}"


def default_path(project: Project, prune: str | None, use: str) -> Path:
    name = re.sub(r"[^\w.-]+", "-", prune or EVERYTHING).strip("-.") or "subset"
    return project.folder / EXPORTS / f"{name}{registry.get('exporters', use).card.ending}"


def requested(project: Project, prune: str | None, use: str, params: Mapping[str, Any]) -> ExportRequest:
    """An export of one subset, or of everything not dropped (`prune` None), as things are decided now."""
    section = Export(use=use, prune=prune or FULL, params=dict(params))
    others = [e for e in project.recipe.export if e.params["path"] != section.params["path"]]
    recipe = project.recipe.model_copy(update={"export": [*others, section]})
    target = f"export:{len(others)}"
    the_plan = project.planned(target, recipe=recipe)
    return ExportRequest(recipe, target, the_plan, the_plan.of("export")[-1])


def start(project: Project, request: ExportRequest) -> None:
    """Write it, in a job. The project's recipe remembers it."""
    project.save(export=request.recipe.export)
    project.run(request.recipe, f"Export {request.path.name}", [request.target])


class Made(NamedTuple):
    """The manifest as it will be written: its first rows, how many it has, and its numbers."""

    first: pa.Table
    rows: int
    tally: Tally


FIRST = 200  # rows of the manifest that are shown


def first_rows(table: pa.Table) -> pa.Table:
    """The first rows of a manifest, with every text shown letter for letter."""
    part = table.take(np.arange(min(FIRST, len(table))))  # a slice would hold the whole table
    for at, field in enumerate(part.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            shown = [None if text is None else literal(text) for text in part.column(at).to_pylist()]
            part = part.set_column(at, field, pa.array(shown, field.type))
    return part


def made(project: Project, request: ExportRequest) -> Made | None:
    """None while something the manifest reads has to be computed first."""
    if request.missing:
        return None
    stamp = key_of(inputs=request.step.inputs, prune=request.step.extra["prune"])
    return _made(str(project.folder), stamp, request)


@st.cache_resource(max_entries=4, show_spinner=False)
def _made(folder: str, stamp: str, _request: ExportRequest) -> Made:
    source = _request.step.inputs["source"]
    items = read_items(Path(folder), source)  # one copy for all pages
    outcome = gather(_request.step, ResultReader(Workspace(folder, make=False), source, _request.plan.effective, items))
    said = manifest.verdicts(outcome)
    table = manifest.build(outcome, said)
    return Made(first_rows(table), len(table), tally(outcome, said))


# -- numbers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many items are kept, and why the others are not.

    kept + pruned + left_out + dropped + unlabelled = usable train items and those without a label. held: test and
    validation items, never pruned. relabelled counts kept and other items alike.

    before, kept_of: int [C], usable train items of each class in `classes`, and how many of them are kept.
    """

    kept: int
    pruned: int
    left_out: int
    dropped: int
    unlabelled: int
    held: int
    unusable: int
    relabelled: int
    classes: list[str]
    before: np.ndarray
    kept_of: np.ndarray


def tally(outcome: manifest.Outcome, verdicts: manifest.Verdicts) -> Tally:
    items, kept = outcome.items, verdicts.kept
    train = verdicts.train & items.ok
    labels = pa.array(outcome.labels[train], pa.string()).dictionary_encode()
    order = {name: place for place, name in enumerate(items.classes)}
    names = labels.dictionary.to_pylist()
    classes = sorted(names, key=lambda name: (order.get(name, len(order)), name))
    place = np.array([*(classes.index(name) for name in names), len(names)], int)  # the last: without a label
    codes = place[pc.fill_null(labels.indices, -1).to_numpy()]
    classes += ["no label"] if labels.null_count else []
    before, kept_of = (np.bincount(some, minlength=len(classes)) for some in (codes, codes[kept[train]]))
    return Tally(
        kept=int((kept & verdicts.train).sum()),
        held=int((kept & ~verdicts.train).sum()),
        relabelled=int(verdicts.relabelled.sum()),
        classes=classes,
        before=before,
        kept_of=kept_of,
        **{fate: int(verdicts.became(fate).sum()) for fate in manifest.FATES if fate != "kept"},
    )


# -- what was written ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """path: where it was written. size: bytes, None for a folder, an object or when it is gone. link: address to load
    it from."""

    path: Path | Remote
    size: int | None
    link: str
    there: bool


@dataclass(frozen=True)
class Written:
    """One finished export. created: seconds since the epoch. fresh: writing it again now would give the same."""

    use: str
    prune: str
    created: float
    fresh: bool
    files: list[File]


def written(project: Project) -> list[Written]:
    """Finished exports, newest first; of several to the same place only the last."""
    cards = []
    for path in (project.folder / "export").glob("[!.]*/card.json"):
        cards.append({**results.read_json(path), "key": path.parent.name})
    latest = {card["params"]["path"]: card for card in sorted(cards, key=lambda card: card["created"])}
    return [_written(project, card) for card in sorted(latest.values(), key=lambda c: c["created"], reverse=True)]


def _written(project: Project, card: Mapping[str, Any]) -> Written:
    files = []
    for number, text in enumerate(card["exports"]):
        path = location(text)
        link = f"{prefix()}/winnow/download/{quote(project.name)}/{card['key']}/{number}"
        if isinstance(path, Remote):  # a page asks no store; whether it is still there, the next run sees
            files.append(File(path, None, "", True))
        else:
            files.append(File(path, path.stat().st_size if path.is_file() else None, link, path.exists()))
    params = {k: v for k, v in card["params"].items() if k != "prune"} | {"path": location(card["params"]["path"])}
    prune = card["params"].get("prune", "")
    known = not prune or any(p.name == prune for p in project.recipe.prune)
    fresh = known and requested(project, prune or None, card["use"], params).step.key == card["key"]
    return Written(card["use"], prune, datetime.fromisoformat(card["created"]).timestamp(), fresh, files)


def in_the_way(project: Project, request: ExportRequest) -> str:
    """Why it would not be written: a file is there that Winnow did not write. "" where nothing is."""
    try:
        preflight(request.step, project.workspace)
    except InputError as error:
        return str(error)
    return ""
