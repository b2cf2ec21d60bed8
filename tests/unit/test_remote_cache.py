"""Originals that stay on this machine: fetched once, bounded, and never those of another state."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from curation.data.remote import cache
from curation.data.remote.kept import kept
from curation.data.remote.location import Remote
from tests.remote_sets import pets, ran, read_items, shard


@pytest.fixture
def kept_here(tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "BLOCK", 1000)
    return lambda: sorted(file for file in (tmp_path / "cache").rglob("*") if file.is_file() and file.name != ".lock")


def test_what_is_kept_is_fetched_once_and_changes_no_key(bucket, kept_here, tmp_path):
    pets(bucket, 10)
    bucket.put("shards/a.tar", shard(range(10), side=32))
    for source in ({"use": "folder", "path": "s3://winnow/pets"}, {"use": "webdataset", "path": "s3://winnow/shards"}):
        there = tmp_path / source["use"]
        first = ran(there, {**source, "cache": True})
        assert kept_here()
        items, shown = read_items(there), bucket.requests.copy()
        found = [np.asarray(items.image(row)).tobytes() for row in range(10)]
        assert not [asked for asked in bucket.requests - shown if asked.startswith("GET ")]
        again = ran(there, source)
        assert [step["key"] for step in first.steps] == [step["key"] for step in again.steps]
        assert again.steps[0]["cached"]
        items, shown = read_items(there), bucket.requests.copy()
        assert [np.asarray(items.image(row)).tobytes() for row in range(10)] == found
        assert [asked for asked in bucket.requests - shown if asked.startswith("GET ")]


def test_a_block_that_is_damaged_short_or_of_another_state_of_the_object_is_fetched_anew(bucket, kept_here):
    data = np.random.default_rng(0).integers(0, 256, 3500, dtype=np.uint8).tobytes()
    bucket.put("a.bin", data)
    where = kept(Remote("s3://winnow/a.bin"), True)
    assert where.read_range(900, 1200) == data[900:2100]
    assert [file.stat().st_size for file in kept_here()] == [1016] * 3
    damaged, short, *_ = kept_here()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    short.write_bytes(short.read_bytes()[:500])
    bucket.requests.clear()
    with ThreadPoolExecutor(8) as pool:  # in any order, and in several at once
        parts = list(pool.map(lambda at: where.read_range(at, 1500), range(0, 3600, 100)))
    assert parts == [data[at : at + 1500] for at in range(0, 3600, 100)]
    assert bucket.requests["GET a.bin"] > 0
    bucket.requests.clear()
    assert where.read_bytes() == data
    assert bucket.requests["GET a.bin"] == 0
    bucket.put("a.bin", data[::-1])
    cache.forget()
    assert where.read_bytes() == data[::-1]


def test_an_object_that_changes_while_it_is_fetched_is_not_kept(bucket, kept_here):
    bucket.put("a.bin", b"old" * 1000)
    where = kept(Remote("s3://winnow/a.bin"), True)
    where.read_range(0, 10)
    bucket.put("a.bin", b"new" * 1000)
    before = kept_here()
    assert where.read_range(1500, 6) == b"newnew"
    assert kept_here() == before


def test_what_was_not_used_for_longest_goes_first_where_there_is_too_much(bucket, kept_here, monkeypatch):
    for name in "abcdef":
        bucket.put(name, name.encode() * 3000)
    monkeypatch.setenv("WINNOW_CACHE_GB", "1.4e-5")  # 14 kB, where a block takes 1
    for at, name in enumerate("abcda"):
        kept(Remote(f"s3://winnow/{name}"), True).read_range(0, 3000)
        for file in kept_here():  # a clock ticks slower than a test
            os.utime(file, (at, min(file.stat().st_mtime, at)))
    for name in "ef":
        kept(Remote(f"s3://winnow/{name}"), True).read_range(0, 3000)
    assert sum(file.stat().st_size for file in kept_here()) <= 14_000
    there = {file.read_bytes()[-1:].decode() for file in kept_here()}
    assert there >= {"a", "e", "f"}
    assert "b" not in there
