"""What `winnow app PATH` and `winnow quickstart` open: found, or made, before the server starts.

The server hands it on as WINNOW_OPEN: the name of a project, which a new visitor finds open, or the path of data that
cannot be read without a question (which column is the label?), which the front page then asks.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.data.reading.tables import columns_of
from curation.engine.jobs import Jobs
from curation.engine.recipe import parse_recipe
from curation.engine.stage import analysis
from curation.errors import InputError
from curation.ui.server import access, projects
from curation.ui.start import presets, source_kind

# Column names that say what a column holds, most telling first.
IMAGES = ("path", "image_path", "image", "img_path", "img", "file_name", "filename", "filepath", "file")
LABELS = ("label", "class", "category", "target", "labels", "y")


def open_path(path: Path) -> dict[str, str]:
    """The environment of a server that shows this project, folder, archive, table or .npz first. Raises InputError."""
    if access.login_on():
        raise InputError("winnow app takes no path where people log in: open your data on the Data page")
    real = path.expanduser().resolve()
    if not real.exists():
        raise InputError(f"{path} does not exist; give a folder, an archive, a table, an .npz file or a project")
    if (real / "winnow.json").exists():
        return _project(real)
    around = {"WINNOW_ROOTS": os.pathsep.join([os.environ.get("WINNOW_ROOTS") or str(Path.cwd()), str(real)])}
    if (known := _made_from("path", str(real))) is not None:
        return around | {"WINNOW_OPEN": known}
    source = _source(real)
    if source is None:
        return around | {"WINNOW_OPEN": str(real)}
    title = source_kind.title_of(real)
    return around | {"WINNOW_OPEN": _started(title, {"source": source}, f"Read {title}", ["source"])}


def open_sample() -> dict[str, str]:
    """The environment of a server that shows the analysed sample first; it is analysed where it was not yet."""
    if access.login_on():
        raise InputError("there is no quickstart where people log in: open the sample on the Data page")
    known = _made_from("use", "sample")
    return {"WINNOW_OPEN": known or _started("Digits", presets.sample(), "Analyse the sample", analysis())}


def given_path() -> Path | None:
    """The data the server was started with and that the front page has to ask about; None where there is none."""
    path = Path(os.environ.get("WINNOW_OPEN", ""))
    return path if path.is_absolute() else None


def guessed(columns: Sequence[str]) -> tuple[int | None, int | None]:
    """The columns that probably hold images and labels, guessed by their names.

    >>> guessed(["Label", "Path"]), guessed(["a", "class"])
    ((1, 0), (None, 1))
    """
    lower = [column.lower() for column in columns]
    image, label = (next((lower.index(n) for n in names if n in lower), None) for names in (IMAGES, LABELS))
    return image, label


def _project(folder: Path) -> dict[str, str]:
    around = {"WINNOW_HOME": str(folder.parent), "WINNOW_OPEN": folder.name}
    if not (folder / "recipe.toml").exists():
        raise InputError(f"{folder} has results but no recipe.toml: run its recipe again, or open the data itself")
    if not projects.is_name(folder.name):
        raise InputError(f"a project's name may have letters, digits, spaces, '.', '-' and '_' only: rename {folder}")
    return around


def _source(path: Path) -> dict[str, Any] | None:
    """The source that reads a path; None where a person has to say more."""
    kind = source_kind.kind_of(path)
    source = {"use": kind, "path": str(path)}
    if kind == "folder" and len(source_kind.tables_in(path)) == 1:
        return None  # the labels may be the folders or the table
    if kind == "table" and path.is_dir():
        return None  # its columns have to be seen
    if kind == "table":
        columns = columns_of(path)
        image, label = guessed(columns)
        if image is None or label is None:
            return None
        source |= {"image": columns[image], "label": columns[label]}
    return source


def _made_from(key: str, value: str) -> str | None:
    """The last used project whose source says so."""
    for info in projects.projects():
        source = tomllib.loads((info.folder / "recipe.toml").read_text()).get("source", {})
        if source.get(key) == value:
            return info.name
    return None


def _started(title: str, recipe: dict[str, Any], job: str, targets: Sequence[str]) -> str:
    checked = parse_recipe(recipe)
    folder = projects.make_project(title, checked)
    Jobs(folder).start(checked, job, targets)
    return folder.name
