"""Text files below a folder: read once, examined, and copied to the workspace, whatever their encodings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.data.reading.image_checks import Facts, as_columns
from curation.data.reading.text_checks import MAX_BYTES, examine_text
from curation.data.reading.text_encoding import decoded
from curation.data.remote.location import Remote
from curation.data.remote.ranges import ahead
from curation.data.safe_open import open_inside
from curation.data.texts import TextWriter
from curation.errors import SourceError

AHEAD = 64  # texts that are fetched together, where they lie elsewhere
ENDINGS = (".txt", ".text", ".md")


def is_text_name(name: str) -> bool:
    """By extension, or by having none, as the messages of 20 Newsgroups do.

    >>> is_text_name("a.TXT"), is_text_name("49960"), is_text_name("a.png")
    (True, True, False)
    """
    return "." not in name or name.lower().endswith(ENDINGS)


def is_text_file(name: str) -> bool:
    """By extension alone: a folder with such files, and no images, is one of texts.

    >>> is_text_file("a/1.txt"), is_text_file("a/49960")
    (True, False)
    """
    return name.lower().endswith(ENDINGS)


def text_columns(
    root: Path | Remote, paths: Sequence[str], problems: Mapping[str, str], into: Path, progress: Callable[..., None]
) -> dict[str, Any]:
    """What `make_items` takes of these files; their texts are written to `into`.

    problems: path -> why it cannot be used; such files are not opened.
    """
    facts = []
    with TextWriter(into) as writer:
        for done, path in enumerate(paths):
            if done % AHEAD == 0 and isinstance(root, Remote):
                ahead(root, paths[done : done + AHEAD], 2 * MAX_BYTES + 4)
            text, fact = (None, Facts(status=problems[path])) if path in problems else _examined(root, path)
            writer.add(text)
            facts.append(fact)
            if done % 500 == 0:
                progress(done, len(paths), "reading texts")
    return {**as_columns(facts), "written": writer.texts}


def _examined(root: Path, path: str) -> tuple[str | None, Facts]:
    try:
        with open_inside(root, path) as handle:
            if (size := handle.seek(0, 2)) > 2 * MAX_BYTES + 4:  # UTF-16 takes two bytes a letter
                status = f"too long: {size:,} bytes, over the limit of {MAX_BYTES:,}"
                return None, Facts(size=size, status=status)
            handle.seek(0)
            return examine_text(decoded(handle.read()))
    except SourceError as problem:
        return None, Facts(status=str(problem))
    except OSError as error:
        return None, Facts(status=f"the file cannot be read ({(error.strerror or str(error)).lower()})")
