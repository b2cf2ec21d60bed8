"""Items: the table everything else is aligned with. Row number = position = identity, fixed once read.

A source hands the runner an `Items`; the runner stores it and nothing rewrites it. Labels a person changes
later are decisions, laid over this table, never into it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.data.greys import Scales
from curation.data.greys import said as greys_said
from curation.data.grouping import alone, connected, grouped_note
from curation.data.ids import RowOf
from curation.data.images import from_array, open_image
from curation.data.remote.kept import is_remembered, kept
from curation.data.remote.location import Remote, location
from curation.data.remote.ranges import Place
from curation.data.safe_open import open_place
from curation.data.schema import IN_MEMORY, OK, REPEATED, SCHEMA, SPLITS, TEST, TRAIN, UNLABELED, VAL  # noqa: F401
from curation.data.texts import FILE, RECORDS, Texts, write_texts
from curation.errors import SourceError

TEXTS = {"written": FILE, "records": RECORDS}  # what lies beside the table, one text a row


@dataclass(frozen=True)
class Items:
    """n rows of `SCHEMA` and where their content lives.

    table: the rows. classes: C names; a label's code is its position here.
    root: the folder or URL `path` is relative to, when items are files or objects.
    images: uint8 [n, h, w] or [n, h, w, 3], when items are rows of an array.
    features: float [n, d], when the source brings its own.
    written: n texts, None where an item has none, when the items are texts or have one; read by `text` and `texts`.
    records: what items were read from, as it stood in its file, where it can be written again; see the column
        `record`. dialect: the form of that file, "" where the records say it themselves.
    greys: what grey images of more than 8 bits are scaled by; see `data/greys.py`.
    notes: sentences a person should read about how the data was read.
    """

    table: pa.Table
    classes: tuple[str, ...]
    root: Path | Remote | None = None
    images: np.ndarray | None = None
    features: np.ndarray | None = None
    written: Texts | Sequence[str | None] | None = None
    records: Texts | Sequence[str | None] | None = None
    dialect: Mapping[str, Any] = field(default_factory=dict)
    greys: Scales = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return self.table.num_rows

    def column(self, name: str) -> np.ndarray:
        """One column as a numpy array [n]; object dtype for strings, None where missing. Not to be written to."""
        if name not in self._columns:
            if name in REPEATED:
                values, codes = self._coded(name)
                self._columns[name] = np.array([*values, None], object)[codes]  # -1 is the last: None
            else:
                self._columns[name] = self.table[name].to_numpy(zero_copy_only=False)
        return self._columns[name]

    def cell(self, name: str, row: int) -> Any:
        """One value of a column, None where missing. The texts of a whole column would be a Python object each."""
        return self.table[name][int(row)].as_py()

    def set_column(self, name: str, values: Iterable[str | None]) -> pa.Table:
        """The table with other texts in one column."""
        at = self.table.schema.get_field_index(name)
        return self.table.set_column(at, name, pa.array(values, pa.string()).cast(IN_MEMORY.field(name).type))

    @cached_property
    def codes(self) -> np.ndarray:
        """Given labels as int64 [n], positions in `classes`; -1 where there is no label."""
        values, codes = self._coded("label")
        return np.append(encode_labels(values, self.classes), -1)[codes]

    def has(self, name: str, *values: str) -> np.ndarray:
        """bool [n]: rows that have one of these values in a column of texts."""
        known, codes = self._coded(name)
        return np.array([*(value in values for value in known), False])[codes]  # -1 is the last: missing

    @cached_property
    def ok(self) -> np.ndarray:
        """bool [n]: rows that can be used."""
        return self.has("status", OK)

    def rows(self, *splits: str) -> np.ndarray:
        """Usable rows of these splits, ascending. Rows of train, val and test also carry a label, or several."""
        return np.flatnonzero(self.ok & self.has("split", *splits))

    @cached_property
    def row_of(self) -> RowOf:
        """id -> row."""
        return RowOf(self.table["id"])

    @cached_property
    def copies(self) -> np.ndarray:
        """int64 [n]: equal numbers for items with equal content; a row without a hash has a number of its own."""
        with_hash = pc.rank(self.table["hash"], sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64)
        return alone(with_hash, self.table["hash"])

    @cached_property
    def groups(self) -> np.ndarray:
        """int64 [n]: equal numbers for items that must stay together: copies, items of one group or of one parent."""
        linked = [self.copies]
        if self.table["group"].null_count < len(self):
            linked.append(alone(self._coded("group")[1].astype(np.int64), self.table["group"]))
        if self.table["parent"].null_count < len(self):  # the parent may be an item itself
            whole = pc.fill_null(self.table["parent"], self.table["id"])
            linked.append(pc.rank(whole, sort_keys="ascending", tiebreaker="dense").to_numpy())
        return connected(*linked) if len(linked) > 1 else self.copies

    @property
    def has_images(self) -> bool:
        return self.images is not None or self.root is not None

    @property
    def multi_label(self) -> bool:
        """Whether items have several labels, so that none has a `label`."""
        return self.table["labels"].null_count < len(self)

    @property
    def has_texts(self) -> bool:
        return self.written is not None

    def text(self, row: int) -> str:
        """What an item says: a text, a caption, a conversation as it is read; "" where there is nothing."""
        return self.texts([row])[0]

    def texts(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """What these items say, in the order of `rows`. Raises SourceError where the source brings no texts."""
        if self.written is None:
            raise SourceError("these items have no text")
        found = self.written.take(rows) if isinstance(self.written, Texts) else [self.written[row] for row in rows]
        return [text or "" for text in found]

    def image(self, row: int, *, at_least: int | None = None):
        """The item as an upright RGB `PIL.Image`; `at_least` as in `open_image`. Raises SourceError if unreadable."""
        if self.images is not None:
            return from_array(self.images[row])
        with self.open(row) as handle:
            return open_image(handle, at_least=at_least, greys=self.greys)

    def open(self, row: int) -> BinaryIO:
        """The file of an item that passed its examination. Raises SourceError where it did not, or lies outside."""
        if self.root is None or self.cell("path", row) is None:
            raise SourceError(f"item {self.cell('id', row)!r} has no image: this source has features only")
        if not self.ok[row]:
            raise SourceError(str(self.cell("status", row)))
        return open_place(self.root, self.place(row))

    def place(self, row: int) -> Place | None:
        """Where the content of an item lies below `root`; see `Place`."""
        container, offset, length = (self.cell(name, row) for name in ("container", "offset", "length"))
        if container is not None and length is None:
            return container, self.cell("column", row), offset
        return self.cell("path", row) if container is None else (container, offset, length)

    # -- to and from a folder -------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write items.parquet, and the arrays and texts beside it unless they already lie there."""
        root = None
        if self.root is not None:  # kept relative when inside, so that a workspace can be moved
            inside = isinstance(self.root, Path) and self.root.is_relative_to(folder)
            root = self.root.relative_to(folder).as_posix() if inside else str(self.root.resolve())
        about = {"classes": self.classes, "root": root, "notes": self.notes, "greys": self.greys}
        about["dialect"] = self.dialect
        table = self.table.select(SCHEMA.names).cast(SCHEMA)
        pq.write_table(table.replace_schema_metadata({"winnow": json.dumps(about)}), folder / "items.parquet")
        for name, array in (("images", self.images), ("features", self.features)):
            if array is not None and not (folder / f"{name}.npy").exists():
                np.save(folder / f"{name}.npy", array, allow_pickle=False)
        for name, file in TEXTS.items():
            if (texts := getattr(self, name)) is not None and not (folder / file).exists():
                write_texts(folder, texts, file)

    @classmethod
    def load(cls, folder: Path) -> Items:
        there = pq.read_schema(folder / "items.parquet").names  # an earlier Winnow wrote fewer columns
        coded = [name for name in REPEATED if name in there]
        with pq.ParquetFile(folder / "items.parquet", read_dictionary=coded) as file:
            table = file.read()  # `pq.read_table` would load `pyarrow.dataset` first: half a second
        about = json.loads(table.schema.metadata[b"winnow"])
        for added in IN_MEMORY:
            if added.name not in table.column_names:
                table = table.append_column(added, pa.nulls(len(table), added.type))
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("images", "features")
            if (folder / f"{name}.npy").exists()
        }
        table = table.select(IN_MEMORY.names).unify_dictionaries()
        greys = {kind: tuple(scale) for kind, scale in about.get("greys", {}).items()}
        arrays |= {name: Texts(folder / file) for name, file in TEXTS.items() if (folder / file).exists()}
        said = {"notes": tuple(about["notes"]), "dialect": about.get("dialect", {})}
        root = about["root"] and location(about["root"])
        said["root"] = folder / root if isinstance(root, Path) else kept(root, is_remembered(folder))
        return cls(table, tuple(about["classes"]), greys=greys, **said, **arrays)

    # ------------------------------------------------------------------------------------------------------

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """Columns that were asked for, by name."""
        return {}

    def _coded(self, name: str) -> tuple[list[str], np.ndarray]:
        """The different values of a column of texts, and int [n] the position of each row's; -1 where missing."""
        column = self.table[name]
        column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        column = column.unify_dictionaries().combine_chunks()
        return column.dictionary.to_pylist(), pc.fill_null(column.indices, -1).to_numpy()


def make_items(
    *,
    ids: Sequence[str],
    labels: Sequence[str | None],
    splits: Sequence[str],
    paths: Sequence[str | None] | None = None,
    classes: Sequence[str] | None = None,
    widths: Sequence[int | None] | None = None,
    heights: Sequence[int | None] | None = None,
    sizes: Sequence[int] | None = None,
    hashes: Sequence[str] | None = None,
    status: Sequence[str] | None = None,
    truth: Sequence[str | None] | None = None,
    groups: Sequence[str | None] | None = None,
    parents: Sequence[str | None] | None = None,
    kinds: Sequence[str | None] | None = None,
    parts: Sequence[tuple[str, int, int | None] | None] | None = None,
    column: str | None = None,
    several: Sequence[Sequence[str] | None] | None = None,
    record_rows: Sequence[int | None] | None = None,
    turns: Sequence[int | None] | None = None,
    labelled: bool = True,
    **where: Any,
) -> Items:
    """Build Items from columns; the one place that checks what every source must deliver.

    classes: all names in order; by default the labels seen on usable rows, in natural order.
    several: all labels of each item, where items have several; they have no `label` then.
    kinds: what each item is; by default a text where there are texts and nothing else, an image where there are images.
    parts: container, offset and length of what lies in a file with others; the container's path is below `root`.
    column: of the containers, where they are tables; without a length, the offset is a row then.
    labelled: False where items of this source have no labels at all, so that those without are train rows as well.
    record_rows, turns: the columns `record` and `turns` of items with records.
    where: root, images, features, written, records, dialect, greys, notes, handed to `Items`.
    Raises SourceError on repeated ids, an unknown split, or not a single usable row.
    """
    n = len(ids)
    if len(set(ids)) != n:
        seen: set[str] = set()
        twice = next(id_ for id_ in ids if id_ in seen or seen.add(id_))
        raise SourceError(f"the id {twice!r} appears in more than one row; ids must be unique")
    if unknown := sorted(set(splits) - set(SPLITS)):
        raise SourceError(f"unknown split {unknown[0]!r}; expected one of: {', '.join(SPLITS)}")
    status = list(status) if status is not None else [OK] * n
    if not any(s == OK for s in status):
        first = f"; the first problem: {status[0]}" if n else ""
        raise SourceError(f"none of the {n} items can be used{first}")
    # A row without any label is an unlabelled row, wherever it was found.
    if labelled:
        each = zip(splits, labels, several or [()] * n, strict=True)
        splits = [split if label is not None or more else UNLABELED for split, label, more in each]
    used = {label for label, s in zip(labels, status, strict=True) if label is not None and s == OK}
    classes = natural_order(used) if classes is None else classes
    notes = list(where.pop("notes", ()))
    if bad := n - status.count(OK):
        notes.append(f"{bad:,} of {n:,} items cannot be used; they stay in the table, each with its reason.")
    if len(used) == 1:
        notes.append(f"Every labelled item has the label {min(used)!r}: nothing can be trained on a single class.")
    if groups is not None:
        notes.append(grouped_note(groups))
    notes += greys_said(where.get("greys", {}))
    given = {
        "id": ids,
        "path": paths,
        "label": labels,
        "split": splits,
        "width": widths,
        "height": heights,
        "bytes": sizes,
        "hash": hashes,
        "status": status,
        "truth": truth,
        "kind": kinds or _kinds(n, {name for name, part in where.items() if part is not None}),
        "group": groups,
        "parent": parents,
        "container": [part and part[0] for part in parts or ()],
        "offset": [part and part[1] for part in parts or ()],
        "length": [part and part[2] for part in parts or ()],
        "labels": several,
        "column": [part and column for part in parts or ()] if column else None,
        "record": record_rows,
        "turns": turns,
    }
    columns = {f.name: pa.array(given.get(f.name) or [None] * n, f.type) for f in SCHEMA}
    return Items(pa.table(columns).cast(IN_MEMORY), tuple(classes), notes=tuple(notes), **where)


def _kinds(n: int, brought: set[str]) -> list[str] | None:
    if brought & {"images", "root"}:
        return ["pair" if "written" in brought else "image"] * n
    return ["text"] * n if "written" in brought else None


def encode_labels(labels: Sequence[str | None] | np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Labels to int64 codes, -1 for None or a name that is not in `classes`.

    >>> encode_labels(["dog", None, "cow"], ["cat", "dog"]).tolist()
    [1, -1, -1]
    """
    names = pa.array(classes, pa.string())
    return pc.fill_null(pc.index_in(pa.array(labels, pa.string()), names), -1).to_numpy().astype(np.int64)


def natural_order(names: Iterable[str]) -> list[str]:
    """Sort names; all-integer names by value, so that "10" follows "9".

    >>> natural_order({"10", "9", "1"})
    ['1', '9', '10']
    """
    names = list(names)
    numeric = all(re.fullmatch(r"-?\d{1,18}", name) for name in names)
    return sorted(names, key=(lambda s: (int(s), s)) if numeric else None)


def test_rows(items: Items) -> np.ndarray:
    """Item rows to measure on: those of test, else those of val; empty where the source has neither."""
    rows = items.rows(TEST)
    return rows if len(rows) else items.rows(VAL)
