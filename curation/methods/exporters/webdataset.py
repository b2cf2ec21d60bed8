"""WebDataset: the kept items as shards, ready for a streaming loader.

Samples that were read from shards are written with all their members, byte for byte; a label that a person changed
is written to `cls`. Items of other sources become samples of an image, a caption (`txt`) where they have one, and the
label as an integer (`cls`), whose names stand in `classes.txt`. Headers say nothing of when and by whom they were
written, so that the same items give the same bytes. Keys that would meet in a shard are numbered, for they would become
one sample. Shards hold one split each, in the items' order: shuffling is the loader's.

The format: github.com/webdataset/webdataset. Aizman, Maltby & Breuel, High Performance I/O For Large Scale Deep
Learning, IEEE Big Data 2019.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.card import Card
from curation.data.images import suffix_of
from curation.data.items import SPLITS, Items
from curation.data.reading.tar_samples import Sample, samples_of
from curation.data.remote.location import Remote
from curation.data.remote.parameter import Location
from curation.data.remote.ranges import ahead
from curation.data.safe_open import MAX_OBJECT, located, open_part
from curation.data.writing.atomic import atomic_folder, free_name, safe_name
from curation.data.writing.export_helpers import AHEAD, class_list, encoded, in_turn, kept_rows, need_images
from curation.errors import InputError, SourceError

CARD = Card(
    title="WebDataset shards",
    cost="one sample per kept item; shards that were read are read again",
    blind_to="ranks, weights and reasons, which are in the manifest only",
    tags=("images", "pairs"),
    stochastic=False,
)
Written = tuple[str, bytes]  # ending and bytes of a member


def write(
    manifest: pa.Table,
    *,
    path: Annotated[Location, Field(description="The folder to write; new, empty, or an earlier export.")],
    samples: Annotated[int, Field(ge=1, le=1_000_000, description="Samples in a shard, at most.")] = 10_000,
    items: Items,
) -> list[Path]:
    """Write `<split>-000000.tar` and so on; returns the folder. Raises InputError.

    >>> import tempfile
    >>> from curation.data.items import make_items
    >>> one = make_items(ids=["a"], labels=["cat"], splits=["train"], images=np.zeros((1, 4, 4), np.uint8))
    >>> table = pa.table({"id": ["a"], "split": ["train"], "label": ["cat"], "kept": [True], "rank": [1]})
    >>> folder, = write(table, path=Path(tempfile.mkdtemp()) / "kept", items=one)
    >>> with tarfile.open(folder / "train-000000.tar") as shard:
    ...     shard.getnames()
    ['a.png', 'a.cls']
    """
    need_images(items, "webdataset", ("csv", "parquet"))
    labels, classes = manifest["label"].to_pylist(), class_list(manifest, items)
    parts, coded = _Shards(items), any(_shard_of(items, row) is None for row in range(len(items)))
    with atomic_folder(path) as top:
        for split in SPLITS:
            rows = iter(np.sort(kept_rows(manifest, split)).tolist())
            for number, head in enumerate(rows):
                chunk = (head, *islice(rows, samples - 1))
                with closing(_open(top / f"{split}-{number:06d}.tar")) as shard:
                    keys: set[str] = set()
                    for row in parts.ahead(chunk):
                        key, members = _sample(items, row, parts, labels[row], classes)
                        key = free_name(key, keys)
                        for ending, data in members:
                            _put(shard, f"{key}.{ending}", data)
        if coded and classes:
            (top / "classes.txt").write_text("\n".join(classes) + "\n", encoding="utf-8")
    return [path]


class _Shards:
    """The shards that items were read from, one at a time: items of one stand together."""

    def __init__(self, items: Items):
        self.items, self.name = items, ""
        self.by_offset: dict[int, Sample] = {}

    def sample(self, row: int) -> Sample:
        """The sample an item is. Raises InputError where its shard is gone or has changed."""
        name = _shard_of(self.items, row)
        try:
            if name != self.name:
                shard = samples_of(located(self.items.root, name))
                self.by_offset = {member.offset: s for s in shard.samples for member in s.members}
                self.name = name
            return self.by_offset[int(self.items.column("offset")[row])]
        except (SourceError, KeyError):
            raise InputError(f"{name} has changed since it was read, or is gone; run the source again") from None

    def ahead(self, rows: Sequence[int]) -> Iterator[int]:
        """The rows one by one; where they lie elsewhere, some are fetched together before, with all their members."""
        for name, group in groupby(rows, lambda row: _shard_of(self.items, row)):
            if name is None or not isinstance(self.items.root, Remote):
                yield from in_turn(self.items, list(group))
                continue
            while some := list(islice(group, AHEAD)):
                places = [(name, m.offset, m.length) for row in some for m in self.sample(row).members]
                ahead(self.items.root, places, MAX_OBJECT)
                yield from some

    def members(self, row: int) -> Iterator[Written]:
        for member in self.sample(row).members:
            try:
                yield _ending(member.name), open_part(self.items.root, self.name, member.offset, member.length).read()
            except SourceError as error:
                raise InputError(f"{self.name}: {error}; run the source again") from None


def _shard_of(items: Items, row: int) -> str | None:
    """The shard an item was read from; None where it comes from elsewhere, a table for instance."""
    return items.column("container")[row] if items.column("column")[row] is None else None


def _sample(
    items: Items, row: int, shards: _Shards, label: str | None, classes: list[str]
) -> tuple[str, list[Written]]:
    """The key of an item's sample, and its members."""
    if _shard_of(items, row) is not None:
        members = list(shards.members(row))
        if label is not None and label != items.column("label")[row]:
            members = [member for member in members if member[0].lower() != "cls"] + [("cls", label.encode())]
        return shards.sample(row).key, members
    image = encoded(items, row)
    members = [(suffix_of(image).removeprefix("."), image)]
    if items.has_texts and (text := items.text(row)):
        members.append(("txt", text.encode()))
    if label is not None:
        members.append(("cls", str(classes.index(label)).encode()))
    return safe_name(items.column("id")[row]).replace(".", "_"), members


def _ending(name: str) -> str:
    """What follows the key in a member's name, as it is written."""
    return name.rpartition("/")[2].partition(".")[2]


def _open(path: Path) -> tarfile.TarFile:
    return tarfile.open(path, "w", format=tarfile.PAX_FORMAT)


def _put(shard: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # time 0, owner 0 and mode 0o644 are what it starts with
    info.size = len(data)
    shard.addfile(info, io.BytesIO(data))
