"""A data set in several tables, one or more for each split: train.csv and test.csv, or the parquet files of a hub."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from curation.data.items import SPLITS, TRAIN
from curation.data.reading.split_names import split_of
from curation.data.reading.tables import KINDS
from curation.data.remote.location import Remote
from curation.errors import SourceError

_SHARD = re.compile(r"-\d+-of-\d+$")  # as Hugging Face numbers the files of a split


class TableFile(NamedTuple):
    """split: what the name says; "" where the table is alone, and its rows may say it."""

    path: Path | Remote
    split: str = ""


def files_of(path: Path | Remote) -> list[TableFile]:
    """The table itself, or the tables of a folder that are named after their splits, train first. Raises SourceError.

    >>> files_of(Path("pets.csv"))
    [TableFile(path=PosixPath('pets.csv'), split='')]
    """
    if not path.is_dir():
        return [TableFile(path)]
    if found := split_tables(path):
        return found
    raise SourceError(
        f"{path} is a folder, not a table; use the source folder, or name its tables after their splits, such as "
        "train.csv and test.csv"
    )


def split_tables(folder: Path | Remote) -> list[TableFile]:
    """Tables named after their splits, of the folder or of `data` in it; none where there is no train and another, or
    where two sets are there: train.csv and test.csv, and train.jsonl and test.jsonl.
    """
    for place in (folder, folder / "data"):
        sets: dict[tuple[str, str], list[TableFile]] = defaultdict(list)
        for path in sorted(place.iterdir() if place.is_dir() else ()):
            said = split_of(_SHARD.sub("", path.stem)) if path.suffix.lower() in KINDS and path.is_file() else None
            if said is not None:
                split, rest = said
                sets[rest, path.suffix.lower()].append(TableFile(path, split))
        whole = [
            found for found in sets.values() if TRAIN in (splits := {file.split for file in found}) and splits - {TRAIN}
        ]
        if len(whole) == 1:
            return sorted(whole[0], key=lambda file: (SPLITS.index(file.split), file.path.name))
    return []
