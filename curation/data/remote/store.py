"""One request after another to a store or a web server: what is there, what stands in a range, and writing.

Everything goes through `asked`, which tries again what may pass, with pauses that grow and differ, and turns what
the libraries raise into an OSError with words of Winnow's own: theirs may hold an address with its signature.
Credentials, endpoints and further options are the libraries' own, from the environment (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, FSSPEC_S3 and the like). A web server is reached at public addresses only, which is checked of the
address that is connected to, so after names were resolved and redirects followed.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from curation import packages
from curation.errors import InputError, UnavailableError

TRIES = 5
PAUSE = 0.2  # seconds at most before the second try; twice as many before each further one
SECONDS = 60  # without an answer
PRIVATE = "WINNOW_PRIVATE_HOSTS"  # set to 1, plain http and addresses of the own network may be read
SIGNED = "WINNOW_SIGNED_URLS"  # signed URLs, with blanks between; a path that is one without its query is read by it
PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "https": "aiohttp", "http": "aiohttp"}
T = TypeVar("T")


class About(NamedTuple):
    """What a store says of an object, called as in os.stat_result. mark: its ETag, or what else changes with it."""

    st_size: int
    st_mtime_ns: int
    mark: str

    @property
    def st_ino(self) -> int:
        """A number that changes with the object, as that of a file does when another takes its place."""
        return int.from_bytes(hashlib.sha256(self.mark.encode()).digest()[:8], "big")


def schemes() -> list[str]:
    """What a URL may start with."""
    return [scheme for scheme in PACKAGES if scheme != "http" or os.environ.get(PRIVATE) == "1"]


def about(url: str) -> About:
    """Size, time and mark of an object. Raises OSError."""
    found = asked(url, lambda fs, path: fs.info(path))
    if found.get("type") != "file":
        raise OSError(errno.ENOENT, "the file is missing")
    if found.get("size") is None:
        raise OSError(errno.EIO, "the server does not say how large it is, so no part of it can be read")
    return About(int(found["size"]), _time_of(found), mark_of(found))


def read(url: str, offset: int, length: int) -> bytes:
    """Bytes of an object, fewer where it ends before. Raises OSError."""
    if length <= 0:
        return b""

    def ask(fs: Any, path: str) -> bytes:
        if not url.startswith("http"):
            return fs.cat_file(path, start=offset, end=offset + length)
        # It stops reading where a server sends the whole file instead of the range.
        with fs.open(path, "rb", cache_type="none", size=offset + length) as handle:
            handle.seek(offset)
            return handle.read(length)

    try:
        return asked(url, ask)[:length]
    except _PastTheEnd:
        return b""


def check_writable(url: str) -> None:
    """Raise InputError where nothing can ever be written to a URL."""
    if url.startswith("http"):
        raise InputError(f"{url}: a web server can only be read; write to a store such as s3://")


def put(url: str, file: Path) -> None:
    """Upload a file; the object is there as a whole or not at all. Raises OSError."""
    asked(url, lambda fs, path: fs.put_file(str(file), path))


def remove(url: str) -> None:
    """Delete an object. Raises OSError."""
    asked(url, lambda fs, path: fs.rm_file(path))


def filesystem(url: str) -> Any:
    """The fsspec file system of a URL; fsspec keeps one of each, for every process. Raises UnavailableError."""
    scheme = url.partition(":")[0]
    if missing := packages.missing(["fsspec", PACKAGES[scheme]]):
        raise UnavailableError(packages.needs(f"{scheme}://", missing))
    import fsspec

    options = {}
    if scheme == "s3":  # tries again here only, not in the library as well
        limits = {"connect_timeout": 10, "read_timeout": SECONDS, "retries": {"total_max_attempts": 1}}
        options = {"config_kwargs": {**limits, "max_pool_connections": 64}}
    elif scheme.startswith("http"):
        options = {"get_client": _client}
    made = fsspec.filesystem(scheme, use_listings_cache=False, **options)
    made.retries = 1  # of s3fs, beside those of botocore
    return made


def mark_of(found: dict[str, Any]) -> str:
    for name in ("ETag", "etag", "md5Hash", "content_settings_md5"):
        if mark := found.get(name):
            return str(mark).strip('"')
    return f"{found.get('size')} {_time_of(found)}"


def _time_of(found: dict[str, Any]) -> int:
    """When it was written, in nanoseconds; 0 where nobody says."""
    when = next((found[name] for name in ("LastModified", "mtime", "updated", "last_modified") if found.get(name)), 0)
    return int(when.timestamp() * 1e9) if hasattr(when, "timestamp") else 0


# -- asking ----------------------------------------------------------------------------------------------------


class _PastTheEnd(OSError):
    """A range that begins behind the end of an object."""


class PrivateAddress(OSError):
    """A web server at an address that is not public."""


def asked(url: str, ask: Callable[[Any, str], T]) -> T:
    """The answer of `ask(file system, path)`. Raises OSError with words of our own, and nothing as its cause."""
    fs, path = filesystem(url), _signed(url)
    for left in reversed(range(TRIES)):
        try:
            return ask(fs, path)
        except Exception as error:  # the libraries raise many types; none of them may be shown
            said, again = _in_words(error)
        if not (again and left):
            raise said
        time.sleep(random.uniform(0, PAUSE * 2 ** (TRIES - 1 - left)))


def _in_words(error: Exception) -> tuple[OSError, bool]:
    """What a library said, as an OSError without its words, and whether it may pass."""
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        return _in_words(error.__cause__)  # fsspec says so of whatever went wrong with a web server
    kind, status = type(error).__name__, _status(error)
    if status == 416 or "InvalidRange" in kind:
        return _PastTheEnd(errno.EIO, "it ends before"), False
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return FileNotFoundError(errno.ENOENT, "the file is missing"), False
    if isinstance(error, PermissionError) or status in (401, 403):
        said = "access was refused; check the credentials in the environment"
        return PermissionError(errno.EACCES, said), False
    if "Credential" in kind or "Credential" in type(error.__cause__).__name__:
        return PermissionError(errno.EACCES, "no credentials were found in the environment"), False
    if _is_private(error):
        said = f"its address is not public; the command line may read it where {PRIVATE}=1 is set"
        return PrivateAddress(errno.EACCES, said), False
    if isinstance(error, ValueError) and "range" in str(error).lower():
        return OSError(errno.EIO, "the server sends no ranges, so no part of it can be read"), False
    if status is not None:
        return OSError(errno.EIO, f"the server answered with the error {status}"), status >= 500 or status == 429
    if isinstance(error, TimeoutError) or "Timeout" in kind:
        return OSError(errno.EIO, "no answer came in time"), True
    return OSError(errno.EIO, f"the connection failed, {kind}"), True


def _status(error: BaseException | None) -> int | None:
    """The number an answer had, of an error of aiohttp, botocore, Azure, Google or what was raised from one."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        for name in ("status", "status_code", "code"):
            if isinstance(status := getattr(error, name, None), int):
                return status
        error = error.__cause__
    return None


def _signed(url: str) -> str:
    """The URL a person was given for this one, with its signature."""
    known = {signed.partition("?")[0]: signed for signed in os.environ.get(SIGNED, "").split()}
    return known.get(url, url)


# -- web servers -----------------------------------------------------------------------------------------------


async def _client(**options: Any) -> Any:
    """The session of the file system of https; proxies of the environment are not used."""
    import aiohttp

    limits = aiohttp.ClientTimeout(total=None, connect=10, sock_read=SECONDS)
    connector = aiohttp.TCPConnector(limit=64, socket_factory=_socket)
    return aiohttp.ClientSession(connector=connector, timeout=limits, **options)


def _socket(address: tuple) -> socket.socket:
    """A socket to connect to this address with, which names were resolved to; none for one that is not public."""
    family, kind, protocol, _, where = address
    if not _is_public(where[0]) and os.environ.get(PRIVATE) != "1":
        raise PrivateAddress(errno.EACCES, "not a public address")
    return socket.socket(family, kind, protocol)


def _is_public(address: str) -> bool:
    at = ipaddress.ip_address(address.partition("%")[0])
    inner = [getattr(at, name, None) for name in ("ipv4_mapped", "sixtofour")]  # an IPv4 address in IPv6 clothes
    return all(each.is_global and not each.is_multicast for each in (at, *filter(None, inner)))


def _is_private(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, PrivateAddress) or isinstance(getattr(error, "os_error", None), PrivateAddress):
            return True
        error = error.__cause__
    return False
