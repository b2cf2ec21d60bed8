"""What lies below a URL: listed in pages, held as Arrow columns, and used again for a while.

A bucket may hold millions of objects, so there is no Python object for each of them at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

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
    return url.startswith(("s3:", "gs:", "az:")) and next((True for page in _pages(url, most=1) if page), False)


def listed(url: str, fresh: bool = False) -> pa.Table:
    """The objects below a URL as a table of `path`, `size` and `mark`, by path. Raises OSError.

    It is asked for in pages, held as Arrow columns, some 200 bytes an object, and used again for a while.
    """
    import pyarrow as pa

    start = time.monotonic()
    kept = _listings.get(url)
    if kept and not fresh and start < kept[0]:
        return kept[1]
    schema = pa.schema([("path", pa.string()), ("size", pa.int64()), ("mark", pa.string())])
    blocks, n = [], 0
    for page in _pages(url):
        blocks.append(pa.RecordBatch.from_pylist([found._asdict() for found in page], schema))
        n += len(page)
        _told[0](f"listing {url}: {n:,} objects so far")
    table = pa.Table.from_batches(blocks, schema).sort_by("path")
    seconds = time.monotonic() - start
    _listings.clear()  # one at a time: that of a large bucket is large
    _listings[url] = (time.monotonic() + max(KEPT_FOR, 100 * seconds), table)
    return table


def marks(url: str, paths: Sequence[str]) -> Iterator[str]:
    """What changes with the objects below a URL that are called so; nothing of a web server. Raises OSError."""
    if url.startswith("http"):
        return
    import pyarrow as pa
    import pyarrow.compute as pc

    table = listed(url)
    there = table.filter(pc.is_in(table["path"], value_set=pa.array(paths, pa.string())))
    for batch in there.to_batches(max_chunksize=PAGE):
        yield from (f"{found['path']}:{found['size']}:{found['mark']}\n" for found in batch.to_pylist())


class Listed:
    """What lies below a URL now, to tell later what has changed; nothing is known of a web server."""

    def __init__(self, url: str):
        self.url, self.before = url, None if url.startswith("http") else listed(url)

    def changed(self) -> set[str]:
        """Paths of objects that are gone or others by now. Raises OSError."""
        if self.before is None:
            return set()
        import pyarrow.compute as pc

        was, now = (
            pc.binary_join_element_wise(table["path"], table["mark"], "\n")
            for table in (self.before, listed(self.url, fresh=True))
        )
        return set(self.before.filter(pc.invert(pc.is_in(was, value_set=now)))["path"].to_pylist())


def forget_listings(say: Callable[[str], None] = lambda said: None) -> None:
    """Have everything listed anew; a run starts so. say: told how far a listing is, from now on."""
    _listings.clear()
    _told[:] = [say]


_told: list[Callable[[str], None]] = [lambda said: None]  # who hears how far a listing is
_listings: dict[str, tuple[float, pa.Table]] = {}  # url -> until when it is used again, and the listing


def _pages(url: str, most: int = PAGE) -> Iterator[list[Object]]:
    """The objects below a URL, some at a time. most: of them in one answer, where the store can be told."""
    if not url.startswith("s3:"):
        return (yield from _folders(url))
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = prefix and prefix + "/"
    query = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": most}
    while True:
        answer = asked(url, lambda fs, _, query=query: fs.call_s3("list_objects_v2", **query))
        found = (
            Object(entry["Key"][len(prefix) :], entry["Size"], entry["ETag"].strip('"'))
            for entry in answer.get("Contents", ())
        )
        yield [each for each in found if _is_name(each.path)]
        if not answer.get("IsTruncated"):
            return
        query = {**query, "ContinuationToken": answer["NextContinuationToken"]}


def _folders(url: str) -> Iterator[list[Object]]:
    """The objects below a URL, a folder at a time: fsspec's other stores have no pages of their own."""
    top = asked(url, lambda fs, path: fs._strip_protocol(path)).rstrip("/")
    folders = [top]
    while folders:
        entries = asked(url, lambda fs, _: fs.ls(folders.pop(), detail=True))  # noqa: B023 - asked at once
        folders += [entry["name"] for entry in entries if entry["type"] == "directory" and entry["name"] != top]
        found = [e for e in entries if e["type"] == "file" and _is_name(e["name"][len(top) + 1 :])]
        yield [Object(e["name"][len(top) + 1 :], int(e["size"] or 0), mark_of(e)) for e in found]


def _is_name(path: str) -> bool:
    """Whether a key can be addressed as a path; "folder/" and "a//b" cannot."""
    return all(part not in ("", ".", "..") for part in path.split("/"))
