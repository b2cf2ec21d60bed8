"""A part of the items as a file for a trainer outside of Winnow, in the form they were read in where it has one."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from curation.data.chat.rows import is_chat
from curation.data.chat.writing import write_records
from curation.data.items import Items

_BLOCK = 4096  # texts held at once


def write_part(items: Items, rows: np.ndarray, labels: np.ndarray, folder: Path, name: str) -> Path:
    """Write the items of `rows` into `folder` as a file called `name`, with an ending by what they are; returns it.

    rows: int64, item rows. labels: object [m], the label in force of each, None where there is none.

    Conversations: the records as they were read, a JSON array where they came from a .json file, else JSON lines.
    Arrays: an .npz of ids, labels ("" for none) and images or features. Everything else: a csv of id, label, the
    absolute path of the file and the text, and container, column, offset and length where the bytes are a part of a
    larger file: from an offset on, or, where there is no length, in that column of a parquet file and row `offset`.
    """
    order = np.argsort(rows, kind="stable")
    rows, labels = np.asarray(rows)[order], np.asarray(labels, object)[order]
    if is_chat(items):
        source = next((path for path in items.column("path")[rows] if path), "")
        array = source.lower().endswith(".json")
        target = folder / f"{name}{'.json' if array else '.jsonl'}"
        write_records(items, rows, target, array=array)
        return target
    if items.images is not None or items.features is not None:
        target = folder / f"{name}.npz"
        arrays = {"images": items.images, "features": items.features}
        held = {key: np.asarray(array[rows]) for key, array in arrays.items() if array is not None}
        names = np.array(["" if label is None else label for label in labels], str)
        np.savez(target, ids=items.column("id")[rows].astype(str), labels=names, **held)
        return target
    target = folder / f"{name}.csv"
    _write_csv(items, rows, labels, target)
    return target


def _write_csv(items: Items, rows: np.ndarray, labels: np.ndarray, target: Path) -> None:
    paths = [
        None if path is None or items.root is None else str((items.root / path).absolute())
        for path in items.column("path")[rows]
    ]
    columns = {"id": items.column("id")[rows], "label": labels, "path": paths}
    if items.table["container"].null_count < len(items):
        columns |= {key: items.column(key)[rows] for key in ("container", "column", "offset", "length")}
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*columns, *(["text"] if items.has_texts else [])])
        for start in range(0, len(rows), _BLOCK):
            block = slice(start, start + _BLOCK)
            cells = [list(column[block]) for column in columns.values()]
            texts = [items.texts(rows[block])] if items.has_texts else []
            writer.writerows(zip(*cells, *texts, strict=True))
