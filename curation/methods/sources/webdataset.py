"""WebDataset: shards of samples in plain tar files, browsed where they lie.

A sample is the members that share a key, the name up to its first dot: `0001.jpg`, `0001.txt`, `0001.cls`,
`0001.json`. The image is the first member with an image's ending; the caption stands in `txt` or `caption`, or under
"caption" in the `json`; the label in `cls`. Nothing is unpacked: images are read by their place in the shard, which
packed tars (.tar.gz) do not allow. Keys repeat across shards, so an item is called `<shard>/<key>`. A sample without an
image stays an item, with the reason as its status. Splits are taken from the names of folders and shards, where
those say one. Shards that img2dataset wrote are read as they are.

The format: github.com/webdataset/webdataset. Aizman, Maltby & Breuel, High Performance I/O For Large Scale Deep
Learning, IEEE Big Data 2019.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.items import TRAIN, Items, make_items
from curation.data.parts import Spread, here
from curation.data.reading.cells import MAX_ROWS, as_label, numbered
from curation.data.reading.folder_layout import is_image_name
from curation.data.reading.image_checks import as_columns, examine
from curation.data.reading.pair_checks import as_pairs, bars_note
from curation.data.reading.split_names import split_of
from curation.data.reading.tar_samples import MAX_TEXT, Member, Sample, Shard, expanded, samples_of
from curation.data.reading.watched import Files
from curation.data.remote.location import Remote, told
from curation.data.remote.parameter import Location
from curation.data.remote.ranges import POOL
from curation.data.safe_open import shown
from curation.errors import SourceError

CARD = Card(
    title="WebDataset",
    cost="every image is read and decoded once, in worker processes; nothing is unpacked",
    blind_to="members that are neither image, caption nor class; packed tars",
    tags=("images", "pairs"),
    opens=(".tar", "/"),
)
CAPTIONS = ("txt", "caption")
TEXTS = (*CAPTIONS, "json", "cls")


def read(
    *,
    path: Annotated[
        Location, Field(description="A .tar, a folder or URL of them, or a list such as train-{000000..000123}.tar.")
    ],
    caption: Annotated[
        str, Field(description='Key of the `json` member that holds the caption, where no txt does; "" for none.')
    ] = "caption",
    progress: Callable[..., None],
    spread: Spread = here,
) -> Items:
    """Items in the order of the shards and of their samples. Raises SourceError.

    >>> import io, tarfile, tempfile
    >>> from PIL import Image
    >>> top, png = Path(tempfile.mkdtemp()), io.BytesIO()
    >>> Image.new("L", (4, 4)).save(png, "PNG")
    >>> with tarfile.open(top / "00000.tar", "w") as shard:
    ...     for name, data in (("7.png", png.getvalue()), ("7.txt", b"a grey square")):
    ...         info = tarfile.TarInfo(name)
    ...         info.size = len(data)
    ...         shard.addfile(info, io.BytesIO(data))
    >>> items = read(path=top, progress=lambda *_: None)
    >>> items.column("id").tolist(), items.text(0)
    (['00000/7'], 'a grey square')
    """
    with told(path):
        shards = expanded(path)
    top = _top(path)
    found = _Found()
    with ThreadPoolExecutor(POOL if isinstance(path, Remote) else 1) as threads:  # most of it is waiting for answers
        looked = threads.map(lambda shard: samples_of(shard, TEXTS), shards)
        for done, (shard, there) in enumerate(zip(shards, looked, strict=True)):
            progress(done, len(shards), "looking through the shards")
            found.add(there, shard.relative_to(top).as_posix(), caption)
    if not found.rows:
        raise SourceError(f"{path} holds no samples; members of a sample are called like 0001.jpg and 0001.txt")
    rows, ids = found.rows, numbered([row.id for row in found.rows])
    places = [row.image and (row.shard, row.image.offset, row.image.length) for row in rows]
    facts = zip(rows, examine(top, places, progress, spread=spread), strict=True)
    images = as_columns([f if row.image else f._replace(status="no image in this sample") for row, f in facts])
    pairs = any(row.image and row.text for row in rows)
    labels = [row.label for row in rows]
    items = make_items(
        ids=ids,
        paths=[row.image and shown(f"{row.shard}/{row.image.name}") for row in rows],
        labels=labels,
        labelled=any(labels),
        splits=[row.split for row in rows],
        parts=places,
        **(as_pairs(images, [row.text for row in rows], ids) if pairs else images),
        root=top,
        notes=found.notes(),
    )
    return replace(items, notes=(*items.notes, *bars_note(items)))


def watches(*, path: Path | Remote, **params: Any) -> list[Files]:
    """What the result depends on: the shards, and nothing that lies beside them."""
    shards = expanded(path)
    folder = isinstance(path, Path) and len(shards) > 1  # a web server cannot tell whether it has one
    return [Files(_top(path) if folder else shards[0], tuple(shards))]


def recognises(path: Path | Remote) -> bool:
    """Whether a folder holds plain tar files, or a tar samples of an image and what is said of it."""
    if path.is_dir():
        return next(path.glob("*.tar"), None) is not None
    said = (*CAPTIONS, "json", "cls")
    return any(s.member(*said) and any(map(_is_image, s.members)) for s in samples_of(path).samples)


@dataclass(frozen=True)
class _Row:
    """A sample as an item: its shard's path below the top, its image, and what is said of it."""

    id: str
    shard: str
    image: Member | None
    text: str | None
    label: str | None
    split: str


@dataclass
class _Found:
    """The samples of all shards, and what a person should know of them."""

    rows: list[_Row] = field(default_factory=list)
    said: dict[str, list[str]] = field(default_factory=dict)  # sentence -> what it speaks of
    splits: dict[str, str] = field(default_factory=dict)  # shard -> split, where its name says one

    def add(self, shard: Shard, name: str, caption: str) -> None:
        """The samples of one shard. name: its path below the top."""
        stem, split = name.removesuffix(".tar"), _split(name)
        if split:
            self.splits[name] = split
        if shard.cut:
            self.said.setdefault("shards end early; what could be read of them was read", []).append(
                f"{name}: {shard.cut}"
            )
        if shard.passed:
            self.said.setdefault("shards hold members that are in no sample", []).append(name)
        if len(self.rows) + len(shard.samples) > MAX_ROWS:
            raise SourceError(f"{name} and the shards before it hold over {MAX_ROWS:,} samples, the limit")
        seen: set[str] = set()
        for sample in shard.samples:
            id_ = shown(f"{stem}/{sample.key}")
            if sample.key in seen:
                again = "keys come back in a shard after other samples, and were read as samples of their own"
                self.said.setdefault(again, []).append(id_)
            seen.add(sample.key)
            self.rows.append(self._row(sample, id_, name, caption, split or TRAIN))

    def _row(self, sample: Sample, id_: str, shard: str, caption: str, split: str) -> _Row:
        images = [member for member in sample.members if _is_image(member)]
        if len(images) > 1:
            several = "samples hold several images, of which the first is shown; a key ends at the first dot of a name"
            self.said.setdefault(several, []).append(id_)
        try:
            text, label = _caption(sample, caption), _label(sample)
        except SourceError as error:
            self.said.setdefault("samples have a member that cannot be read", []).append(f"{id_}: {error}")
            text = label = None
        return _Row(id_, shard, images[0] if images else None, text, label, split)

    def notes(self) -> list[str]:
        notes = [f"{len(names):,} {words}, such as {names[0]}." for words, names in self.said.items()]
        if self.splits:
            shard, split = next(iter(self.splits.items()))
            notes.append(f"Splits were taken from the names of the shards: {shard} is {split}.")
        return notes


def _is_image(member: Member) -> bool:
    return is_image_name(f"x.{member.ending}")


def _caption(sample: Sample, key: str) -> str | None:
    if (member := sample.member(*CAPTIONS)) is not None:
        return _text(member)
    member = sample.member("json") if key else None
    if member is None:
        return None
    try:
        record = json.loads(_text(member))
    except (ValueError, RecursionError):
        raise SourceError(f"{member.name} is not JSON") from None
    said = record.get(key) if isinstance(record, dict) else None
    return said if isinstance(said, str) else None


def _label(sample: Sample) -> str | None:
    return None if (member := sample.member("cls")) is None else as_label(_text(member))


def _text(member: Member) -> str:
    """The text a member holds. Raises SourceError."""
    if member.text is None:
        raise SourceError(f"{member.name} has {member.length:,} bytes, over the limit of {MAX_TEXT:,} for a text")
    return member.text.decode("utf-8-sig", "replace")


def _split(name: str) -> str | None:
    """The split that the nearest of a shard's own name and its folders says."""
    parts = name.removesuffix(".tar").split("/")
    return next((said[0] for part in reversed(parts) if (said := split_of(part))), None)


def _top(path: Path | Remote) -> Path | Remote:
    """The folder the shards are called from."""
    if path.is_dir():
        return path
    text = str(path.parent)
    return type(path)(text[: text.index("{")]).parent if "{" in text else path.parent
