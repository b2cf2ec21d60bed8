"""The projects of a visitor: list, find, name, delete.

A project is a workspace folder under the home folder; what the command line computed there is a project too.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from curation.data.workspace import Workspace, write_text
from curation.engine.jobs import Jobs
from curation.engine.recipe import Recipe
from curation.ui.server.home import home
from curation.ui.server.uploads import upload_of


@dataclass(frozen=True)
class ProjectInfo:
    """A project in a list. changed: when its recipe was last saved, in seconds since the epoch."""

    name: str
    folder: Path
    changed: float


def projects() -> list[ProjectInfo]:
    """Every project, last changed first."""
    found = []
    for about in home().glob("*/winnow.json"):
        recipe = about.with_name("recipe.toml")
        if recipe.exists():
            found.append(ProjectInfo(about.parent.name, about.parent, recipe.stat().st_mtime))
    return sorted(found, key=lambda p: -p.changed)


def project_names() -> tuple[str, ...]:
    """Names of all projects, last changed first, for a menu that every page draws.

    Remembered until a project is made or deleted, and for twenty seconds at most: the order may be that old.
    """
    folder = home()
    return _names(str(folder), folder.stat().st_mtime_ns if folder.exists() else 0)


# As a resource: the server's routes import this file before Streamlit runs, when cached data has no storage yet.
@st.cache_resource(ttl=20, max_entries=200, show_spinner=False)
def _names(home_folder: str, changed: int) -> tuple[str, ...]:
    return tuple(info.name for info in projects())


def project_folder(name: str) -> Path | None:
    """The folder of a project named in an address; None unless it is one."""
    folder = home() / name
    return folder if is_name(name) and (folder / "winnow.json").exists() else None


def is_name(text: str) -> bool:
    """Whether a project can be found under this name in an address."""
    return re.fullmatch(r"[\w][\w .-]*", text) is not None


def new_folder(title: str) -> Path:
    """A folder name for a new project: readable, safe, not taken."""
    stem = re.sub(r"[^\w-]+", "-", title.lower()).strip("-")[:40] or "dataset"
    name, number = stem, 2
    while (home() / name).exists():
        name, number = f"{stem}-{number}", number + 1
    return home() / name


def make_project(title: str, recipe: Recipe) -> Path:
    """The folder of a new project with this recipe; nothing is read yet."""
    folder = new_folder(title)
    Workspace(folder)
    write_text(folder / "recipe.toml", recipe.toml())
    return folder


def delete_project(folder: Path) -> None:
    """Remove a project, stop its job, and remove what was uploaded for it. Other files are not touched."""
    if folder.parent == home() and (folder / "winnow.json").exists():
        uploaded, jobs = upload_of(folder), Jobs(folder)
        if (job := jobs.current()) is not None:
            jobs.cancel(job.number)
        shutil.rmtree(folder)
        if uploaded is not None and not any(upload_of(other.folder) == uploaded for other in projects()):
            shutil.rmtree(uploaded, ignore_errors=True)


def item_count(folder: Path) -> int | None:
    """How many items a project has; None until its source was read."""
    cards = sorted((folder / "source").glob("[!.]*/card.json"), key=lambda card: card.stat().st_mtime)
    try:
        return int(json.loads(cards[-1].read_text())["rows"]) if cards else None
    except (OSError, ValueError, KeyError):
        return None
