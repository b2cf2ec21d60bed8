"""Files that a step writes outside the workspace: what they looked like, and whether they still do.

A step's card holds `written`, the marks of its files. Files that were changed or removed are written again; the marks
of that writing lie in `written/<key>.json`, since a result itself is never rewritten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from curation.data.remote import listings, store
from curation.data.remote.location import Remote, location, told
from curation.data.workspace import Workspace, make_folder, write_text
from curation.engine import results
from curation.engine.plan import Step


def marks(paths: Iterable[Path | Remote]) -> dict[str, str]:
    """path -> what tells whether it is still as it was written."""
    return {str(path): _mark(path) for path in paths}


def unchanged(step: Step, workspace: Workspace) -> bool:
    """Whether every file is still as it was written, last time."""
    again = _again(step, workspace)
    known = results.read_json(again) if again.exists() else workspace.card(step.stage, step.key)["written"]
    return all(_mark(location(path)) == mark for path, mark in known.items())


def remember(step: Step, workspace: Workspace, paths: Iterable[Path | Remote]) -> None:
    """Keep the marks of files that were written again."""
    again = _again(step, workspace)
    make_folder(again.parent)
    write_text(again, json.dumps(marks(paths)) + "\n")


def _again(step: Step, workspace: Workspace) -> Path:
    return workspace.folder / "written" / f"{step.key}.json"


def _mark(path: Path | Remote) -> str:
    """The content of a file; for folders, their number of files."""
    if isinstance(path, Remote):
        with told(path):
            if path.is_file():
                return store.about(str(path)).mark
            return f"{len(listings.listed(str(path), fresh=True))} files"
    if path.is_dir():
        return f"{sum(1 for p in path.rglob('*') if p.is_file())} files"
    if not path.is_file():
        return "missing"
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
