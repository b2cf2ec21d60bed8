"""Upload without holding files in memory: the browser PUTs each file to the app's own route, which streams it to disk.
One component: drop files, a folder or an archive; it shows the progress and returns the attempt.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

from curation.data.images import EXTENSIONS
from curation.errors import SourceError
from curation.ui.server.routes import MAX_UPLOAD, prefix
from curation.ui.server.uploads import new_upload, upload_folder
from curation.ui.start import source_kind

HINT = "zip, tar, npz, csv, parquet, jsonl, or class folders of images or text files."
HTML = """
<div class="drop" role="group" aria-label="Upload">
  <div class="text"><b>Drop an archive, a folder, a table or files here</b><span class="state"></span></div>
  <div class="bar" hidden><i></i></div>
  <div class="row">
    <button type="button" class="files">Choose files</button>
    <button type="button" class="folder">Choose a folder</button>
    <button type="button" class="stop" hidden>Stop</button>
  </div>
  <input class="pick-files" type="file" multiple hidden aria-label="Files">
  <input class="pick-folder" type="file" webkitdirectory hidden aria-label="Folder">
</div>
"""


@dataclass(frozen=True)
class Uploaded:
    """What a person uploaded. path: the archive, table or array file itself, or the folder of the many files."""

    path: Path
    kind: str  # the source that reads it: archive, table, arrays or folder
    title: str


def upload(key: str) -> Uploaded | None:
    """Draw the drop zone; returns what was uploaded, once, in the rerun after the last byte arrived.

    Raises SourceError when what arrived is no dataset.
    """
    if f"{key}:token" not in st.session_state:
        st.session_state[f"{key}:token"] = new_upload()
    token = st.session_state[f"{key}:token"]
    data = {"token": token, "hint": HINT, "route": f"{prefix()}/winnow/upload", "limit": MAX_UPLOAD}
    done = _component()(key=key, data=data, on_done_change=lambda: None).done
    return uploaded(token, str(done["attempt"])) if done else None


def uploaded(token: str, attempt: str) -> Uploaded:
    """Recognise what one attempt stored. Several files are one folder, read as a table when exactly one is with them.

    Raises SourceError when nothing is there or a single file is of no known kind; that file is removed.
    """
    folder = upload_folder(token) / attempt
    if not re.fullmatch(r"[0-9a-z]{1,20}", attempt) or not folder.is_dir():
        raise SourceError("the upload did not arrive: reload the page and try again")
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if len(entries) == 1:
        only = entries[0]
        if only.is_dir() or only.suffix.lower() not in EXTENSIONS:
            try:
                return Uploaded(only, source_kind.kind_of(only), source_kind.title_of(only))
            except SourceError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    tables = source_kind.tables_in(folder)
    if len(tables) == 1:
        return Uploaded(tables[0], "table", source_kind.title_of(tables[0]))
    return Uploaded(folder, "folder", "upload")


@cache
def _component():
    here = Path(__file__).parents[1] / "static"
    css, js = ((here / f"upload.{ending}").read_text("utf-8") for ending in ("css", "js"))
    return st.components.v2.component("winnow_upload", html=HTML, css=css, js=js)
