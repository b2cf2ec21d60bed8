"""Instruction data: conversations from JSON or JSON lines, in the dialect they come in.

Read are alpaca (and dolly), ShareGPT, OpenAI and TRL messages, prompt and completion, preference pairs, and plain
`text`; each record says by its keys which it is, and a file may mix them. A file may be one array or an object on
every line, whatever it is called. Every record is kept letter for letter, so the exporter `chat` writes back what was
read, with keys that Winnow does not know. One item is a conversation, or with `per = "turn"` every answer with what
led up to it, which then stay together. Items are called by their `id` where the records have one (a repeated one is
numbered: a, a#2), else by their place. What is embedded and compared is all that is said, without the system prompt,
which is often the same for all. Exact copies are those that say the same in the same roles, whatever their other keys.

Conversations have no labels: what needs labels says so, and everything else works. Nothing is held out unless `test`
names a file or [source] a `holdout`. A record that cannot be read stays an item with its reason.

LLaMA-Factory, data/README.md; TRL, Dataset formats and types. Zheng et al., LlamaFactory: Unified Efficient Fine-Tuning
of 100+ Language Models, ACL 2024 (demonstrations).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from curation.card import Card
from curation.data.chat.conversation import ANSWERS, Conversation, content_hash
from curation.data.chat.dialects import DIVIDED, dialect_of
from curation.data.chat.dialects import read as read_record
from curation.data.chat.rows import KIND
from curation.data.grouping import column_named
from curation.data.items import OK, TEST, TRAIN, Items, make_items
from curation.data.reading.json_records import JsonRecord, json_records
from curation.data.texts import RECORDS, TextWriter
from curation.errors import SourceError

CARD = Card(
    title="Instruction and chat data",
    cost="every record is read once",
    blind_to="pictures that a conversation speaks of: they are counted, and not opened",
    tags=("chat", "texts", "label-free"),
    opens=(".json", ".jsonl", ".ndjson"),
    holdout=0.0,
)

_IDS = ("id", "conversation_id", "uid", "uuid", "prompt_id")
MAX_ITEMS = 10_000_000
MAX_TEXT = 1_000_000  # characters of what is said, as for texts


@dataclass
class _Read:
    """What is known of each item, a column each."""

    ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)
    hashes: list[str | None] = field(default_factory=list)
    status: list[str] = field(default_factory=list)
    parents: list[str | None] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    record_rows: list[int] = field(default_factory=list)
    turns: list[int | None] = field(default_factory=list)


def read(
    *,
    path: Annotated[Path, Field(description="The file: a JSON array, or JSON lines.")],
    test: Annotated[
        Path | None, Field(description="A second file, held out: it is looked at, and never pruned.")
    ] = None,
    per: Annotated[
        Literal["conversation", "turn"],
        Field(description="What an item is: a whole conversation, or one answer with what led up to it."),
    ] = "conversation",
    group: str = "",
    into: Path,
    progress: Callable[..., None],
) -> Items:
    """Items in the order of the records, without labels; `group` of [source] may name a key. Raises SourceError.

    >>> import tempfile
    >>> top = Path(tempfile.mkdtemp())
    >>> _ = (top / "a.jsonl").write_text('{"instruction": "Add 1 and 1.", "output": "2"}\\n{"title": "x"}\\n')
    >>> items = read(path=top / "a.jsonl", into=top, progress=lambda *_: None)
    >>> items.text(0), items.column("status")[1][:34]
    ('Add 1 and 1.\\n\\n2', 'no conversation among its keys (ti')
    """
    found, seen, dialects = _Read(), Counter(), Counter()
    key = column_named(group)
    with TextWriter(into) as texts, TextWriter(into, RECORDS) as records:
        count = 0
        for split, record in _all(path, test):
            chat, problem = _conversation(record)
            name = _named(record, split, seen)
            if chat is not None:
                dialects[dialect_of(record.value)] += 1
            stays = None if key is None else _group(record, key)
            _add(found, texts, record, chat, problem, count, per, split, name, stays)
            records.add(record.text if chat is not None else None)
            count += 1
            if len(found.ids) > MAX_ITEMS:
                raise SourceError(f"{path} has over {MAX_ITEMS:,} items, the limit; split it")
            if count % 1000 == 0:
                progress(count, 0, "reading conversations")
    if not count:
        raise SourceError(f"{path} holds no record; expected an array of objects, or an object on every line")
    return make_items(
        labels=[None] * len(found.ids),
        labelled=False,
        kinds=[KIND] * len(found.ids),
        written=texts.texts,
        records=records.texts,
        notes=_notes(dialects, count, len(found.ids), per, key),
        **{**vars(found), "groups": found.groups if key else None},
    )


def recognises(path: Path) -> bool:
    """Whether the first record says a conversation; a text alone, or one beside an image, is another source's."""
    record = next(json_records(path), None)
    value = None if record is None else record.value
    return value is not None and "image" not in value and dialect_of(value) not in (None, "text")


def _all(path: Path, test: Path | None) -> Iterator[tuple[str, JsonRecord]]:
    for split, file in ((TRAIN, path), (TEST, test)):
        if file is None:
            continue
        if not file.exists():
            raise SourceError(f"the file {file} does not exist")
        if not file.is_file():
            raise SourceError(f"{file} is no file; expected a JSON array, or JSON lines")
        for record in json_records(file):
            yield split, record


def _conversation(record: JsonRecord) -> tuple[Conversation | None, str]:
    """The conversation, or why there is none."""
    if record.value is None:
        return None, record.problem
    try:
        chat = read_record(record.value)
    except ValueError as error:
        return None, str(error)
    length = sum(len(turn.text) for turn in chat.turns)
    if length > MAX_TEXT:
        return None, f"too long: {length:,} characters, over the limit of {MAX_TEXT:,}"
    return chat, ""


def _add(
    found: _Read,
    texts: TextWriter,
    record: JsonRecord,
    chat: Conversation | None,
    problem: str,
    row: int,
    per: str,
    split: str,
    name: str,
    group: str | None,
) -> None:
    """The items of one record: itself, or one for each of its answers."""
    answers = [None]
    if per == "turn" and chat is not None and dialect_of(record.value) in DIVIDED:
        answers = [at + 1 for at, turn in enumerate(chat.turns) if turn.role in ANSWERS] or [None]
    for number, turns in enumerate(answers, start=1):
        part = chat if turns is None or chat is None else chat.part(turns)
        alone = turns is None
        found.ids.append(name if alone else f"{name}/{number}")
        found.paths.append(None)
        found.splits.append(split)
        found.status.append(problem or OK)
        found.sizes.append(len(record.text.encode("utf-8", "replace")))
        found.hashes.append(content_hash(part) if part else None)
        found.parents.append(None if alone else name)
        found.groups.append(group)
        found.record_rows.append(row)
        found.turns.append(turns)
        texts.add(None if part is None else part.text if alone else part.exchange)


def _named(record: JsonRecord, split: str, seen: Counter) -> str:
    """What a conversation is called: by its record, else by its place; never twice the same."""
    given = next((record.value[key] for key in _IDS if key in record.value), None) if record.value else None
    name = str(given) if isinstance(given, str | int) and str(given).strip() else ""
    name = name[:200] or (f"record {record.number}" if split == TRAIN else f"{split} {record.number}")
    seen[name] += 1
    while seen[name] > 1:
        numbered = f"{name}#{seen[name]}"
        if numbered not in seen:
            seen[numbered] = 1
            return numbered
        seen[name] += 1
    return name


def _group(record: JsonRecord, key: str) -> str | None:
    value: Any = (record.value or {}).get(key)
    return str(value) if isinstance(value, str | int) and str(value) else None


def _notes(dialects: Counter, count: int, items: int, per: str, key: str | None) -> list[str]:
    if not dialects:
        return []
    said = ", ".join(f"{name} {number:,}" for name, number in dialects.most_common())
    notes = [
        f"{count:,} records were read, by dialect: {said}. They have no labels, so what needs labels cannot be used."
    ]
    if per == "turn":
        notes.append(f"Their answers are {items:,} items; those of one conversation stay together.")
    return notes
