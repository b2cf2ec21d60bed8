"""What lies below a URL: listed in pages, held as Arrow columns, and used again for a while.

A bucket may hold millions of objects, so there is no Python object for each of them at any time. Where the names are
known, as those in a table, only the pages they stand on are asked for.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from curation.data.remote import cache, glance
from curation.data.remote.store import asked, mark_of

if TYPE_CHECKING:
    import pyarrow as pa

PAGE = 1000  # keys of one answer, the most S3 gives
KEPT_FOR = 60  # seconds a listing is used again; a hundred times as long as it took, where that is more


class Object(NamedTuple):
    """An object below a URL. path: posix, from there on. mark: as in `About`."""

    path: str
    size: int
    mark: str


def has_objects(url: str) -> bool:
    """Whether objects lie below a URL; never below one of a web server, which has no listing. Raises OSError."""
    return glance.remembered("has objects", url, lambda: _has_objects(url))


def listed(url: str, fresh: bool = False) -> pa.Table:
    """The objects below a URL as a table of `path`, `size` and `mark`, by path. Raises OSError.

    It is asked for in pages, held as Arrow columns, some 200 bytes an object, and used again for a while. At a glance
    they are some of them; see `glance`.
    """
    start = time.monotonic()
    if not fresh and (kept := _kept(url)) is not None:
        return kept
    if glance.is_on():
        return glance.remembered("some", url, lambda: _some(url))
    blocks, n = [], 0
    for page in _pages(url):
        blocks.append(page)
        n += len(page)
        _told[0](f"listing {url}: {n:,} objects so far")
    table = _table(blocks).sort_by("path")
    seconds = time.monotonic() - start
    _listings.clear()  # one at a time: that of a large bucket is large
    _listings[url] = (time.monotonic() + max(KEPT_FOR, 100 * seconds), table)
    return table


def is_part(table: pa.Table) -> bool:
    """Whether a listing was made at a glance and does not hold all there is."""
    return bool(table.schema.metadata)


def named(url: str, paths: Iterable[str], fresh: bool = False) -> pa.Table:
    """Those objects below a URL that are called so, as `listed` has them. Raises OSError.

    A store is asked for no more pages than all its objects fill, and for no more than there are names.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = sorted({path for path in paths if _is_name(path)})
    if not fresh and (kept := _kept(url)) is not None:
        return kept.filter(pc.is_in(kept["path"], value_set=pa.array(wanted, pa.string())))
    return _table(_named_pages(url, wanted)).sort_by("path")


def marks(url: str, paths: Iterable[str]) -> Iterator[str]:
    """What changes with the objects below a URL that are called so; nothing of a web server. Raises OSError."""
    if url.startswith("http"):
        return
    for batch in named(url, paths).to_batches(max_chunksize=PAGE):
        yield from (f"{found['path']}:{found['size']}:{found['mark']}\n" for found in batch.to_pylist())


class Listed:
    """The objects below a URL that are called so, to tell later which have changed; none of a web server."""

    def __init__(self, url: str, paths: Sequence[str]):
        self.url, self.paths, self.before = url, paths, None if url.startswith("http") else named(url, paths)

    def changed(self) -> set[str]:
        """Paths of objects that are gone or others by now. Raises OSError."""
        if self.before is None:
            return set()
        import pyarrow.compute as pc

        was, now = (
            pc.binary_join_element_wise(table["path"], table["mark"], "\n")
            for table in (self.before, named(self.url, self.paths, fresh=True))
        )
        return set(self.before.filter(pc.invert(pc.is_in(was, value_set=now)))["path"].to_pylist())


def forget_listings(say: Callable[[str], None] = lambda said: None) -> None:
    """Have everything listed anew; a run starts so. say: told how far a listing is, from now on."""
    _listings.clear()
    cache.forget()
    glance.forget()
    _told[:] = [say]


def level(url: str, folder: str, most: int = PAGE) -> tuple[list[Object], list[str], bool]:
    """The objects directly in a folder below a URL, the folders in it, and whether there are more. Raises OSError.

    folder: "" or "train/". most: objects and folders together, where the store can be told.
    """
    if url.startswith("s3:"):
        answer = _answer(url, folder, most, Delimiter="/")
        folders = [each["Prefix"][len(_prefix(url)) :] for each in answer.get("CommonPrefixes", ())]
        return _objects(url, answer), [f for f in folders if _is_name(f[:-1])], bool(answer.get("IsTruncated"))
    found, folders = _folder(url, folder)
    return found, folders, False


_told: list[Callable[[str], None]] = [lambda said: None]  # who hears how far a listing is
_listings: dict[str, tuple[float, pa.Table]] = {}  # url -> until when it is used again, and the listing


def _kept(url: str) -> pa.Table | None:
    """The listing that is used again."""
    until, table = _listings.get(url, (0.0, None))
    return table if time.monotonic() < until else None


def _some(url: str) -> pa.Table:
    pages, whole = glance.some(partial(level, url))
    table = _table(pages).sort_by("path")
    return table if whole else table.replace_schema_metadata({"part": "of what is there"})


def _has_objects(url: str) -> bool:
    return url.startswith(("s3:", "gs:", "az:")) and next((True for page in _pages(url, most=1) if page), False)


def _table(pages: Iterable[Sequence[Object]]) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema([("path", pa.string()), ("size", pa.int64()), ("mark", pa.string())])
    return pa.Table.from_batches(
        [pa.RecordBatch.from_pylist([found._asdict() for found in page], schema) for page in pages], schema
    )


def _pages(url: str, most: int = PAGE) -> Iterator[list[Object]]:
    """The objects below a URL, some at a time. most: of them in one answer, where the store can be told."""
    if not url.startswith("s3:"):
        folders = [""]
        while folders:
            found, inside = _folder(url, folders.pop())
            folders += inside
            yield found
        return
    more: dict[str, str] = {}
    while True:
        answer = _answer(url, "", most, **more)
        yield _objects(url, answer)
        if not answer.get("IsTruncated"):
            return
        more = {"ContinuationToken": answer["NextContinuationToken"]}


def _named_pages(url: str, wanted: Sequence[str]) -> Iterator[list[Object]]:
    """The wanted objects, of each page they stand on. wanted: sorted, as a store sorts its keys."""
    if not url.startswith("s3:"):
        names = set(wanted)
        for folder in dict.fromkeys(path[: path.rfind("/") + 1] for path in wanted):
            yield [found for found in _folder(url, folder)[0] if found.path in names]
        return
    at, last = 0, ""
    while at < len(wanted):
        after = max(wanted[at][:-1], last)  # a page begins just before the name that is looked for next
        answer = _answer(url, "", PAGE, **({"StartAfter": _prefix(url) + after} if after else {}))
        there = _objects(url, answer)
        if answer.get("IsTruncated"):
            last = answer["Contents"][-1]["Key"][len(_prefix(url)) :]
            upto = bisect_right(wanted, last)
        else:
            upto = len(wanted)
        names = set(wanted[at:upto])
        yield [found for found in there if found.path in names]
        at = upto
        _told[0](f"looking for {len(wanted):,} objects in {url}: {at:,} so far")


def _answer(url: str, folder: str, most: int, **more: str) -> dict:
    """What an S3 store says of the keys below a folder below a URL."""
    bucket = url.removeprefix("s3://").partition("/")[0]
    query = {"Bucket": bucket, "Prefix": _prefix(url) + folder, "MaxKeys": most, **more}
    return asked(url, lambda fs, _: fs.call_s3("list_objects_v2", **query))


def _prefix(url: str) -> str:
    prefix = url.removeprefix("s3://").partition("/")[2]
    return prefix and prefix + "/"


def _objects(url: str, answer: dict) -> list[Object]:
    start = len(_prefix(url))
    found = (Object(e["Key"][start:], e["Size"], e["ETag"].strip('"')) for e in answer.get("Contents", ()))
    return [each for each in found if _is_name(each.path)]


def _folder(url: str, folder: str) -> tuple[list[Object], list[str]]:
    """The objects directly in a folder, and its folders; fsspec's other stores have no pages of their own."""
    top = asked(url, lambda fs, path: fs._strip_protocol(path)).rstrip("/")
    place = f"{top}/{folder}".rstrip("/")
    try:
        entries = asked(url, lambda fs, _: fs.ls(place, detail=True))
    except FileNotFoundError:
        return [], []
    names = [(entry, entry["name"].rstrip("/")[len(top) + 1 :]) for entry in entries]
    folders = [f"{name}/" for entry, name in names if entry["type"] == "directory" and f"{name}/" != folder and name]
    found = [(entry, name) for entry, name in names if entry["type"] == "file" and _is_name(name)]
    return [Object(name, int(e["size"] or 0), mark_of(e)) for e, name in found], folders


def _is_name(path: str) -> bool:
    """Whether a key can be addressed as a path; "folder/" and "a//b" cannot."""
    return all(part not in ("", ".", "..") for part in path.split("/"))
