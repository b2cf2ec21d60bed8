"""Read a file of one text per line, with or without fastText's labels before it: `__label__spam __label__ad the text`.

Grave, Bojanowski, Mikolov et al., Bag of Tricks for Efficient Text Classification, EACL 2017 (the form of the lines).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from curation.data.reading.text_encoding import MAX_LINE, encoding_of

MARK = "__label__"
SAMPLE = 50  # lines looked at to see whether they carry labels


def columns_of(path: Path) -> list[str]:
    """`label` and `text` where most of the first lines start with a label, else `text`. Raises SourceError, OSError."""
    first = [text for _, text in islice(_lines(path), SAMPLE)]
    labelled = sum(text.startswith(MARK) for text in first)
    return ["label", "text"] if 2 * labelled > len(first) else ["text"]


def rows_of(path: Path, names: Sequence[str]) -> Iterator[tuple[int, list[str | list[str]]]]:
    """(number of the line, its cells) of every line that is not blank; a label is text, several are a list.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = file.write_text("__label__a one\\n\\n__label__a __label__b two three\\n")
    >>> list(rows_of(file, columns_of(file)))
    [(1, ['a', 'one']), (3, [['a', 'b'], 'two three'])]
    """
    labelled = len(columns_of(path)) == 2
    for number, line in _lines(path):
        labels, text = _parted(line) if labelled else ([], line)
        cells = {"label": labels if len(labels) > 1 else "".join(labels), "text": text}
        yield number, [cells[name] for name in names]


def _parted(line: str) -> tuple[list[str], str]:
    labels = []
    while line.startswith(MARK):
        mark, _, line = line.partition(" ")
        labels.append(mark.removeprefix(MARK))
        line = line.lstrip()
    return labels, line


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding=encoding_of(path), newline=None) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE + 2), ""), start=1):
            if line.strip():
                yield number, line.rstrip("\n")
