"""What dies on a Ray cluster: its workers, its machines and its head node."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import psutil
import pytest

from curation.engine.workers.base import in_order
from curation.errors import RunError, SourceError
from tests import away
from tests.clusters import ENV, TOKEN, started, when


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


def test_when_the_head_node_dies_the_run_fails_in_one_sentence_and_keeps_what_is_finished(place):
    env = {name: value for name, value in ENV.items() if name not in TOKEN} | {"HOME": str(place / "home")}
    engine = '[engine]\nuse = "ray"\nworkers = 1'  # on a cluster that is started for the run
    going = started(place, "headless", engine=engine, env=env, stderr=subprocess.PIPE)
    kept = when(lambda: list((place / "headless" / "prune").glob("[!.]*/card.json")))
    (head,) = [child for child in psutil.Process(going.pid).children(recursive=True) if child.name() == "gcs_server"]
    head.kill()
    said = going.communicate()[1]
    assert going.returncode == 1
    assert re.search(r"^.*the Ray cluster is lost: its head node has not answered for 30 s; .* is kept.*$", said, re.M)
    assert "Traceback" not in said
    assert all(card.exists() for card in kept)
    assert not (place / "home" / ".ray").exists()  # a token there would change what `ray start` does
