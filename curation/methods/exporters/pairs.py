"""Image-text pairs: the kept pairs as they were read, in the files they were read from.

Every record is written letter for letter in its own form (LLaVA's array, JSON lines, MiniGPT-4's annotations, a table),
so that keys Winnow does not know stay: read and written without a decision, the same records come out. The images
lie at the same paths below the new folder, or are left where they are. Pairs of other sources, such as WebDataset,
become an image folder: `metadata.jsonl` with `file_name`, `text` and `label` beside the images. Held-out pairs are
written as they are. New labels and ranks are not in it: export a table too.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.images import suffix_of
from curation.data.items import Items
from curation.data.provided import take
from curation.data.remote.parameter import Location
from curation.data.writing.atomic import atomic_folder, free_name, safe_name
from curation.data.writing.export_helpers import encoded, kept_rows, need_images, put_image
from curation.data.writing.pair_records import write_records
from curation.errors import InputError

CARD = Card(
    title="Image-text pairs, as they were read",
    cost="the records that were kept, and their images, are copied once",
    blind_to="labels given by hand, ranks and weights, which are in the manifest only",
    tags=("images", "pairs"),
    stochastic=False,
)


def write(
    manifest: pa.Table,
    *,
    path: Annotated[Location, Field(description="The folder to write; new, empty, or an earlier export.")],
    how: Annotated[
        Literal["copy", "link", "leave"],
        Field(description="Images are copied, hard links on the same disk, or left where they are."),
    ] = "copy",
    items: Items,
) -> list[Path]:
    """Write the kept pairs; returns the folder. Raises InputError.

    >>> import tempfile
    >>> from curation.data.items import make_items
    >>> one = make_items(
    ...     ids=["a"], labels=["cat"], splits=["train"], images=np.zeros((1, 4, 4), np.uint8), written=["a cat"]
    ... )
    >>> table = pa.table({"split": ["train"], "label": ["cat"], "kept": [True], "rank": [1]})
    >>> folder, = write(table, path=Path(tempfile.mkdtemp()) / "kept", items=one)
    >>> (folder / "metadata.jsonl").read_text()
    '{"file_name": "images/a.png", "text": "a cat", "label": "cat"}\\n'
    """
    need_images(items, "pairs", ("csv", "parquet"))
    rows = np.sort(kept_rows(manifest))
    with atomic_folder(path) as top:
        if items.records is None or not items.dialect:
            _image_folder(top, items, rows, manifest["label"].to_pylist())
        else:
            _as_read(top, items, rows, how)
    return [path]


def _as_read(top: Path, items: Items, rows: np.ndarray, how: str) -> None:
    files, stored = items.dialect["files"], items.dialect["stored"]
    starts = [first for _, first in files.values()]
    for (name, (form, _)), (start, end) in zip(files.items(), pairwise([*starts, len(items)]), strict=True):
        own = rows[(rows >= start) & (rows < end)]
        records = take(items.records, own)
        more = {i: {stored: _bytes(items, row)} for i, row in enumerate(own.tolist())} if stored else {}
        write_records(top / name, form, records, more)
    if how == "leave" or stored:
        return
    for path, row in {items.column("path")[row]: row for row in rows.tolist()}.items():
        target = top / PurePosixPath(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise InputError(f'the image {path} is called like the file of the records; write it with how = "leave"')
        put_image(items, row, target, how)


def _image_folder(top: Path, items: Items, rows: np.ndarray, labels: list[str | None]) -> None:
    """`metadata.jsonl` and the images, for items that were read from something else."""
    taken: set[str] = set()
    (top / "images").mkdir()
    with (top / "metadata.jsonl").open("w", encoding="utf-8", newline="") as out:
        for row in rows.tolist():
            image = encoded(items, row)
            stem = safe_name(items.column("id")[row].removesuffix(suffix_of(image)))
            name = f"images/{free_name(stem + suffix_of(image), taken)}"
            (top / name).write_bytes(image)
            record: dict[str, Any] = {"file_name": name}
            record |= {"text": items.text(row)} if items.has_texts else {}
            record |= {} if labels[row] is None else {"label": labels[row]}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _bytes(items: Items, row: int) -> dict[str, Any]:
    return {"bytes": encoded(items, row), "path": None}
