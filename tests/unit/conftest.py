"""What tests share: a run that does everything itself and one cluster for those of workers; servers for those of data
that lies elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from curation.data.remote import listings, store
from curation.engine.workers.cluster import Cluster
from tests.clusters import TOKEN, Nodes, bytes_of, started
from tests.stores import s3_bucket, web_site


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A folder with data, where recipes name it by a relative path."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 3
    features = (np.eye(3, 8)[labels] * 2 + rng.normal(size=(600, 8))).astype(np.float32)
    np.savez(folder / "blobs.npz", features=features, labels=np.array(["ant", "bee", "cow"])[labels])
    return folder


@pytest.fixture(scope="session")
def alone(place):
    """What a run gives that does everything itself."""
    assert started(place, "alone").wait() == 0
    return bytes_of(place, "alone")


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TOKEN.items():
            patch.setenv(name, value)
        made = Nodes()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def cluster(nodes, tmp_path_factory) -> Iterator[Cluster]:
    """Joined by this process."""
    import ray

    mark = tmp_path_factory.mktemp("shared") / "logs" / "run.log"
    mark.parent.mkdir()
    mark.write_text("")
    workers = Cluster(nodes.address, None, 0.0, [], mark)
    workers.mark = mark
    yield workers
    workers.close()
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def server():
    with s3_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server, monkeypatch):
    monkeypatch.setattr(store, "PAUSE", 0.01)
    listings.forget_listings()
    for key in list(server.keys("")):
        server.remove(key)
    server.spoilt, server.locked, server.sent = {}, False, 0
    server.requests.clear()
    return server


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(store, "PAUSE", 0.01)
    with web_site() as site:
        yield site


@pytest.fixture
def inside(monkeypatch):
    """Servers of this machine may be read."""
    monkeypatch.setenv(store.PRIVATE, "1")
