"""Where projects live, and which folders of this machine the app may read. No streamlit here.

A project is a workspace folder under the home folder; what the command line computed there is a project too.
WINNOW_HOME: the folder projects are kept in, default ./workspaces.
WINNOW_ROOTS: folders a server-side path may point into, separated by ':'; default the current folder and the home.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from curation.errors import SourceError

UPLOADS = ".uploads"  # under the home folder; one folder per upload


@dataclass(frozen=True)
class ProjectInfo:
    """A project in the list of recent ones. opened: seconds since the epoch of its last change."""

    name: str
    folder: Path
    opened: float


def home() -> Path:
    return Path(os.environ.get("WINNOW_HOME", "workspaces")).absolute()


def roots() -> list[Path]:
    """Folders a path typed into the app may point into."""
    given = os.environ.get("WINNOW_ROOTS")
    folders = [Path(p) for p in given.split(os.pathsep) if p] if given else [Path.cwd()]
    return [p.resolve() for p in (*folders, home())]


def allowed(text: str) -> Path:
    """A server-side path as typed, links resolved. Raises SourceError when it leads outside the allowed folders."""
    path = Path(text.strip()).expanduser()
    if not text.strip():
        raise SourceError("give the path of a folder or file on the machine the app runs on")
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots()):
        inside = ", ".join(str(root) for root in roots())
        raise SourceError(
            f"{text!r} lies outside the folders this app may read ({inside}); start it with WINNOW_ROOTS to allow more"
        )
    if not real.exists():
        raise SourceError(f"{text!r} does not exist on the machine the app runs on")
    return real


def projects() -> list[ProjectInfo]:
    """Every project, last changed first."""
    found = []
    for about in home().glob("*/winnow.json"):
        recipe = about.with_name("recipe.toml")
        if recipe.exists():
            found.append(ProjectInfo(about.parent.name, about.parent, recipe.stat().st_mtime))
    return sorted(found, key=lambda p: -p.opened)


def project_folder(name: str) -> Path | None:
    """The folder of a project named in an address; None unless it is one."""
    folder = home() / name
    known = re.fullmatch(r"[\w][\w .-]*", name) and (folder / "winnow.json").exists()
    return folder if known else None


def new_folder(title: str) -> Path:
    """A folder name for a new project: readable, safe, not taken."""
    stem = re.sub(r"[^\w-]+", "-", title.lower()).strip("-")[:40] or "dataset"
    name, number = stem, 2
    while (home() / name).exists():
        name, number = f"{stem}-{number}", number + 1
    return home() / name


def delete_project(folder: Path) -> None:
    """Remove a project and what was uploaded for it. Source files elsewhere are not touched."""
    if folder.parent == home() and (folder / "winnow.json").exists():
        shutil.rmtree(folder)


def upload_folder(token: str) -> Path:
    """The folder of one upload. Tokens are made by `new_upload`; anything else is refused."""
    if not re.fullmatch(r"[0-9a-f]{32}", token):
        raise SourceError("this upload is unknown; reload the page and try again")
    return home() / UPLOADS / token


def new_upload() -> str:
    return secrets.token_hex(16)
