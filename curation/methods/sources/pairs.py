"""Image-text pairs: images and what is said of them, from JSON, JSON lines, a table, or an image folder's metadata.

Read are LLaVA's conversations (and messages with `images`), the `annotations` of MiniGPT-4, `metadata.jsonl`, `.csv` or
`.parquet` of a Hugging Face image folder, and any table with a column for the image and one for the caption. Every
record is kept as it is, so the exporter `pairs` writes back what was read, with keys that Winnow does not know. A pair
whose image is missing stays an item, with the reason as its status. Ids and images may repeat: an id that does is
numbered ("a", "a#2"), and pairs that share an image are kept together. Paths are relative to the file's folder or to
`root`, and must stay under it.

Liu, Li, Wu & Lee, Visual Instruction Tuning, NeurIPS 2023 (LLaVA); Zhu, Chen, Shen et al., MiniGPT-4: Enhancing
Vision-Language Understanding with Advanced Large Language Models, ICLR 2024; huggingface.co/docs/datasets/image_load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from curation.card import Card
from curation.data.items import OK, TRAIN, Items, make_items
from curation.data.pair_records import ANNOTATIONS, JSON, LINES, MARK, METADATA, Pair, PairFile, files_of, pairs_of
from curation.data.parts import Spread, here
from curation.data.reading.cells import MAX_ROWS, as_label, as_split, numbered
from curation.data.reading.pair_checks import as_pairs, bars_note
from curation.data.reading.table_images import TableImages
from curation.data.reading.tables import Batch
from curation.data.reading.watched import Files, ImagesBelow
from curation.data.texts import RECORDS, TextWriter
from curation.errors import SourceError

CARD = Card(
    title="Image-text pairs",
    cost="every image is read and decoded once, in worker processes",
    blind_to="all images of a record but the first",
    tags=("images", "pairs"),
    opens=(".json", ".jsonl", ".csv", ".tsv", ".parquet", "/"),
    holdout=0.0,
)


def read(
    *,
    path: Annotated[Path, Field(description="The file of records, or a folder with metadata.jsonl beside its images.")],
    image: Annotated[str, Field(description="Key or column of the image; by default the usual names are tried.")] = "",
    text: Annotated[str, Field(description="Key or column of the caption; by default the usual names are tried.")] = "",
    label: Annotated[str, Field(description='Key or column of a label; "" reads no labels.')] = "",
    split: Annotated[
        str, Field(description="Key or column of the split; by default the folder says it, or all are train.")
    ] = "",
    root: Annotated[Path | None, Field(description="Folder the images are in; by default that of the file.")] = None,
    into: Path,
    progress: Callable[..., None],
    spread: Spread = here,
) -> Items:
    """Items in the order of the records. Raises SourceError.

    >>> import tempfile
    >>> from PIL import Image
    >>> top = Path(tempfile.mkdtemp())
    >>> Image.new("L", (4, 4)).save(top / "1.png")
    >>> said = '{"file_name": "1.png", "text": "a square", "by": "me"}\\n{"file_name": "2.png", "text": "a line"}'
    >>> _ = (top / "metadata.jsonl").write_text(said)
    >>> items = read(path=top, into=top, progress=lambda *_: None)
    >>> items.texts([0, 1]), items.column("status").tolist()
    (['a square', 'a line'], ['ok', 'the file is missing'])
    """
    files = files_of(path)
    top = path if path.is_dir() else path.parent
    if root is not None and not root.is_dir():
        raise SourceError(f"root = {str(root)!r} is not a folder; paths of images are relative to it")
    found = _Found(TableImages(files[0].file, "image", root or top, into / "files", spread), label, split)
    with TextWriter(into, RECORDS) as records:
        for file in files:
            found.files[file.name] = (file.form, len(found.names))
            for pair in pairs_of(file, image, text):
                found.add(pair, file)
                records.add(pair.raw)
                if len(found.names) % 1000 == 0:
                    progress(len(found.names), 0, "reading the records")
    if not found.names:
        raise SourceError(f"{path} holds no records")
    ids = numbered(found.names)
    columns = found.images.columns(progress)
    columns["status"] = [why or said for why, said in zip(found.problems, columns["status"], strict=True)]
    if all(said != OK for said in columns["status"]):
        first = columns["paths"][0] or ids[0]
        why = f"the first, {first}: {columns['status'][0]}{found.images.advice()}"
        raise SourceError(f"none of the {len(ids):,} images of {path} can be used; {why}")
    items = make_items(
        ids=ids,
        labels=found.labels,
        labelled=bool(label),
        splits=found.splits,
        **as_pairs(columns, found.texts, ids),
        records=records.texts,
        record_rows=range(len(ids)),
        dialect={"files": found.files, "stored": found.stored},
        notes=[*found.images.notes(), *found.notes(ids)],
    )
    return replace(items, notes=(*items.notes, *bars_note(items)))


def watches(*, path: Path, root: Path | None, **params: Any) -> list[Files | ImagesBelow]:
    """What the result depends on: the files of records, and the images below the folder they may lie in."""
    top = path if path.is_dir() else path.parent
    files = tuple(file.file for file in files_of(path)) if path.exists() else ()
    return [Files(path, files), ImagesBelow(root or top)]


def recognises(path: Path) -> bool:
    """Whether an image folder has metadata, or the first record an image and words that are no label."""
    if path.is_dir():
        return any(next(path.glob(f"{below}{name}"), None) for below in ("", "*/") for name in METADATA)
    (file,) = files_of(path)
    first = next(pairs_of(file), None)
    if first is None or first.image is None or not first.text:
        return False
    return file.form in (JSON, LINES, ANNOTATIONS) or first.captioned


@dataclass
class _Found:
    """What is known of each pair, a column each, and of all of them. files: name -> form and number of the first
    record. stored: the key of images that came as bytes."""

    images: TableImages
    label: str
    split: str
    names: list[str] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    stored: str = ""
    several: list[int] = field(default_factory=list)  # numbers of records with more than one image
    marks: list[int] = field(default_factory=list)  # and of those that speak of another number of images

    def add(self, pair: Pair, file: PairFile) -> None:
        number = len(self.names)
        if number >= MAX_ROWS:
            raise SourceError(f"{file.file} and the files before it hold over {MAX_ROWS:,} records, the limit")
        cell = f"{file.folder}/{pair.image}" if file.folder and isinstance(pair.image, str) else pair.image
        self.images.add(Batch({"image": [None if pair.problem else cell]}))
        if self.images.any_stored:
            self.stored = pair.key
        given = pair.value.get("id")
        name = str(given) if isinstance(given, str | int) and str(given).strip() else ""
        self.names.append((name or (cell if isinstance(cell, str) else "") or f"record {number + 1}")[:1000])
        self.texts.append(pair.text)
        self.problems.append(pair.problem)
        try:
            self.labels.append(as_label(pair.value.get(self.label)) if self.label else None)
            self.splits.append(as_split(pair.value.get(self.split)) if self.split else file.split or TRAIN)
        except SourceError as error:
            raise SourceError(f"record {number + 1 - self.files[file.name][1]:,} of {file.file}: {error}") from None
        if pair.several:
            self.several.append(number)
        if pair.marks:
            self.marks.append(number)

    def notes(self, ids: list[str]) -> list[str]:
        said = {
            "records have several images, of which the first is shown and compared": self.several,
            f"conversations say {MARK} more or less often than they have images": self.marks,
        }
        return [f"{len(found):,} {words}, such as {ids[found[0]]}." for words, found in said.items() if found]
