"""What an export will write, as things stand now, and what earlier ones wrote. The page draws it."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import streamlit as st

from curation.data.decisions import EffectiveDecisions
from curation.data.items import OK, TRAIN, Items
from curation.data.workspace import Workspace, key_of
from curation.data.writing import manifest
from curation.engine import results
from curation.engine.export import decisions_of, gather
from curation.engine.plan import Plan, Step, plan
from curation.engine.recipe import Export, Recipe, parse_recipe
from curation.engine.results_reader import ResultReader
from curation.ui.parts.theme import literal
from curation.ui.server.allowed_paths import EXPORTS
from curation.ui.server.routes import prefix
from curation.ui.state.project import Project

# What a file of each format is called; a format that is not here writes a folder.
ENDINGS = {"csv": ".csv", "parquet": ".parquet", "jsonl": ".jsonl", "torch": ".pt"}


@dataclass(frozen=True)
class Wanted:
    """One export before it is written: the recipe that writes it and nothing else, its plan and its step."""

    recipe: Recipe
    plan: Plan
    step: Step
    effective: EffectiveDecisions

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
        return self.recipe.model_copy(update={"decision": decisions_of(self.effective)}).toml()

    def command(self, workspace: Path) -> str:
        """The line that does the same without the app."""
        recipe = self.path.with_suffix(".recipe.toml")
        return f"python -m curation run {shlex.quote(str(recipe))} -w {shlex.quote(str(workspace))}"


def default_path(project: Project, prune: str | None, use: str) -> Path:
    name = re.sub(r"[^\w.-]+", "-", prune or "everything").strip("-.") or "subset"
    return project.folder / EXPORTS / f"{name}{ENDINGS.get(use, '')}"


def wanted(project: Project, prune: str | None, use: str, params: Mapping[str, Any]) -> Wanted:
    """An export of one subset, or of everything not dropped (`prune` None), as things are decided now.

    Verification is left out of its recipe: exporting must not start to train anything.
    """
    section = Export(use=use, prune=prune or "", params=dict(params))
    more = {} if prune else {"prune": []}
    recipe = project.recipe.model_copy(update={"export": [section], "verify": None, **more})
    force = project.effective
    the_plan = _plan(str(project.folder), recipe.toml(), repr(asdict(force)), force)
    return Wanted(recipe, the_plan, the_plan.of("export")[-1], force)


def start(project: Project, asked: Wanted) -> None:
    """Write it, in a job. The project's recipe remembers it, as far as a recipe with prunes can say it."""
    section = asked.recipe.export[0]
    if section.prune or not project.recipe.prune:
        others = [e for e in project.recipe.export if e.params["path"] != asked.path]
        project.save(export=[*others, section])
    project.run(asked.recipe, f"Export {asked.path.name}", until="export")


class Made(NamedTuple):
    """The manifest as it will be written, and its numbers."""

    table: pa.Table
    tally: Tally


def first_rows(table: pa.Table, count: int) -> pa.Table:
    """The first rows of a manifest as a page may show them, letter for letter."""
    part = table.slice(0, count)
    for at, field in enumerate(part.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            shown = [None if text is None else literal(text) for text in part.column(at).to_pylist()]
            part = part.set_column(at, field, pa.array(shown, field.type))
    return part


def made(project: Project, asked: Wanted) -> Made | None:
    """None while something the manifest reads has to be computed first."""
    if asked.missing:
        return None
    stamp = key_of(inputs=asked.step.inputs, prune=asked.step.extra["prune"])
    return _made(str(project.folder), stamp, asked)


@st.cache_resource(max_entries=4, show_spinner=False)
def _made(folder: str, stamp: str, _asked: Wanted) -> Made:
    store = ResultReader(Workspace(folder, make=False), _asked.step.inputs["source"], _asked.effective)
    table = manifest.build(gather(_asked.step, store))
    return Made(table, tally(table, store.items))


@st.cache_resource(ttl=60, max_entries=32, show_spinner=False)  # looks at the source's files again after a minute
def _plan(folder: str, toml: str, stamp: str, _force: EffectiveDecisions) -> Plan:
    return plan(parse_recipe(tomllib.loads(toml)), Workspace(folder, make=False), effective=_force)


# -- numbers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """How many items end how. kept + pruned + left_out + dropped + unlabelled = usable train items and those without
    a label; held: test and validation items, never pruned. relabelled counts items of any fate.

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


def tally(table: pa.Table, items: Items) -> Tally:
    reason, split = table["reason"].to_pylist(), np.array(table["split"].to_pylist(), object)
    kept = table["kept"].to_numpy()
    fates = Counter(_fate(words) for words in reason)
    train = (split == TRAIN) & (items.column("status") == OK)
    labels = np.array(table["label"].to_pylist(), object)
    names, codes = np.unique(labels[train].astype(str), return_inverse=True)
    order = {name: place for place, name in enumerate(items.classes)}
    classes = sorted(names.tolist(), key=lambda name: (order.get(name, len(order)), name))
    place = np.array([classes.index(name) for name in names.tolist()], int)
    before = np.bincount(place[codes], minlength=len(classes)) if len(codes) else np.zeros(0, int)
    kept_of = np.bincount(place[codes][kept[train]], minlength=len(classes)) if len(codes) else before
    return Tally(
        kept=int(kept[split == TRAIN].sum()),
        held=int((kept & (split != TRAIN)).sum()),
        relabelled=sum("; relabelled by hand" in words for words in reason),
        classes=classes,
        before=before,
        kept_of=kept_of,
        **{fate: fates[fate] for fate in ("pruned", "left_out", "dropped", "unlabelled", "unusable")},
    )


def _fate(reason: str) -> str:
    starts = {
        "kept": "kept",
        "pruned": "pruned",
        "dropped": "dropped",
        "unusable": "unusable",
        "left out: no label": "unlabelled",
    }
    return next((fate for start, fate in starts.items() if reason.startswith(start)), "left_out")


# -- what was written ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """path: where it was written. size: bytes, None for a folder or when it is gone. link: address to load it from."""

    path: Path
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
        path = Path(text)
        link = f"{prefix()}/winnow/download/{quote(project.name)}/{card['key']}/{number}"
        files.append(File(path, path.stat().st_size if path.is_file() else None, link, path.exists()))
    params = {k: v for k, v in card["params"].items() if k != "prune"} | {"path": Path(card["params"]["path"])}
    prune = card["params"].get("prune", "")
    known = not prune or any(p.name == prune for p in project.recipe.prune)
    fresh = known and wanted(project, prune or None, card["use"], params).step.key == card["key"]
    return Written(card["use"], prune, datetime.fromisoformat(card["created"]).timestamp(), fresh, files)


def foreign(project: Project, path: Path) -> bool:
    """Whether a file is there that no export of this project wrote: writing would replace something of the person's."""
    return path.is_file() and all(file.path != path for done in written(project) for file in done.files)
