"""Table of images or of texts: a csv, tsv, jsonl, txt or parquet file with one row per item.

Of images, a column holds paths, image bytes, or `{bytes, path}` as Hugging Face parquet files do. Paths are relative to
the table's folder or to `root`, and must stay under it; a row whose path leads elsewhere, or whose image cannot be
read, stays an item with the reason as its status. Blanks around a path and a missing ending do no harm. Image bytes
are written to the workspace once. A path that stands on several rows gives ids "path", "path#2", ...

Of texts, `text` names the column, or several that are joined with a line end between them; a list of words is joined
with blanks. An empty text, or one of over 1 MB, stays an item with the reason as its status. A .txt file has one text
per line, with fastText's `__label__` before it or without.

Rows keep their order. An empty label means unlabelled, an empty split means train. Several labels of one item are read
from a list, from a text with `label_separator` between them, or from a column for every class; they are kept and shown,
and methods that need one label per item say that they cannot use them. A csv may be separated by commas, semicolons,
tabs or bars; one that Winnow exported is read back letter for letter. Integer labels of Hugging Face parquet files get
the class names the file carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.grouping import column_named
from curation.data.items import OK, Items, make_items
from curation.data.reading.cells import as_class, as_label, as_split
from curation.data.reading.label_cells import Labels, in_cell, is_on, labels_of
from curation.data.reading.table_cells import Cells
from curation.data.reading.table_images import TableImages
from curation.data.reading.table_roles import numbered, roles_of
from curation.data.reading.table_texts import TableTexts
from curation.data.reading.tables import class_names, columns_of, is_manifest, notes_on, read_rows
from curation.data.reading.watched import ImagesNamed
from curation.data.remote.location import Location, Remote, told
from curation.errors import SourceError

CARD = Card(
    title="Table of images or texts",
    cost="every image is read and decoded once, in worker processes; texts are copied to the workspace",
    blind_to="columns that are not named",
    tags=("images", "texts"),
    version=4,
    opens=(".csv", ".tsv", ".jsonl", ".ndjson", ".txt", ".parquet", ".pq"),
)


def read(
    *,
    path: Annotated[Location, Field(description="The table or its URL: .csv, .tsv, .jsonl, .txt or .parquet.")],
    image: Annotated[str, Field(description="Column with the image's path or bytes, where items are images.")] = "path",
    text: Annotated[
        str | tuple[str, ...],
        Field(description="Column with the text, where items are texts; several are joined with a line end between."),
    ] = "",
    label: Annotated[
        str | tuple[str, ...],
        Field(description='Column with the label, or a column of 1 and 0 for every class; "" reads no labels.'),
    ] = "label",
    split: Annotated[
        str | None, Field(description='Column with the split; by default `split` if present, "" for none.')
    ] = None,
    id: Annotated[
        str | None, Field(description='Column with unique names; by default `id` if it is one, "" for the paths.')
    ] = None,
    truth: Annotated[str | None, Field(description="Column with the right label, where it is known.")] = None,
    root: Annotated[
        Location | None, Field(description="Folder or URL the paths are relative to; by default the table's.")
    ] = None,
    columns: Annotated[
        tuple[str, ...], Field(description="Names of the columns, where a .csv or .tsv has no line of them.")
    ] = (),
    label_separator: Annotated[
        str, Field(description='What stands between several labels of one item, such as ";"; "" reads one label.')
    ] = "",
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
    >>> read(path=top / "pets.csv", text="path", into=top, progress=lambda *_: None).texts([1, 0])
    ['2.png', '1.png']
    """
    with told(path):
        if not path.exists():
            raise SourceError(f"the table {path} does not exist")
        if path.is_dir():
            raise SourceError(f"{path} is a folder, not a table; use the source folder")
        if not path.is_file():  # reading a pipe would wait for ever
            raise SourceError(f"{path} is neither a file nor a folder")
    root = path.parent if root is None else root
    if isinstance(root, Path) and not root.is_dir():
        raise SourceError(f"root = {str(root)!r} is not a folder; paths in the table are relative to it")

    named, texts, classes = columns_of(path, columns), _names(text), _names(label)
    given = {"split": split, "id": id, "truth": truth, "group": column_named(group)}
    contents = numbered("text", texts) if texts else {"image": image}
    roles = roles_of(path, named, {**contents, **(numbered("label", classes) or {"label": ""}), **given})
    table = Cells(path, roles.columns, is_manifest(named))
    found = TableTexts(texts, into) if texts else TableImages(path, image, root, into / "files")
    wanted = list(dict.fromkeys(roles.columns.values()))
    try:
        for batch in read_rows(path, wanted, told=columns, long=texts, lists=(*texts, *classes)):
            table.add(batch)
            found.add(batch)
            progress(len(table.lines), 0, "reading the table")
    finally:
        found.close()
    n = len(table.lines)
    if not n:
        raise SourceError(f"the table {path} has no rows below its header")
    if group and "group" not in roles.columns and found.any_stored:
        raise SourceError(f"group = {group!r}: the items of {path} are not separate files; name a column instead")

    names = class_names(path, roles.columns.get("label", ""))
    labels = _labels(table, classes, names, label_separator)
    notes, columns_found = [*notes_on(path), *roles.notes, *found.notes(), *labels.notes], found.columns(progress)
    paths, status = columns_found.get("paths") or [None] * n, columns_found["status"]
    if all(said != OK for said in status):
        why = f"the first, {paths[0] or table.place(0)}: {status[0]}{found.advice()}"
        what = "texts" if texts else "images"
        raise SourceError(f"none of the {n:,} {what} in {path} can be used; {why}")
    return make_items(
        ids=table.ids("id" in roles.guessed, notes) or _unique([p or f"row {i + 1}" for i, p in enumerate(paths)]),
        labels=labels.single,
        several=labels.several,
        splits=table.read("split", as_split) or ["train"] * n,
        truth=table.read("truth", lambda cell: as_class(cell, names)),
        groups=table.read("group", as_label),
        classes=[name for name in names if name in set(labels.single)] if names else None,
        notes=notes,
        **columns_found,
    )


def watches(
    *, path: Path | Remote, image: str, text: str | tuple[str, ...], root: Path | Remote | None, **params: Any
) -> list[ImagesNamed | Path | Remote]:
    """What the result depends on: the table and the images it names, not all that lies below `root`."""
    return [path] if text else [ImagesNamed(path, image, path.parent if root is None else root)]


def _names(said: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names of columns; one may be given alone, and "" stands for none."""
    return tuple(name for name in ((said,) if isinstance(said, str) else said) if name)


def _labels(table: Cells, columns: Sequence[str], names: Sequence[str] | None, separator: str) -> Labels:
    if len(columns) > 1:
        on = [table.read(role, is_on) for role in numbered("label", columns)]
        return labels_of(
            [[name for name, yes in zip(columns, row, strict=True) if yes] for row in zip(*on, strict=True)]
        )
    found = table.read("label", lambda cell: in_cell(cell, names, separator))
    return labels_of([None] * len(table.lines) if found is None else found)


def _unique(names: Sequence[str]) -> list[str]:
    """The same names, later ones of equal name numbered: a, a#2, a#3."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique
