"""Table of images: a csv, tsv, jsonl or parquet file with one row per image.

The image column holds paths, image bytes, or `{bytes, path}` as Hugging Face parquet files do. Paths are relative to
the table's folder or to `root`, and must stay under it; a row whose path leads elsewhere, or whose image cannot be
read, stays an item with the reason as its status. Image bytes are written to the workspace once. Rows keep their
order. An empty label means unlabelled, an empty split means train. Integer labels of Hugging Face parquet files get
the class names the file carries. A path that stands on several rows gives ids "path", "path#2", ...
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.grouping import column_named
from curation.data.items import Items, make_items
from curation.data.reading.archives import MAX_RATIO, MAX_TOTAL, RATIO_FROM
from curation.data.reading.cells import as_class, as_label, as_split
from curation.data.reading.image_checks import Facts, as_columns, examine, store_image
from curation.data.reading.tables import class_names, columns_of, notes_on, read_rows
from curation.errors import SourceError

CARD = Card(
    title="Table of images",
    cost="every image is read and decoded once, in worker processes",
    blind_to="columns that are not named, and text: a table needs a column of paths or of image bytes",
    tags=("images",),
)

MAX_PATH = 4096  # characters


def read(
    *,
    path: Annotated[Path, Field(description="The table: .csv, .tsv, .jsonl or .parquet.")],
    image: Annotated[str, Field(description="Column with the image's path or bytes.")] = "path",
    label: Annotated[str, Field(description="Column with the label.")] = "label",
    split: Annotated[str | None, Field(description="Column with the split; by default `split` if present.")] = None,
    id: Annotated[str | None, Field(description="Column with unique names; by default `id` if present.")] = None,
    truth: Annotated[str | None, Field(description="Column with the right label, where it is known.")] = None,
    root: Annotated[Path | None, Field(description="Folder the paths are relative to; by default the table's.")] = None,
    group: str = "",
    into: Path,
    progress: Callable[..., None],
) -> Items:
    """Items in the order of the rows; `group` of [source] may name a column. Raises SourceError.

    >>> import tempfile
    >>> from PIL import Image
    >>> top = Path(tempfile.mkdtemp())
    >>> Image.new("L", (4, 4)).save(top / "1.png")
    >>> _ = (top / "pets.csv").write_text("path,label\\n1.png,cat\\n2.png,dog\\n")
    >>> read(path=top / "pets.csv", into=top, progress=lambda *_: None).column("status").tolist()
    ['ok', 'the file is missing']
    """
    if not path.exists():
        raise SourceError(f"the table {path} does not exist")
    if path.is_dir():
        raise SourceError(f"{path} is a folder, not a table; use the source folder")
    if not path.is_file():  # reading a pipe would wait for ever
        raise SourceError(f"{path} is neither a file nor a folder")
    root = path.parent if root is None else root
    if not root.is_dir():
        raise SourceError(f"root = {str(root)!r} is not a folder; paths in the table are relative to it")

    columns = columns_of(path)
    split, id = (name or (usual if usual in columns else None) for name, usual in ((split, "split"), (id, "id")))
    wanted = {"image": image, "label": label, "split": split, "id": id, "truth": truth, "group": column_named(group)}
    wanted = {parameter: name for parameter, name in wanted.items() if name}
    for parameter, name in wanted.items():
        if columns.count(name) != 1:
            raise SourceError(_no_column(path, parameter, name, columns))

    names = class_names(path, label)
    place, rows, cells = _Place(root, into / "files", path), [], {name: [] for name in wanted.values()}
    for batch in read_rows(path, list(cells)):
        for cell in batch[image]:
            rows.append(place.put(cell, len(rows), f"the column {image!r} of {path}"))
        for name in cells.keys() - {image}:
            cells[name].extend(batch[name])
        progress(len(rows), 0, "reading the table")
    if not rows:
        raise SourceError(f"the table {path} has no rows")

    if group and "group" not in wanted and place.any_stored:
        raise SourceError(f"group = {group!r}: the images of {path} are not separate files; name a column instead")
    labels = [as_class(cell, names) for cell in cells[label]]
    return make_items(
        ids=_ids(cells[id], path) if id else _unique([row.path or f"row {i + 1}" for i, row in enumerate(rows)]),
        paths=[row.path for row in rows],
        labels=labels,
        splits=[as_split(cell) for cell in cells[split]] if split else ["train"] * len(rows),
        truth=[as_class(cell, names) for cell in cells[truth]] if truth else None,
        groups=[as_label(cell) for cell in cells[wanted["group"]]] if "group" in wanted else None,
        **as_columns(_facts(place, rows, progress)),
        classes=[name for name in names if name in set(labels)] if names else None,
        root=place.folder,
        notes=notes_on(path),
    )


@dataclass(frozen=True)
class _Row:
    """path: posix, below the folder the images are in. problem: why it cannot be used, if that is known already."""

    path: str | None
    problem: str = ""
    stored: bool = False


class _Place:
    """Where the images of the table are: under `root` already, or written to `files` since they came as bytes."""

    def __init__(self, root: Path, files: Path, table: Path):
        self.root, self.files, self.any_stored = root, files, False
        self._table, self._packed, self._total = table, table.stat().st_size, 0
        self._inside = root.resolve()

    @property
    def folder(self) -> Path:
        return self.files if self.any_stored else self.root

    def put(self, cell: Any, number: int, where: str) -> _Row:
        if isinstance(cell, dict):
            cell = cell.get("bytes") or cell.get("path")
        if cell is None or cell == "":
            return _Row(None)
        if isinstance(cell, bytes):
            self.any_stored = True
            self._total += len(cell)
            if self._total > max(RATIO_FROM, MAX_RATIO * self._packed) or self._total > MAX_TOTAL:
                raise SourceError(
                    f"{self._table} unpacks to more than {MAX_RATIO} times its size or {MAX_TOTAL / 1e9:g} GB of "
                    "images, like files made to fill a disk"
                )
            return _Row(store_image(self.files, number, cell), stored=True)
        if not isinstance(cell, str):
            raise SourceError(
                f"{where} holds {cell!r}, neither a path nor image bytes; name another column with image = ..."
            )
        name = cell.encode("utf-8", "replace").decode().replace("\\", "/").replace("\0", "")
        if len(name) > MAX_PATH:
            return _Row(name[:100] + "...", f"its path has {len(name):,} characters, over the limit of {MAX_PATH:,}")
        # Links are followed before the check, so that what is opened is what was checked.
        real = Path(os.path.realpath(self._inside / name))
        if not real.is_relative_to(self._inside):
            return _Row(name, f"its path leads out of {self.root}")
        return _Row(real.relative_to(self._inside).as_posix())


def _facts(place: _Place, rows: Sequence[_Row], progress: Callable[..., None]) -> list[Facts]:
    problems = [row.problem for row in rows]
    if place.any_stored:  # the items have one root: a path beside stored images would have none
        mixed = "a path, in a table that holds image bytes"
        problems = [p or (mixed if row.path and not row.stored else "") for p, row in zip(problems, rows, strict=True)]
    sound = [row.path for row, problem in zip(rows, problems, strict=True) if not problem]
    found = iter(examine(place.folder, sound, progress))
    return [Facts(status=problem) if problem else next(found) for problem in problems]


def _ids(cells: Sequence[Any], path: Path) -> list[str]:
    ids = [as_label(cell) for cell in cells]
    if None in ids:
        raise SourceError(f"row {ids.index(None) + 1:,} of {path} has no id; fill it in, or name another id column")
    return ids


def _unique(names: Sequence[str]) -> list[str]:
    """The same names, later ones of equal name numbered: a, a#2, a#3."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique


def _no_column(path: Path, parameter: str, name: str, columns: Sequence[str]) -> str:
    problem = f"there is no column {name!r} in {path}" if name not in columns else f"{path} has two columns {name!r}"
    said = f"{problem}; its columns are: {', '.join(columns)}; name the right one with {parameter} = ..."
    if parameter == "image" and any(column in ("text", "sentence") for column in columns):
        said += " (it needs paths or image bytes: tables of text cannot be read yet)"
    return said
