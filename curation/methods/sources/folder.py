"""Folder of images: class folders, with or without split folders above them.

`train/cat/1.jpg` is a cat of the train split, `cat/1.jpg` a cat, `1.jpg` an item without a label; folders below the
class folder mean nothing. Split folders are train, training, val, valid, validation, dev, test, testing and
unlabeled, in any case; a single folder around everything is taken off. The full rule: `data/reading/folder_layout.py`.

Hidden files, `__MACOSX` and files that are not images by their extension are passed over. An image file that cannot
be read (empty, truncated, not an image, too large, or a link that leads out of the folder) stays an item, with the
reason as its status, and is left out of everything after. Files are read where they are, never copied or changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from curation.card import Card
from curation.data.items import Items
from curation.data.reading.folder_layout import is_image_name, items_by_folder
from curation.errors import SourceError

CARD = Card(
    title="Folder of images",
    cost="every file is read and decoded once, in worker processes",
    blind_to="labels that are not folder names",
    tags=("images",),
)


def read(
    *,
    path: Annotated[Path, Field(description="The folder that holds the class folders, or train, val and test.")],
    progress: Callable[..., None],
) -> Items:
    """Items in the order of their paths; id = path below the folder. Raises SourceError.

    >>> import tempfile
    >>> from PIL import Image
    >>> top = Path(tempfile.mkdtemp())
    >>> for name in ("train/cat/1.png", "train/dog/1.png", "test/cat/2.png"):
    ...     (top / name).parent.mkdir(parents=True, exist_ok=True)
    ...     Image.new("L", (4, 4)).save(top / name)
    >>> read(path=top, progress=lambda *_: None).table.select(["id", "label", "split"]).to_pylist()[0]
    {'id': 'test/cat/2.png', 'label': 'cat', 'split': 'test'}
    """
    if not path.exists():
        raise SourceError(f"the folder {path} does not exist")
    if not path.is_dir():
        raise SourceError(f"{path} is a file, not a folder; use the source archive, table or arrays for files")
    found = _listing(path)
    notes = []
    if found.others:
        notes.append(f"{len(found.others):,} files that are not images by their name were passed over.")
    if found.linked:
        notes.append(f"{len(found.linked):,} linked folders were not followed, such as {found.linked[0]}.")
    if found.closed:
        notes.append(f"{len(found.closed):,} folders could not be opened, such as {found.closed[0]}.")
    return items_by_folder(
        path,
        found.images,
        where=f"the folder {path}",
        progress=progress,
        problems=found.problems,
        ignored=sorted(found.others),
        notes=notes,
    )


@dataclass
class _Found:
    """Posix paths below a folder. problems: image path -> why it cannot be used, known without opening it."""

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


def _listing(top: Path) -> _Found:
    found, inside = _Found(), top.resolve()
    queue = [("", os.fspath(top))]
    while queue:
        above, folder = queue.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            found.closed.append(f"{_shown(above or folder)} ({error.strerror.lower()})")
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            path = above + entry.name
            shown = _shown(path)
            if entry.is_dir(follow_symlinks=False):
                queue.append((path + "/", entry.path))
            elif entry.is_symlink() and Path(entry.path).is_dir():
                found.linked.append(shown)
            elif not is_image_name(entry.name):
                found.others.append(shown)
            elif shown != path:
                found.images.append(shown)
                found.problems[shown] = "its name is not valid UTF-8; rename it"
            else:
                found.images.append(path)
                # os.path, since a Path raises on links that go in circles
                if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(inside):
                    found.problems[path] = "a link that leads out of the folder"
    return found


def _shown(path: str) -> str:
    """A name that is not UTF-8 cannot be written into any table: its odd bytes are shown escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
