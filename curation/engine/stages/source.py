"""Source: the items as read, with their labels and splits. Everything else is aligned with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.data.grouping import with_groups
from curation.data.holdout import with_holdout
from curation.data.remote.kept import kept
from curation.data.remote.location import Remote
from curation.engine import registry
from curation.engine.compute import Call
from curation.engine.plan import Ask, Step
from curation.engine.stage import Section, Stage


class Source(Section):
    # Share held out as test when the source has no test split; by default 0.2, and 0 for a source without labels.
    holdout: Annotated[float, Field(ge=0, le=0.5)] | None = None
    # Of data at a URL: keep what is fetched on this machine. It changes no result, so it is part of no key.
    cache: Annotated[bool, Field(strict=True)] = False
    group: str = ""  # what must stay together: "folder", "prefix:_" (file name up to the first _), or a column


STAGE = Stage(kind="sources", section="source", model=Source, analysis=True)


def steps(section: Source, ask: Ask) -> list[str]:
    return [ask.source]


def result(name: str, ask: Ask) -> str:
    section = ask.recipe.source
    method = registry.get("sources", section.use)
    share = method.card.holdout if section.holdout is None else section.holdout
    extra = {"holdout": share, **({"group": section.group} if section.group else {})}
    watched = method.watches(**section.params) if method.watches else section.params.values()
    files = ask.fingerprints(watched, "[source]")
    made = Step("source", section.use, method, section.params, section.seed, {}, extra, files=files, section=section)
    return ask.add(made)


def compute(step: Step, store: None, call: Call, folder: Path) -> dict[str, Any]:
    group = step.extra.get("group", "")
    places = {name: kept(value, step.section.cache) for name, value in step.params.items() if isinstance(value, Remote)}
    items = with_groups(call.bound(into=folder, group=group)(**places), group)
    asked = step.section.holdout is not None or items.classes  # without labels nothing is measured on held-out rows
    items = with_holdout(items, step.extra["holdout"] if asked else 0.0, step.seed)
    items.save(folder)
    split = items.column("split")
    counts = {name: int(((split == name) & items.ok).sum()) for name in dict.fromkeys(split)}
    return {"rows": len(items), "usable": int(items.ok.sum()), "splits": counts, "notes": list(items.notes)}
