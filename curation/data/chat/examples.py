"""Texts a person names as an example of what is wanted: one on every line, or JSON records of any chat dialect."""

from __future__ import annotations

from pathlib import Path

from curation.data.chat.dialects import read
from curation.data.reading.json_records import json_records
from curation.data.reading.text_encoding import encoding_of
from curation.errors import InputError

JSON = (".json", ".jsonl", ".ndjson")
MAX_TEXTS = 1_000_000


def example_texts(path: Path) -> list[str]:
    """The texts of a .txt file, one per line, or the conversations of a JSON file. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path} is no file; expected texts, one on every line, or JSON records")
    found: list[str] = []
    if path.suffix.lower() in JSON:
        for record in json_records(path):
            try:
                if record.value is None:
                    raise ValueError(record.problem)
                found.append(read(record.value).text)
            except ValueError as error:
                raise InputError(f"record {record.number:,} of {path}: {error}") from None
            _limit(found, path)
    else:
        with path.open(encoding=encoding_of(path)) as lines:
            for line in lines:
                if line.strip():
                    found.append(line.strip())
                    _limit(found, path)
    if not found:
        raise InputError(f"{path} holds no text; expected one on every line, or JSON records")
    return found


def _limit(found: list[str], path: Path) -> None:
    if len(found) > MAX_TEXTS:
        raise InputError(f"{path} has over {MAX_TEXTS:,} texts, the limit; a sample of them says the same")
