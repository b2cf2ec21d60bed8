"""Which source reads a path, told by the path's name, and what a project made of it is called."""

from __future__ import annotations

from pathlib import Path

from curation.errors import SourceError

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".pq")


def kind_of(path: Path) -> str:
    """The source that reads a path: folder, archive, table or arrays. Raises SourceError for anything else.

    >>> kind_of(Path("flowers.tar.gz")), kind_of(Path("labels.CSV")), kind_of(Path("run.npz"))
    ('archive', 'table', 'arrays')
    """
    if path.is_dir():
        return "folder"
    name = path.name.lower()
    for kind, endings in (("archive", ARCHIVES), ("table", TABLES), ("arrays", (".npz",))):
        if name.endswith(endings):
            return kind
    raise SourceError(
        f"{path.name!r} is not a kind of data Winnow reads: expected a folder, an archive ({', '.join(ARCHIVES)}), "
        f"a table ({', '.join(TABLES)}) or .npz"
    )


def tables_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and path.name.lower().endswith(TABLES)]


def title_of(path: Path) -> str:
    """A project's title out of a path: its last part, without the ending that told its kind.

    >>> title_of(Path("/data/flowers.v2.tar.gz")), title_of(Path("/data/flowers.v2"))
    ('flowers.v2', 'flowers.v2')
    """
    endings = sorted((*ARCHIVES, *TABLES, ".npz"), key=len, reverse=True)
    ending = next((e for e in endings if path.name.lower().endswith(e)), "")
    return path.name[: len(path.name) - len(ending)] or path.name
