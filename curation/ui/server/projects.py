"""Where projects live, and which folders of this machine the app may read.

A project is a workspace folder under the home folder; what the command line computed there is a project too.
WINNOW_HOME: the folder projects are kept in, default ./workspaces.
WINNOW_ROOTS: folders a server-side path may point into, separated by ':'; default the current folder and the home.

Where people log in (`access`), each has a home of their own, `.users/<key>/` under that folder. Then nobody reads in
another's, the current folder is not read unless WINNOW_ROOTS says so, and exports go to one's own projects only.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.engine import registry
from curation.engine.jobs import Jobs
from curation.engine.recipe import Recipe
from curation.engine.stage import declared
from curation.errors import InputError, SourceError
from curation.ui.server import access

USERS = ".users"  # under the home folder of all; no project's name starts with a dot
UPLOADS = ".uploads"  # under the home folder: <a visitor's token>/<upload>/...
KEEP_UPLOADS = 2 * 24 * 3600  # seconds an upload may lie there without becoming a project
EXPORTS = "exports"  # under a project's folder; what the app writes unless told otherwise

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq")


@dataclass(frozen=True)
class ProjectInfo:
    """A project in the list of recent ones.

    opened: seconds since the epoch of its last change. items: how many it has, None until its source was read.
    """

    name: str
    folder: Path
    opened: float
    items: int | None = None


def home() -> Path:
    """The folder of the visitor's projects. Raises AccessError for somebody who has to log in first."""
    who = access.visitor()
    return everyones() if who is None else everyones() / USERS / who.key


def everyones() -> Path:
    return Path(os.environ.get("WINNOW_HOME", "workspaces")).absolute()


def roots() -> list[Path]:
    """Folders a path typed into the app may point into."""
    given = os.environ.get("WINNOW_ROOTS")
    folders = [Path(p) for p in given.split(os.pathsep) if p] if given else []
    if not given and access.visitor() is None:
        folders = [Path.cwd()]
    return [p.resolve() for p in (*folders, home())]


def allowed(text: str) -> Path:
    """A server-side path as typed, links resolved. Raises SourceError when it leads outside the allowed folders."""
    path = Path(text.strip()).expanduser()
    if not text.strip():
        raise SourceError("give the path of a folder or file on the machine the app runs on")
    real = path.resolve()
    if not any(real.is_relative_to(root) for root in roots()) or _anothers(real):
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
            folder = about.parent
            found.append(ProjectInfo(folder.name, folder, recipe.stat().st_mtime, _items(folder)))
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
    """Remove a project, stop its job, and remove what was uploaded for it. Other files are not touched."""
    if folder.parent == home() and (folder / "winnow.json").exists():
        uploaded, jobs = _upload_of(folder), Jobs(folder)
        if (job := jobs.current()) is not None:
            jobs.cancel(job.number)
        shutil.rmtree(folder)
        if uploaded is not None and not any(_upload_of(other.folder) == uploaded for other in projects()):
            shutil.rmtree(uploaded, ignore_errors=True)


# -- what a person points at -----------------------------------------------------------------------------------


def kind_of(path: Path) -> str:
    """The source that reads a path: folder, archive, table or arrays. Raises SourceError for anything else.

    >>> kind_of(Path("flowers.tar.gz")), kind_of(Path("labels.CSV")), kind_of(Path("run.npz"))
    ('archive', 'table', 'arrays')
    """
    if path.is_dir():
        return "folder"
    name = path.name.lower()
    for kind, endings in (("archive", ARCHIVES), ("table", TABLES), ("arrays", (".npz",))):
        if name.endswith(endings):
            return kind
    raise SourceError(
        f"{path.name!r} is no kind of dataset known here; expected a folder, an archive ({', '.join(ARCHIVES)}), "
        f"a table ({', '.join(TABLES)}) or .npz"
    )


def title_of(path: Path) -> str:
    """A project's title out of a path: its last part, without the ending that told its kind.

    >>> title_of(Path("/data/flowers.v2.tar.gz")), title_of(Path("/data/flowers.v2"))
    ('flowers.v2', 'flowers.v2')
    """
    endings = sorted((*ARCHIVES, *TABLES, ".npz"), key=len, reverse=True)
    ending = next((e for e in endings if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)] or path.name


def check_paths(params: Mapping[str, Any]) -> None:
    """Raise SourceError when a parameter typed into the app names something outside the folders it may read."""
    for value in params.values():
        if isinstance(value, Path) or (isinstance(value, str) and value and Path(value).exists()):
            allowed(str(value))


def check_recipe(recipe: Recipe) -> None:
    """What only somebody who owns the machine may have the app run. Raises InputError where people log in and the
    recipe imports code by its path, or names a place outside the folders it may use."""
    if access.visitor() is None:
        return
    own = {name for name, student in registry.methods("students").items() if student.card.own_code}
    for stage in declared().values():
        for section in stage.sections(recipe):
            method = registry.get(stage.kind, section.use)
            if own & {str(value) for value in (*section.model_dump().values(), *section.params.values())}:
                raise InputError("code of your own runs from the command line only, where people log in to the app")
            defaults = {name: field.default for name, field in method.params.model_fields.items()}
            given = {name: value for name, value in section.params.items() if value != defaults.get(name)}
            if stage.writes:
                target(str(given.pop("path")))
            check_paths(given | {str(path): path for path in section.files()})


def target(text: str) -> Path:
    """A path an export may write to, made absolute. Raises InputError when it lies outside the folders the app may
    use, or among a project's own files (its `exports` folder apart)."""
    if not text.strip():
        raise InputError("give the path of the file to write")
    real = Path(text.strip()).expanduser().resolve()
    writable = roots() if access.visitor() is None else [home().resolve()]
    if not any(real.is_relative_to(root) and real != root for root in writable):
        inside = ", ".join(str(root) for root in writable)
        raise InputError(
            f"{text!r} lies outside the folders this app may write to ({inside}); start it with WINNOW_ROOTS to allow "
            "more"
        )
    own = home().resolve()
    if real.is_relative_to(own):
        parts = real.relative_to(own).parts
        if len(parts) < 3 or parts[1] != EXPORTS:
            raise InputError(f"{text!r} lies among Winnow's own files; write to the project's folder {EXPORTS!r}")
    return real


# -- uploads ---------------------------------------------------------------------------------------------------


def upload_folder(token: str) -> Path:
    """The folder of one visitor's uploads. Tokens are made by `new_upload`; anything else is refused."""
    if not re.fullmatch(r"[0-9a-f]{32}", token):
        raise SourceError("this upload is unknown; reload the page and try again")
    return home() / UPLOADS / token


def new_upload() -> str:
    """A token for one visitor's uploads. On the way, uploads of days ago that became no project are cleared."""
    used = {_upload_of(project.folder) for project in projects()}
    for folder in (home() / UPLOADS).glob("*/*"):
        if folder not in used and folder.stat().st_mtime < time.time() - KEEP_UPLOADS:
            shutil.rmtree(folder, ignore_errors=True)
    return secrets.token_hex(16)


def as_sent(text: str) -> str:
    """What is said of a file somebody sent, by the name it was sent under and not by where it was put."""
    return re.sub(re.escape(f"{home() / UPLOADS}/") + r"[^/\s]+/[^/\s]+/", "", text)


def _upload_of(folder: Path) -> Path | None:
    """The upload a project was made from, <uploads>/<token>/<upload>; None when it was made from something else."""
    try:
        path = Path(tomllib.loads((folder / "recipe.toml").read_text())["source"]["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    uploads = home() / UPLOADS
    parts = path.relative_to(uploads).parts if path.is_relative_to(uploads) else ()
    return uploads.joinpath(*parts[:2]) if len(parts) >= 2 else None


def _anothers(real: Path) -> bool:
    """Whether a place lies in the home of all and not in the visitor's own; secrets.toml is nobody's."""
    if access.visitor() is None:
        return False
    inside = real.is_relative_to(everyones().resolve()) and not real.is_relative_to(home().resolve())
    return inside or ".streamlit" in real.parts


def _items(folder: Path) -> int | None:
    cards = sorted((folder / "source").glob("[!.]*/card.json"), key=lambda card: card.stat().st_mtime)
    try:
        return int(json.loads(cards[-1].read_text())["rows"]) if cards else None
    except (OSError, ValueError, KeyError):
        return None
