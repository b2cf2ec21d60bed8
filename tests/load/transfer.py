"""Send a large file in by the app's upload route and take it out by its download route; how much memory that takes.

python -m tests.load.transfer [MEGABYTES]
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil

TOKEN = "0123456789abcdef" * 2
BLOCK = os.urandom(1_000_000)


def measure(url: str, home: Path, megabytes: int) -> dict:
    """url: the app's. home: its WINNOW_HOME. Memory is the server's peak above what it had before, in MB."""
    server = server_of(url)
    netloc = urlsplit(url).netloc
    with peak(server) as into:
        connection = http.client.HTTPConnection(netloc, timeout=300)
        headers = {"X-Winnow": "upload", "Content-Length": str(megabytes * len(BLOCK))}
        body = (BLOCK for _ in range(megabytes))
        connection.request("PUT", f"/winnow/upload/{TOKEN}/a1/big.tar", body, headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (201, {"bytes": megabytes * len(BLOCK)})
        connection.close()
    stored = home / ".uploads" / TOKEN / "a1" / "big.tar"
    assert stored.stat().st_size == megabytes * len(BLOCK)

    folder = home / "transfer" / "export" / "k1"
    folder.mkdir(parents=True)
    (home / "transfer" / "winnow.json").write_text('{"format": 1}')
    (folder / "card.json").write_text(json.dumps({"exports": [str(stored)]}))
    size = 0
    with peak(server) as out:
        connection = http.client.HTTPConnection(netloc, timeout=300)
        connection.request("GET", "/winnow/download/transfer/k1/0")
        answer = connection.getresponse()
        while part := answer.read(1_000_000):
            assert part == BLOCK or size + len(part) >= megabytes * len(BLOCK) or len(part) < len(BLOCK)
            size += len(part)
        connection.close()
    assert size == megabytes * len(BLOCK)
    stored.unlink()
    shutil.rmtree(home / "transfer")
    return {"MB": megabytes, "upload": into, "download": out}


@contextlib.contextmanager
def peak(process: psutil.Process) -> Iterator[dict]:
    """What a process takes while the block runs: `extra_mb` above the start at its peak, and `seconds`."""
    before, found, done = process.memory_info().rss, {}, threading.Event()
    highest = [before]

    def watch() -> None:
        while not done.wait(0.02):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    try:
        yield found
    finally:
        done.set()
        watcher.join()
        found.update(extra_mb=round((highest[0] - before) / 1e6, 1), seconds=round(time.perf_counter() - started, 2))


def server_of(url: str) -> psutil.Process:
    """The process that listens where `url` points."""
    port = urlsplit(url).port
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port]
    return psutil.Process(listening[0].pid)


def main(megabytes: int) -> dict:
    from tests.app.browser import app

    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="load-"))
        url = stack.enter_context(app(env={"WINNOW_HOME": home, "WINNOW_ROOTS": home}))
        return measure(url, Path(home), megabytes)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)))
