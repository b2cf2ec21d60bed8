"""Runs on a Ray cluster: the same bytes as without, and what is said before anything starts."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

from curation.engine.plan import plan
from curation.engine.recipe import Engine, parse_recipe
from curation.errors import RecipeError
from tests.clusters import ENV, ROOT, bytes_of, started, when


def test_two_ray_workers_give_the_same_bytes_though_the_run_is_killed_and_then_a_worker(place, alone, nodes):
    engine = ("--engine", f"ray:{nodes.address}")
    going = started(place, "two", *engine)
    when(lambda: list((place / "two" / "prune").glob("[!.]*")))
    os.killpg(going.pid, signal.SIGKILL)
    going.wait()
    before = {path: path.stat().st_mtime_ns for path in (place / "two").glob("[!.]*/*/card.json")}
    assert before
    going = started(place, "two", *engine)
    when(nodes.workers)[0].kill()
    assert going.wait() == 0
    assert bytes_of(place, "two") == alone
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())  # nothing was done twice


JOINING = """
import json, sys, time
import ray
from curation.engine.workers.cluster import Cluster
from curation.errors import InputError
version, *addresses = sys.argv[1:]
ray.__version__ = version or ray.__version__
for address in addresses:
    began = time.monotonic()
    try:
        Cluster(address, None, 0.0, [], Path("logs/run.log"))
    except InputError as error:
        print(json.dumps([str(error), time.monotonic() - began]))
"""


def joining(nodes, *arguments: str, **env: str) -> subprocess.Popen:
    """A process of its own that tries to join a cluster, as Ray tries on when nobody listens any more."""
    command = [sys.executable, "-c", JOINING, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env={**ENV, **env}, stdout=subprocess.PIPE, text=True)


def test_a_cluster_that_cannot_be_joined_is_said_in_one_sentence_within_ten_seconds(nodes):
    with socket.socket() as other:  # it takes the connection and never says a word
        other.bind(("127.0.0.1", 0))
        other.listen()
        silent = f"127.0.0.1:{other.getsockname()[1]}"
        tries = [
            joining(nodes, "2.99.0", nodes.address),
            joining(nodes, "", nodes.address, RAY_AUTH_TOKEN="f" * 64),
            joining(nodes, "", "the big one", "127.0.0.1:1", silent),
        ]
        said = [[json.loads(line) for line in process.communicate()[0].splitlines()] for process in tries]
    ((version, _),), ((token, _),), ((no_address, _), (nobody, _), (silence, _)) = said
    assert re.match(r"\[engine\] address = \S+: Version mismatch: .* Ray: 2\.99\.0", version)
    assert "no Ray cluster answers there, or it refuses your token" in token
    assert "f" * 64 not in token
    assert "expected host:port" in no_address
    assert "no Ray cluster answers there" in nobody
    assert "no Ray cluster answers there" in silence
    assert all("\n" not in sentence and seconds < 10 for answers in said for sentence, seconds in answers)


def test_the_engine_is_part_of_no_key_and_read_strictly():
    raw = {"source": {"use": "sample"}, "encode": {"use": "pixels"}}
    with tempfile.TemporaryDirectory() as folder:
        keys = [
            [step.key for step in plan(parse_recipe(raw | more), folder).steps]
            for more in ({}, {"engine": {"use": "ray", "address": "10.0.0.1:6379", "workers": 8}})
        ]
    assert keys[0] == keys[1]
    again = parse_recipe(raw | {"engine": {"use": "processes", "workers": 3}})
    assert 'use = "processes"\nworkers = 3' in again.toml()
    assert Engine.parse("ray:[::1]:6379").address == "[::1]:6379"
    for wrong in ({"use": "spark"}, {"use": "ray", "workers": 0}, {"use": "local", "address": "a:1"}, {"host": "a"}):
        with pytest.raises(RecipeError, match=r"^\[engine\]"):
            parse_recipe(raw | {"engine": wrong})
