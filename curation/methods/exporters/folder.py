"""Folder of images: the kept items as class folders, ready for any image-folder loader.

`<path>/<split>/<label>/<file>`: kept train rows under their label in force, and the test and validation rows
unchanged. Files are copied as they are; rows of arrays are written as PNG. Characters a file system could stumble
over become "_", names that would meet (also in other letter case) are numbered, and no label leads out of the folder.
A folder that holds anything Winnow did not write is never touched. Ranks and weights are not in it: export a table too.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.items import Items
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic_folder, free_name, safe_name
from curation.data.writing.export_helpers import encoded, in_turn, kept_rows, need_images, put_image
from curation.errors import InputError

CARD = Card(
    title="Class folders",
    cost="one file per kept item",
    blind_to="ranks, weights and reasons, which are in the manifest only",
    tags=("images",),
    stochastic=False,
)


def write(
    manifest: pa.Table,
    *,
    path: Annotated[Location, Field(description="The folder to write; new, empty, or an earlier export.")],
    how: Annotated[
        Literal["copy", "link"],
        Field(description="Copies, or hard links, which need the same disk and share changes with the original."),
    ] = "copy",
    items: Items,
) -> list[Path]:
    """Write the kept items; returns the folder. Raises InputError.

    >>> import tempfile, numpy as np
    >>> from curation.data.items import make_items
    >>> one = make_items(ids=["a"], labels=["cat"], splits=["train"], images=np.zeros((1, 4, 4), np.uint8))
    >>> table = pa.table({"id": ["a"], "split": ["train"], "label": ["cat"], "kept": [True], "rank": [1]})
    >>> folder, = write(table, path=Path(tempfile.mkdtemp()) / "kept", items=one)
    >>> [file.relative_to(folder).as_posix() for file in folder.rglob("*.png")]
    ['train/cat/a.png']
    """
    need_images(items, "folder", ("csv", "parquet"))
    if how == "link" and items.images is not None:
        raise InputError('how = "link" needs items that are files; these are rows of an array, use how = "copy"')
    splits, labels, ids = (manifest[name].to_pylist() for name in ("split", "label", "id"))
    folders: dict[str | None, str] = {None: ""}  # label -> its folder's name, one for all splits
    label_names: set[str] = set()
    taken: dict[str, set[str]] = {}
    with atomic_folder(path) as top:
        for row in in_turn(items, sorted(kept_rows(manifest))):
            label = labels[row]
            if label not in folders:
                folders[label] = free_name(safe_name(label), label_names)
            inside = str(PurePosixPath(splits[row], folders[label]))
            if inside not in taken:
                taken[inside] = set()
                (top / inside).mkdir(parents=True)
            if items.images is not None:
                (top / inside / free_name(safe_name(ids[row]) + ".png", taken[inside])).write_bytes(encoded(items, row))
            else:
                name = PurePosixPath(items.column("path")[row]).name
                put_image(items, row, top / inside / free_name(safe_name(name), taken[inside]), how)
    return [path]
