"""Which source reads a path, told by its name and what is in it, and what a project made of it is called."""

from __future__ import annotations

from pathlib import Path

from curation.data.remote.location import Remote
from curation.engine import registry
from curation.engine.registry import Method
from curation.errors import InputError, SourceError


def endings(kind: str) -> tuple[str, ...]:
    """Endings of the files one source reads."""
    return registry.get("sources", kind).card.opens


def kinds_of(path: Path | Remote) -> list[str]:
    """The sources that can read a path, the likeliest first. Raises SourceError where there is none.

    Where several read files of its ending, those that recognise what is in it come first, and others that look for
    something of their own are left out.

    >>> kinds_of(Path("flowers.tar.gz")), kinds_of(Path("labels.CSV")), kinds_of(Path("run.npz"))
    (['archive'], ['table'], ['arrays'])
    """
    name = "/" if path.is_dir() else path.name.lower()
    sources = [source for source in registry.methods("sources").values() if source.card.opens]
    able = [source for source in sources if name.endswith(source.card.opens)]
    found = [source.id for source in able if source.recognises and _recognised(source, path)]
    found += [source.id for source in able if not source.recognises]
    if able:
        return found or [source.id for source in able]  # reading it will say what is wrong with it
    by_name = [source for source in sources if "/" not in source.card.opens]
    known = ", ".join(["a folder", *(f"{s.id} ({', '.join(s.card.opens)})" for s in by_name)])
    raise SourceError(f"{path.name!r} is not a kind of data Winnow reads: expected {known}")


def kind_of(path: Path | Remote) -> str:
    """The source that reads a path, by its ending and what is in it. Raises SourceError."""
    return kinds_of(path)[0]


def _recognised(source: Method, path: Path) -> bool:
    try:
        return source.recognises(path)
    except (InputError, OSError):
        return False


def tables_in(folder: Path | Remote) -> list[Path | Remote]:
    """Tables that may say what the files beside them are; a .txt there is a note or one of the texts."""
    known = tuple(ending for ending in endings("table") if ending != ".txt")
    return [path for path in folder.iterdir() if path.name.lower().endswith(known) and path.is_file()]


def title_of(path: Path | Remote) -> str:
    """A project's title out of a path: its last part, without the ending that told its kind.

    >>> title_of(Path("/data/flowers.v2.tar.gz")), title_of(Path("/data/flowers.v2"))
    ('flowers.v2', 'flowers.v2')
    """
    known = [ending for source in registry.methods("sources").values() for ending in source.card.opens]
    ending = max((e for e in known if path.name.lower().endswith(e)), key=len, default="")
    return path.name[: len(path.name) - len(ending)] or path.name
