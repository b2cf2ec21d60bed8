"""Uploaded files on disk: `.uploads/<token>/<upload>/` under the home folder.

A token stands for one visitor. An upload stays as long as a project reads it; others are cleared after two days.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
import tomllib
from pathlib import Path

from curation.errors import SourceError
from curation.ui.server.home import home

UPLOADS = ".uploads"  # under the home folder
KEEP = 2 * 24 * 3600  # seconds an upload may lie there without becoming a project


def upload_folder(token: str) -> Path:
    """The folder of one visitor's uploads. Tokens are made by `new_upload`; anything else is refused."""
    if not re.fullmatch(r"[0-9a-f]{32}", token):
        raise SourceError("this upload is unknown: reload the page and try again")
    return home() / UPLOADS / token


def new_upload() -> str:
    """A token for one visitor's uploads. Also deletes old uploads that no project uses."""
    used = {upload_of(recipe.parent) for recipe in home().glob("*/recipe.toml")}
    for folder in (home() / UPLOADS).glob("*/*"):
        if folder not in used and folder.stat().st_mtime < time.time() - KEEP:
            shutil.rmtree(folder, ignore_errors=True)
    return secrets.token_hex(16)


def as_sent(text: str) -> str:
    """A message about an uploaded file, with the name it was sent under in place of where it is stored."""
    return re.sub(re.escape(f"{home() / UPLOADS}/") + r"[^/\s]+/[^/\s]+/", "", text)


def upload_of(folder: Path) -> Path | None:
    """The upload a project was made from, <uploads>/<token>/<upload>; None when it was made from something else."""
    try:
        path = Path(tomllib.loads((folder / "recipe.toml").read_text())["source"]["path"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    uploads = home() / UPLOADS
    parts = path.relative_to(uploads).parts if path.is_relative_to(uploads) else ()
    return uploads.joinpath(*parts[:2]) if len(parts) >= 2 else None
