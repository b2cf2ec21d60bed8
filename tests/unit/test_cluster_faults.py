"""What a Ray cluster lacks, and what dies on it: workers, machines and the head node."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from curation.engine import run as running
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.workers import cluster as ray_workers
from curation.engine.workers.base import in_order
from curation.engine.workers.cluster import Cluster
from curation.errors import InputError, LostError, RunError, SourceError
from tests import away
from tests.clusters import ENV, ROOT, TOKEN, when


def test_a_cluster_that_this_process_belongs_to_is_used_and_stays(cluster, tmp_path):
    import ray

    again = Cluster("", None, 0.0, [], cluster.mark)
    assert again.submit(away.square, 5).result(timeout=60) == 25
    again.close()
    assert ray.is_initialized()


def test_what_the_machines_lack_is_said_before_anything_starts(cluster, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"the machine \S+ of the cluster cannot read /nowhere/at all"):
        Cluster("", None, 0.0, [Path("/nowhere/at all")], cluster.mark)
    with pytest.raises(InputError, match=r"\[engine\] gpu = 0.5: no machine of the cluster has a GPU"):
        Cluster("", None, 0.5, [], cluster.mark)
    with pytest.raises(InputError, match=r"cannot write to the workspace"):
        Cluster("", None, 0.0, [], cluster.mark.with_name("of another workspace"))
    monkeypatch.setattr(ray_workers, "versions", lambda: {"winnow": "0.1.0", "numpy": "1.0"})
    with pytest.raises(InputError, match=r"of the cluster has (winnow|numpy) \S+, this one \S+: install"):
        Cluster("", None, 0.0, [], cluster.mark)


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


HEADLESS = """
import sys
from pathlib import Path
import psutil
from curation.engine.workers.cluster import Cluster
from tests import away
folder = Path(sys.argv[1])
(folder / "logs").mkdir()
(folder / "logs" / "run.log").write_text("")
workers = Cluster("", 1, 0.0, [], folder / "logs" / "run.log")  # a cluster of its own
print(workers.submit(away.square, 3).result())
waiting = workers.submit(away.stay, str(folder), "part", 600.0)
(head,) = [child for child in psutil.Process().children(recursive=True) if child.name() == "gcs_server"]
head.kill()
for future in (waiting, workers.submit(away.square, 4)):
    print(repr(future.exception()))
workers.close()
"""


def test_a_head_node_that_dies_is_said_in_one_sentence(tmp_path):
    env = {name: value for name, value in ENV.items() if name not in TOKEN} | {"HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", HEADLESS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    answer, *lost = done.stdout.splitlines()
    sentence = "the Ray cluster is lost: its head node has not answered for 30 s; start it again, then run again"
    assert answer == "9"
    assert len(lost) == 2
    assert all(said.startswith(f"LostError('{sentence}") for said in lost)
    assert done.returncode == 0
    assert not (tmp_path / "home" / ".ray").exists()  # a token there would change what `ray start` does


class Lost:
    """Workers that are gone."""

    device, count = "cpu", 1

    def submit(self, function, *arguments, device=False):
        gone = Future()
        gone.set_exception(LostError("the cluster is lost"))
        return gone


def test_lost_workers_end_a_run_and_what_was_finished_stays(tmp_path, monkeypatch):
    np.savez(tmp_path / "d.npz", features=np.eye(20, dtype=np.float32), labels=np.arange(20) % 2)
    raw = {"source": {"use": "arrays", "path": str(tmp_path / "d.npz")}, "encode": {"use": "precomputed"}}
    recipe = parse_recipe({**raw, "prune": [{"use": "random", "keep": 0.5}], "verify": {"use": "logistic", "seeds": 1}})
    run(recipe, tmp_path / "w", targets=["prune"], device="cpu")
    monkeypatch.setattr(running, "hired", lambda *_: contextlib.nullcontext(Lost()))
    with pytest.raises(LostError, match=r"^the cluster is lost$"):
        run(recipe, tmp_path / "w", device="cpu")
    assert list((tmp_path / "w" / "prune").glob("[!.]*/card.json"))
    assert not (tmp_path / "w" / "failed").exists()  # no trial has failed
