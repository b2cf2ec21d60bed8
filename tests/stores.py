"""A real S3 server on this machine, whose answers a test can spoil, and a web server of single files."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from curation.data.reading import decoders
from curation.data.remote import listings

KEY, SECRET = "AKIAWINNOW", "s3cr3t-of-the-test"
BUCKET = "winnow"


class Bucket:
    """An S3 bucket served by moto. spoilt: key -> what happens at its next requests, one after another: a number is
    answered as an error, a function is called first. locked: every request is refused as with a wrong key."""

    def __init__(self, backend, url: str):
        self.backend, self.url = backend, url
        self.spoilt: dict[str, list[int | Callable[[], None]]] = {}
        self.locked = False
        self.requests: Counter[str] = Counter()  # method and key -> number
        self.sent = 0  # bytes of objects

    def put(self, key: str, data: bytes) -> None:
        self.backend.put_object(BUCKET, key, data)

    def get(self, key: str) -> bytes:
        return self.backend.get_object(BUCKET, key).value

    def remove(self, key: str) -> None:
        self.backend.delete_object(BUCKET, key)

    def keys(self, prefix: str = "") -> list[str]:
        return sorted(key for key in self.backend.buckets[BUCKET].keys if key.startswith(prefix))

    def _answered(self, app, environ, start_response):
        key = environ["PATH_INFO"].removeprefix(f"/{BUCKET}").lstrip("/")
        self.requests[f"{environ['REQUEST_METHOD']} {key}"] += 1
        if self.locked:
            said = f"<Error><Code>InvalidAccessKeyId</Code><Message>{SECRET} is unknown</Message></Error>".encode()
            start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(said)))])
            return [said] if environ["REQUEST_METHOD"] != "HEAD" else []
        for at, what in enumerate(waiting := self.spoilt.get(key, [])):
            if not callable(what):
                del waiting[at]
                start_response(f"{what} Spoilt", [("Content-Length", "0")])
                return [b""]
            what()
        parts = list(app(environ, start_response))
        self.sent += sum(map(len, parts))
        return parts


def _forgotten() -> None:
    """Clients, decoders and listings of before know another environment."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    listings.forget_listings()
    decoders.end_idle()


@contextlib.contextmanager
def s3_bucket() -> Iterator[Bucket]:
    """A bucket, and the environment in which s3:// leads to it."""
    from moto.s3.models import s3_backends
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    app = DomainDispatcherApplication(create_backend_app)
    bucket = Bucket(backend, f"s3://{BUCKET}")
    server = make_server("127.0.0.1", 0, lambda *asked: bucket._answered(app, *asked), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        _forgotten()
        yield bucket
    _forgotten()
    server.shutdown()
    backend.reset()


class Site:
    """A web server of single files: path -> bytes. A path of `moved` leads elsewhere. ranges: whether it knows them."""

    def __init__(self, url: str):
        self.url, self.files, self.moved, self.ranges = url, {}, {}, True
        self.asked: list[str] = []
        self.sent = 0
        self.pause = 0.0


@contextlib.contextmanager
def web_site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self, body: bool = True) -> None:
            site.asked.append(self.path)
            time.sleep(site.pause)
            path = self.path.partition("?")[0]
            data = site.files.get(path)
            if path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[path])
                self.send_header("Content-Length", "0")
                return self.end_headers()
            start, end, asked = 0, len(data or b""), self.headers.get("Range")
            if asked and site.ranges and data is not None:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                start, end = int(first), min(int(last) + 1 if last else end, end)
            part = (data or b"")[start:end]
            self.send_response(404 if data is None else 206 if asked and site.ranges else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if body:
                site.sent += len(part)
                self.wfile.write(part)

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def log_message(self, *said) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
