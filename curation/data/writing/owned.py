"""Which files outside the workspace Winnow wrote: only those are ever replaced.

Beside an export called `kept.csv` lie `kept.csv.recipe.toml`, which replays it, and `kept.csv.summary.json`, which says
that this name and all that begin with it and a dot are Winnow's. It is written first, so that a killed run leaves
nothing it would take for somebody else's. Folders carry a mark of their own (`atomic.MARKER`).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from curation.data.remote import store
from curation.data.remote.location import Remote, told
from curation.data.writing.atomic import refuse_foreign_folder
from curation.errors import InputError

RECIPE, SUMMARY, SNIPPET = ".recipe.toml", ".summary.json", ".snippet.py"
WRITER = {"written_by": "Winnow"}  # what a summary says of itself
MAX_SUMMARY = 64 * 1024**2  # bytes


def sidecar(path: Path | Remote, ending: str) -> Path | Remote:
    """A file that belongs to an export. Its whole name is kept: kept_0.3 and kept_0.5 share nothing.

    >>> sidecar(Path("out/kept_0.3"), SUMMARY).as_posix()
    'out/kept_0.3.summary.json'
    """
    return path.with_name(path.name + ending)


def refuse_foreign(path: Path | Remote, known: Collection[Path | Remote] = (), *, folder: bool = False) -> None:
    """Raise InputError where an export to `path` would replace a file that Winnow did not write.

    known: absolute paths of files that somebody remembers as written by Winnow. folder: the export is a folder.
    """
    if isinstance(path, Remote):
        store.check_writable(str(path))
    with told(path):
        _refuse_foreign(path, known, folder)


def _refuse_foreign(path: Path | Remote, known: Collection[Path | Remote], folder: bool) -> None:
    if folder:
        refuse_foreign_folder(path)
    ours = _is_summary(sidecar(path, SUMMARY))
    for file in (*([] if folder else [path]), *(sidecar(path, ending) for ending in (SUMMARY, RECIPE, SNIPPET))):
        if file.absolute() in known or not file.exists():
            continue
        if file.is_dir():
            raise InputError(f"{file} is a folder, and the export is a file; choose another path")
        if not ours:
            raise InputError(f"{file} is there and Winnow did not write it; move it away, or choose another path")


def _is_summary(path: Path | Remote) -> bool:
    try:
        if path.stat().st_size > MAX_SUMMARY:
            return False
        said = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and WRITER.items() <= said.items()
