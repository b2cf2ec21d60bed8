"""Items: the table everything else is aligned with. Row number = position = identity, fixed once read.

A source hands the runner an `Items`; the runner stores it and nothing rewrites it. Labels a person changes
later are decisions, laid over this table, never into it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.data.images import from_array, open_image
from curation.data.safe_open import open_inside
from curation.errors import SourceError

TRAIN, VAL, TEST, UNLABELED = "train", "val", "test", "unlabeled"
SPLITS = (TRAIN, VAL, TEST, UNLABELED)
OK = "ok"

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # unique, stable from run to run
        ("path", pa.string()),  # as a person would name the file; null where there is none
        ("label", pa.string()),  # as given; null where there is none
        ("split", pa.string()),  # one of SPLITS
        ("width", pa.int32()),  # pixels, after EXIF rotation; null for non-images
        ("height", pa.int32()),
        ("bytes", pa.int64()),  # size of the stored item
        ("hash", pa.string()),  # of the stored bytes; equal hash = exact duplicate
        ("status", pa.string()),  # "ok", or why this item cannot be used, in words
        ("truth", pa.string()),  # the right label where the source knows it (planted mistakes); else null
    ]
)


@dataclass(frozen=True)
class Items:
    """n rows of `SCHEMA` and where their content lives.

    table: the rows. classes: C names; a label's code is its position here.
    root: the folder `path` is relative to, when items are files.
    images: uint8 [n, h, w] or [n, h, w, 3], when items are rows of an array.
    features: float [n, d], when the source brings its own.
    notes: sentences a person should read about how the data was read.
    """

    table: pa.Table
    classes: tuple[str, ...]
    root: Path | None = None
    images: np.ndarray | None = None
    features: np.ndarray | None = None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return self.table.num_rows

    def column(self, name: str) -> np.ndarray:
        """One column as a numpy array; object dtype for strings, None where missing."""
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        return {name: self.table[name].to_numpy(zero_copy_only=False) for name in self.table.column_names}

    @cached_property
    def codes(self) -> np.ndarray:
        """Given labels as int64 [n], positions in `classes`; -1 where there is no label."""
        return encode_labels(self.column("label"), self.classes)

    @cached_property
    def ok(self) -> np.ndarray:
        """bool [n]: rows that can be used."""
        return self.column("status") == OK

    def rows(self, *splits: str) -> np.ndarray:
        """Usable rows of these splits, ascending. Rows of train, val and test also carry a label."""
        wanted = self.ok & np.isin(self.column("split").astype(str), splits)
        return np.flatnonzero(wanted)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """id -> row."""
        return {id_: row for row, id_ in enumerate(self.column("id"))}

    @property
    def has_images(self) -> bool:
        return self.images is not None or self.root is not None

    def image(self, row: int, *, at_least: int | None = None):
        """The item as an upright RGB `PIL.Image`; `at_least` as in `open_image`. Raises SourceError if unreadable."""
        if self.images is not None:
            return from_array(self.images[row])
        with self.open(row) as handle:
            return open_image(handle, at_least=at_least)

    def open(self, row: int) -> BinaryIO:
        """The file of an item that passed its examination. Raises SourceError where it did not, or lies outside."""
        path = self.column("path")[row]
        if self.root is None or path is None:
            raise SourceError(f"item {self.column('id')[row]!r} has no image: this source brings features only")
        if not self.ok[row]:
            raise SourceError(str(self.column("status")[row]))
        return open_inside(self.root, path)

    # -- to and from a folder -------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write items.parquet, and images.npy / features.npy unless they already lie there."""
        root = None
        if self.root is not None:  # kept relative when inside, so that a workspace can be moved
            inside = self.root.is_relative_to(folder)
            root = self.root.relative_to(folder).as_posix() if inside else str(self.root.resolve())
        about = {"classes": self.classes, "root": root, "notes": self.notes}
        table = self.table.select(SCHEMA.names).cast(SCHEMA)
        pq.write_table(table.replace_schema_metadata({"winnow": json.dumps(about)}), folder / "items.parquet")
        for name, array in (("images", self.images), ("features", self.features)):
            if array is not None and not (folder / f"{name}.npy").exists():
                np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Items:
        table = pq.read_table(folder / "items.parquet")
        about = json.loads(table.schema.metadata[b"winnow"])
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("images", "features")
            if (folder / f"{name}.npy").exists()
        }
        root = None if about["root"] is None else folder / about["root"]
        return cls(table, tuple(about["classes"]), root=root, notes=tuple(about["notes"]), **arrays)


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
    **where,
) -> Items:
    """Build Items from columns; the one place that checks what every source must deliver.

    classes: all names in order; by default the labels seen on usable rows, in natural order.
    where: root, images, features, notes, handed to `Items`.
    Raises SourceError on repeated ids, an unknown split, or not a single usable row.
    """
    n = len(ids)
    if len(set(ids)) != n:
        seen: set[str] = set()
        twice = next(id_ for id_ in ids if id_ in seen or seen.add(id_))
        raise SourceError(f"the id {twice!r} stands on more than one row; ids must be unique")
    if unknown := sorted(set(splits) - set(SPLITS)):
        raise SourceError(f"unknown split {unknown[0]!r}; expected one of: {', '.join(SPLITS)}")
    status = list(status) if status is not None else [OK] * n
    if not any(s == OK for s in status):
        first = f"; the first problem: {status[0]}" if n else ""
        raise SourceError(f"none of the {n} items can be used{first}")
    # A train row without a label is an unlabelled row, wherever it was found.
    splits = [UNLABELED if label is None else split for split, label in zip(splits, labels, strict=True)]
    used = {label for label, s in zip(labels, status, strict=True) if label is not None and s == OK}
    if classes is None:
        classes = natural_order(used)
    notes = list(where.pop("notes", ()))
    if bad := sum(s != OK for s in status):
        notes.append(f"{bad:,} of {n:,} items cannot be used; they stay in the table, each with its reason.")
    if len(used) == 1:
        notes.append(f"Every labelled item has the label {min(used)!r}: nothing can be trained on a single class.")
    table = pa.table(
        {
            "id": ids,
            "path": paths if paths is not None else [None] * n,
            "label": labels,
            "split": splits,
            "width": widths if widths is not None else [None] * n,
            "height": heights if heights is not None else [None] * n,
            "bytes": sizes if sizes is not None else [None] * n,
            "hash": hashes if hashes is not None else [None] * n,
            "status": status,
            "truth": truth if truth is not None else [None] * n,
        },
        schema=SCHEMA,
    )
    return Items(table, tuple(classes), notes=tuple(notes), **where)


@lru_cache(maxsize=8)
def unlabelled_ids(folder: Path) -> frozenset[str]:
    """Ids of the rows without a label in a folder that `Items.save` wrote. Such a folder never changes."""
    table = pq.read_table(folder / "items.parquet", columns=["id", "split"])
    return frozenset(table.filter(pc.equal(table["split"], UNLABELED))["id"].to_pylist())


def with_holdout(items: Items, share: float, seed: int = 0) -> Items:
    """Hold out a stratified share of the train rows as test, when the source brings neither test nor val.

    A class keeps at least one train row, so classes of one item are never held out. Says what it did in `notes`.
    """
    train = items.rows(TRAIN)
    if share == 0 or len(train) == 0 or len(items.rows(TEST, VAL)):
        return items
    rng = np.random.default_rng(seed)
    held = []
    for code in range(len(items.classes)):
        rows = train[items.codes[train] == code]
        held.extend(rng.permutation(rows)[: min(round(share * len(rows)), max(len(rows) - 1, 0))])
    split = items.column("split").copy()
    split[held] = TEST
    at = items.table.schema.get_field_index("split")
    table = items.table.set_column(at, "split", pa.array(split, pa.string()))
    note = (
        f"The source has no test split, so {len(held):,} of {len(train):,} items ({share:.0%} of each class, "
        f"seed {seed}) are held out as test: pruning never sees them, verification measures on them."
    )
    return replace(items, table=table, notes=(*items.notes, note))


def encode_labels(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Labels to int64 codes, -1 for None or a name that is not in `classes`."""
    code = {name: i for i, name in enumerate(classes)}
    return np.array([code.get(label, -1) for label in labels], dtype=np.int64)


def natural_order(names) -> list[str]:
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
