"""Runs on processes and on a Ray cluster: the same bytes as without, whatever dies on the way.

The cluster is a real one, two nodes of one processor each on this machine, started by `ray start` for this file.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from curation.data.parts import here
from curation.engine.compute import Call, compute
from curation.engine.plan import plan
from curation.engine.recipe import Engine, parse_recipe
from curation.engine.results_reader import ResultReader
from curation.engine.run import run
from curation.engine.workers import cluster as ray_workers
from curation.engine.workers.base import in_order
from curation.engine.workers.cluster import Cluster
from curation.engine.workers.processes import Processes
from curation.engine.workers.spread import ByWorkers
from curation.errors import InputError, RecipeError, RunError, SourceError
from curation.training.embedding_store import EmbeddingStore
from tests import away

ROOT = Path(__file__).resolve().parents[2]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # of our cluster; nobody else gets in
ENV = {**os.environ, **TOKEN, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
RECIPE = """{engine}
[source]
use = "arrays"
path = "blobs.npz"
[encode]
use = "precomputed"
[[score]]
use = "margin"
[[prune]]
use = "by_score"
by = "margin"
keep = 0.5
[verify]
use = "logistic"
seeds = 2
keeps = [0.3, 0.5]
[schedule]
use = "rs2"
keeps = [0.5]
seeds = 1
epochs = 2
[grow]
use = "margin"
batch = 20
[grow.simulate]
start = 20
rounds = 2
seeds = 1
[[export]]
use = "csv"
path = "{name}.csv"
"""


# -- a place to run in -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, where recipes name it by a relative path."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 3
    features = (np.eye(3, 8)[labels] * 2 + rng.normal(size=(600, 8))).astype(np.float32)
    np.savez(folder / "blobs.npz", features=features, labels=np.array(["ant", "bee", "cow"])[labels])
    return folder


@pytest.fixture(scope="module")
def alone(place):
    """What a run gives that does everything itself."""
    assert started(place, "alone").wait() == 0
    return bytes_of(place, "alone")


def started(place: Path, name: str, *options: str, engine: str = "", env: dict | None = None) -> subprocess.Popen:
    """The command line at work in a workspace of this name."""
    (place / f"{name}.toml").write_text(RECIPE.format(name=name, engine=engine))
    command = [sys.executable, "-P", "-m", "curation", "run", f"{name}.toml", "-w", name, *options]
    return subprocess.Popen(command, cwd=place, env=env or ENV, start_new_session=True)


def bytes_of(place: Path, name: str) -> dict[str, object]:
    """Every array of a workspace and the export, by their hashes, and every card, but for the clock."""
    results = place / name
    found = {str(path.relative_to(results)): hashed(path) for path in results.glob("[!.]*/*/*.npy")}
    for path in results.glob("[!.]*/*/card.json"):
        if path.parts[-3] != "export":  # where it was written to is part of it
            found[str(path.relative_to(results))] = untimed(json.loads(path.read_text()))
    return found | {"export": hashed(place / f"{name}.csv")}


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def untimed(value: object) -> object:
    if isinstance(value, dict):
        return {key: untimed(kept) for key, kept in value.items() if "seconds" not in key and key != "created"}
    return [untimed(one) for one in value] if isinstance(value, list) else value


def when(condition: Callable[[], object], seconds: float = 60) -> object:
    """Wait for something to become true; what it became."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)
    return found


# -- processes -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processes():
    workers = Processes(2)
    yield workers
    workers.close()
    assert not any(process.poll() is None for process in workers._all)


def test_answers_come_in_the_order_of_the_parts_and_not_of_their_ends(processes):
    parts = [(number, 0.2 if number == 0 else 0.0) for number in range(10)]
    assert list(in_order(processes, away.square, parts)) == [number * number for number in range(10)]


def test_a_few_parts_only_are_handed_out_at_a_time(processes):
    taken = []
    answers = in_order(processes, away.square, ((taken.append(n) or n,) for n in range(100)))
    assert next(answers) == 0
    assert len(taken) == 4
    answers.close()


def test_an_error_on_a_worker_is_the_error_here_in_one_sentence(processes):
    with pytest.raises(SourceError, match=r"^cat\.png cannot be read$"):
        processes.submit(away.refuse, "cat.png").result()
    with pytest.raises(RunError, match=r"^ZeroDivisionError: division by zero$"):
        processes.submit(away.break_down).result()


def test_what_a_killed_process_was_at_is_done_by_another_and_what_kills_them_all_is_said(processes, tmp_path):
    assert processes.submit(away.die_once, str(tmp_path)).result() == "done"
    with pytest.raises(RunError, match=r"4 processes died of it, the last with code -9"):
        processes.submit(away.die).result()
    assert processes.submit(away.square, 3).result() == 9


@pytest.mark.parametrize("encoder", [{"use": "pixels", "size": 4}, {"use": "lsa", "dim": 4}], ids=["images", "texts"])
def test_what_workers_encode_are_the_bytes_that_are_encoded_here(processes, tmp_path, monkeypatch, encoder):
    if encoder["use"] == "pixels":
        stack = np.random.default_rng(0).integers(0, 255, (90, 8, 8, 3), dtype=np.uint8)
        np.savez(tmp_path / "d.npz", images=stack, labels=np.arange(90) % 2)
        source = {"use": "arrays", "path": str(tmp_path / "d.npz")}
    else:
        rows = [f"my card number {n % 7} was {word},{word}" for n in range(30) for word in ("lost", "paid", "new")]
        (tmp_path / "d.csv").write_text("\n".join(["text,label", *rows]))
        source = {"use": "table", "path": str(tmp_path / "d.csv"), "text": "text", "label": "label"}
    recipe = parse_recipe({"source": source, "encode": encoder})
    for store in ("embed", "embed_texts"):  # in shards of a few rows
        module = importlib.import_module(f"curation.training.{store}")
        monkeypatch.setattr(module, "EmbeddingStore", small_shards)
    files = []
    for name, workers in (("here", None), ("there", processes)):
        run(recipe, tmp_path / name, targets=["source"], device="cpu")
        made = plan(recipe, tmp_path / name)
        step, source = made.find("encode"), made.find("source")
        store = ResultReader(made.workspace, source.key, made.effective)
        spread = here if workers is None else ByWorkers(workers, tmp_path / "parts", "cpu", keep=False)
        compute(step, made.workspace, store, Call(step, "cpu", spread=spread))
        folder = made.workspace.path("encode", step.key)
        files.append({path.name: path.read_bytes() for path in folder.iterdir() if path.name != "card.json"})
    assert len(files[0]) >= 2
    assert files[0] == files[1]


def small_shards(folder: Path, shape: tuple[int, int], dtype: str, shard: int, name: str = "embeddings"):
    return EmbeddingStore(folder, shape, dtype, 16, name)


def test_a_run_on_processes_gives_the_same_bytes_though_one_is_killed(place, alone):
    going = started(place, "processes", "--engine", "processes")
    when(lambda: list((place / "processes" / "prune").glob("[!.]*")))
    own = [
        child
        for child in psutil.Process(going.pid).children()
        if "curation.engine.workers.processes" in child.cmdline()
    ]
    own[0].kill()
    assert going.wait() == 0
    assert bytes_of(place, "processes") == alone


# -- a cluster -------------------------------------------------------------------------------------------------------


class Nodes:
    """A cluster of our own: `ray start`, once for each node. Ended by what its processes name, nothing else is."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="wr", dir="/tmp")  # short: sockets live below it
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        head = ("--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false")
        try:
            self._start(*head, f"--temp-dir={self.folder}")
            self.add()
        except BaseException:
            self.stop()
            raise

    def add(self) -> list[psutil.Process]:
        """Another node with one processor; its raylets, the first of whom is the node."""
        before = self._raylets()
        self._start(f"--address={self.address}")
        return [raylet for raylet in self._raylets() if raylet not in before]

    def workers(self) -> list[psutil.Process]:
        """Processes of Ray that are at a task."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [""])[0] == "ray::_there"
        ]

    def stop(self) -> None:
        for _ in range(2):  # what one of them started in between
            for process in psutil.process_iter(["cmdline"]):
                if any(self.folder in part for part in process.info["cmdline"] or ()):
                    with contextlib.suppress(psutil.Error):
                        process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _raylets(self) -> list[psutil.Process]:
        processes = psutil.process_iter(["name", "cmdline"])
        return [
            p
            for p in processes
            if p.info["name"] == "raylet" and any(self.folder in part for part in p.info["cmdline"])
        ]

    def _start(self, *options: str) -> None:
        ray = Path(sys.executable).with_name("ray")
        # Without the monitor of memory, which looks at what everybody takes, tests of others included.
        env = {**ENV, "RAY_memory_monitor_refresh_ms": "0"}
        command = [ray, "start", "--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats", *options]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TOKEN.items():
            patch.setenv(name, value)
        made = Nodes()
        yield made
        made.stop()


@pytest.fixture
def cluster(nodes, tmp_path) -> Iterator[Cluster]:
    workers = joined(nodes, tmp_path)
    yield workers
    workers.close()


def joined(nodes: Nodes, folder: Path, *folders: Path) -> Cluster:
    mark = folder / "logs" / "run.log"
    mark.parent.mkdir(exist_ok=True)
    mark.write_text("")
    return Cluster(nodes.address, None, 0.0, folders, mark)


def test_one_worker_of_a_cluster_that_is_started_for_the_run_gives_the_same_bytes(place, alone):
    env = {name: value for name, value in ENV.items() if name not in TOKEN} | {"HOME": str(place / "home")}
    going = started(place, "one", engine='[engine]\nuse = "ray"\nworkers = 1', env=env)
    assert going.wait() == 0
    assert bytes_of(place, "one") == alone
    assert not (place / "home" / ".ray").exists()  # a token there would change what `ray start` does


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


def test_a_machine_that_joins_later_is_given_work_and_when_it_dies_another_does_it(nodes, cluster, tmp_path):
    assert cluster.count == 2
    third = nodes.add()
    when(lambda: cluster.count == 3)
    waiting = [cluster.submit(away.stay, str(tmp_path), f"part {number}", 2.0) for number in range(3)]
    begun = when(lambda: len(found := [*tmp_path.glob("part*")]) == 3 and found)
    on_third = {child.pid for raylet in third for child in raylet.children(recursive=True)}
    lost = [path.stem for path in begun if int(path.suffix[1:]) in on_third]
    assert len(lost) == 1
    for raylet in third:
        for process in [*raylet.children(recursive=True), raylet]:
            process.kill()
    assert [future.result(timeout=60) for future in waiting] == ["part 0", "part 1", "part 2"]
    assert len([*tmp_path.glob(f"{lost[0]}.*")]) == 2


def test_errors_and_dead_workers_of_a_cluster_are_said_in_one_sentence(cluster, tmp_path):
    with pytest.raises(SourceError, match=r"^cat\.png cannot be read$"):
        cluster.submit(away.refuse, "cat.png").result(timeout=60)
    assert cluster.submit(away.die_once, str(tmp_path)).result(timeout=60) == "done"
    with pytest.raises(RunError, match=r"^4 workers of the cluster died of it, the last by WorkerCrashedError$"):
        cluster.submit(away.die).result(timeout=60)


def test_a_full_object_store_stops_nothing(cluster):
    import ray

    held = [ray.put(np.zeros(20_000_000, np.uint8)) for _ in range(5)]  # more than there is room for
    assert list(in_order(cluster, away.square, [(number,) for number in range(4)])) == [0, 1, 4, 9]
    del held


def test_what_the_machines_lack_is_said_before_anything_starts(nodes, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"the machine \S+ of the cluster cannot read /nowhere/at all"):
        joined(nodes, tmp_path, Path("/nowhere/at all"))
    with pytest.raises(InputError, match=r"\[engine\] gpu = 0.5: no machine of the cluster has a GPU"):
        Cluster(nodes.address, None, 0.5, [], tmp_path / "logs" / "run.log")
    with pytest.raises(InputError, match=r"cannot write to the workspace"):
        Cluster(nodes.address, None, 0.0, [], tmp_path / "logs" / "of another workspace")
    monkeypatch.setattr(ray_workers, "versions", lambda: {"winnow": "0.1.0", "numpy": "1.0"})
    with pytest.raises(InputError, match=r"of the cluster has (winnow|numpy) \S+, this one \S+: install"):
        joined(nodes, tmp_path)


def test_another_version_of_ray_is_named(nodes, tmp_path, monkeypatch):
    import ray

    monkeypatch.setattr(ray, "__version__", "2.99.0")
    with pytest.raises(InputError, match=r"Version mismatch: .* Ray: 2\.99\.0") as said:
        joined(nodes, tmp_path)
    assert "\n" not in str(said.value)


def test_an_address_where_no_cluster_answers_is_said_within_ten_seconds(tmp_path):
    with socket.socket() as other:  # it takes the connection and never says a word
        other.bind(("127.0.0.1", 0))
        other.listen()
        for address in (f"127.0.0.1:{other.getsockname()[1]}", "127.0.0.1:1"):
            began = time.monotonic()
            with pytest.raises(InputError, match=r"no Ray cluster answers there"):
                Cluster(address, None, 0.0, [], tmp_path / "logs" / "run.log")
            assert time.monotonic() - began < 10
    with pytest.raises(InputError, match=r"expected host:port"):
        Cluster("the big one", None, 0.0, [], tmp_path / "logs" / "run.log")


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


def test_a_cluster_that_this_process_belongs_to_is_used_and_stays(nodes, tmp_path):
    import ray

    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    try:
        workers = joined(nodes, tmp_path)
        assert workers.submit(away.square, 5).result(timeout=60) == 25
        workers.close()
        assert ray.is_initialized()
    finally:
        ray.shutdown()
