"""Records of image-text pairs, whatever form they were written in: where the image is, and what is said of it.

A record is a conversation about an image (LLaVA, and messages with `images`), or has a key for the image and one for
the caption (metadata of Hugging Face image folders, tables), or is one of the annotations MiniGPT-4 was trained on
(`{"annotations": [{"image_id", "caption"}]}`, images in the folder `image`). The caption of a conversation is all its
answers. What a record holds beside that is kept as it is, so that it can be written again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from curation.data.chat import dialects
from curation.data.reading import tables
from curation.data.reading.json_records import is_array, json_records
from curation.data.reading.split_names import split_of
from curation.data.reading.table_roles import likely
from curation.errors import SourceError

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")  # of an image folder, in this order
SURE = ("caption", "captions", "alt_text", "alt")  # names that mean a caption, and not just any words
CAPTIONS = (*SURE[:1], "text", *SURE[1:], "description", "title", "prompt")
FOLDERS = ("image", "images")  # where MiniGPT-4's images may lie
MAX_WHOLE = 256 * 1024**2  # bytes of a file that is a single object, which is read as a whole
JSON, LINES, ANNOTATIONS = "json", "jsonl", "annotations"  # beside those of tables
MARK = "<image>"
USUAL = {"image": "an image", "text": "a caption"}


@dataclass(frozen=True)
class PairFile:
    """file: to read. name: what it is called below the folder it is read for. form: json, jsonl, annotations, csv,
    tsv or parquet. folder: what images are relative to, below the root. split: where its folder says one."""

    file: Path
    name: str
    form: str
    folder: str = ""
    split: str | None = None


class Pair(NamedTuple):
    """image: a path, bytes, or None. raw: the record as JSON, None where it could not be read. value: the same.

    marks: how often a conversation speaks of an image, less how many it has; 0 where that is as it should be.
    key: what the image stands under. captioned: the words stand under a name that means a caption, not any text.
    """

    image: Any
    text: str | None
    raw: str | None
    value: Mapping[str, Any]
    problem: str = ""
    several: bool = False
    marks: int = 0
    key: str = ""
    captioned: bool = False


def files_of(path: Path) -> list[PairFile]:
    """What there is to read: the file, or the metadata of an image folder. Raises SourceError."""
    if path.is_dir():
        found = {file.parent: file for name in reversed(METADATA) for file in sorted(path.rglob(name))}
        if not found:
            raise SourceError(f"there is no {' or '.join(METADATA)} in {path}; name the file of the records itself")
        files = []
        for folder, file in sorted(found.items()):
            inside = folder.relative_to(path).as_posix()
            split = next((said[0] for part in reversed(inside.split("/")) if (said := split_of(part))), None)
            files.append(PairFile(file, file.relative_to(path).as_posix(), _form(file), inside.strip("."), split))
        return files
    if not path.is_file():
        raise SourceError(f"the file {path} does not exist")
    return [PairFile(path, path.name, _form(path))]


def pairs_of(file: PairFile, image: str = "", text: str = "") -> Iterator[Pair]:
    """The pairs of a file, in order. image, text: keys to read them from; by default what they are usually called.

    Raises SourceError, also halfway.
    """
    if file.form in (JSON, LINES):
        keys: tuple[str, str] | None = None
        for record in json_records(file.file):
            if record.value is None:
                yield Pair(None, None, None, {}, record.problem)
            elif _is_conversation(record.value):
                yield _conversation(record.value, record.text, image)
            else:
                keys = keys or _keys(file.file, list(record.value), image, text)
                yield _flat(record.value, record.text, *keys)
    elif file.form == ANNOTATIONS:
        folder = next((f"{name}/" for name in FOLDERS if (file.file.parent / name).is_dir()), "")
        for value in _annotations(file.file):
            made = _flat(value, json.dumps(value), image or "image_id", text or "caption")
            yield made._replace(image=None if made.image is None else f"{folder}{made.image}")
    else:
        yield from _rows(file.file, image, text)


def _rows(file: Path, image: str, text: str) -> Iterator[Pair]:
    columns = tables.columns_of(file)
    keys = _keys(file, columns, image, text)
    names = [name for name in dict.fromkeys(columns) if name]
    for batch in tables.read_rows(file, names, long=names, lists=names):
        for cells in zip(*(batch[name] for name in names), strict=True):
            value = dict(zip(names, cells, strict=True))
            kept = {name: cell for name, cell in value.items() if _writable(cell)}
            yield _flat(value, json.dumps(kept), *keys)


def _flat(value: Mapping[str, Any], raw: str, image: str, text: str) -> Pair:
    cell, said = value.get(image), value.get(text)
    several = isinstance(cell, list) and len(cell) > 1
    cell = (cell[0] if cell else None) if isinstance(cell, list) else cell
    if isinstance(said, list):
        said = "\n".join(part for part in said if isinstance(part, str))
    problem = "" if cell is None or isinstance(cell, str | bytes | dict | int) else f"its {image} is no path"
    said = said if isinstance(said, str) else None
    return Pair(_cell(cell), said, raw, value, problem, several, key=image, captioned=text.lower() in SURE)


def _conversation(value: Mapping[str, Any], raw: str, image: str) -> Pair:
    found = value.get(image) if image else value.get("image", value.get("images"))
    images = found if isinstance(found, list) else [] if found in (None, "") else [found]
    try:
        chat = dialects.read(value)
    except ValueError as error:
        return Pair(_cell(images[0]) if images else None, None, raw, value, str(error))
    marks = sum(turn.text.count(MARK) for turn in chat.turns)
    text = "\n".join(chat.answers).replace(MARK, "").strip()
    off = marks - len(images) if marks or images else 0
    return Pair(_cell(images[0]) if images else None, text, raw, value, "", len(images) > 1, off)


def _cell(cell: Any) -> Any:
    """A cell that names an image, as `TableImages` takes it."""
    return str(cell) if isinstance(cell, int) else cell


def _is_conversation(value: Mapping[str, Any]) -> bool:
    return dialects.dialect_of(value) in ("messages", "sharegpt")


def _annotations(file: Path) -> Iterator[dict[str, Any]]:
    if file.stat().st_size > MAX_WHOLE:
        raise SourceError(f"{file} is larger than {MAX_WHOLE >> 20} MB, the limit of one object; write JSON lines")
    try:
        found = json.loads(file.read_bytes())["annotations"]
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{file} is not JSON ({str(error)[:100]})") from None
    if not isinstance(found, list) or not all(isinstance(value, dict) for value in found):
        raise SourceError(f'{file}: "annotations" is no list of objects with an image_id and a caption')
    yield from found


def _keys(file: Path, there: list[str], image: str, text: str) -> tuple[str, str]:
    """The keys of the image and of the caption. Raises SourceError."""
    plain = {name.lower().replace(" ", "_"): name for name in reversed(there)}
    found = {
        "image": image or likely("image", there) or "",
        "text": text or next((plain[name] for name in CAPTIONS if name in plain), ""),
    }
    for role, name in found.items():
        if name not in there:
            said = f"has no {name!r}" if name else f"has nothing that is called as {USUAL[role]} usually is"
            raise SourceError(f"{file} {said}; name it with {role} = one of: {', '.join(map(str, there[:20]))}")
    return found["image"], found["text"]


def _form(file: Path) -> str:
    """How a file is to be read, and written again. Raises SourceError."""
    kind = tables.KINDS.get(file.suffix.lower())
    if kind in ("csv", "tsv", "parquet"):
        return kind
    if file.suffix.lower() not in (".json", ".jsonl", ".ndjson"):
        raise SourceError(f"{file} is no file of pairs by its name; expected .json, .jsonl, .csv, .tsv or .parquet")
    if is_array(file):
        return JSON
    with file.open("rb") as handle:
        start = handle.read(4096).decode("utf-8", "replace").lstrip("\ufeff \t\r\n{")
    return ANNOTATIONS if start.lstrip().startswith('"annotations"') else LINES


def _writable(cell: Any) -> bool:
    """Whether JSON can hold a cell of a table; bytes and dates it cannot."""
    return cell is None or isinstance(cell, str | int | float | bool | list)
