"""Workers that are tasks on a Ray cluster. Only core tasks: functions and JSON go out, JSON comes back.

A cluster that runs already is joined and left as it was; without an address one is started on this machine and ended
again. Ray tries a task again whose worker or machine died. Results are files in the workspace, which every machine has
to see at the same path, as it has to see the data; that is asked of each machine before anything starts, and of every
process before its first task, so that a machine that joins later is held to it too.

Of a head node that dies Ray says nothing: its calls block, and after a minute it ends this process. So one thread asks
how the cluster is, and nobody else waits for that answer.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from curation import packages
from curation.engine.compute import versions
from curation.engine.workers.base import ATTEMPTS, carried_out, name_of, opened
from curation.engine.workers.processes import environment
from curation.errors import InputError, LostError, RunError, UnavailableError

ANSWERS = 8  # seconds within which a cluster answers
ASKS, SILENT = 2.0, 30.0  # seconds between questions how the cluster is, and without an answer until it is given up
LOOKS = 120  # seconds within which every machine has looked at the folders
STORE = 200 * 10**6  # bytes of the object store of a cluster of our own; nothing large goes through it
NOBODY = (
    "[engine] address = {!r}: no Ray cluster answers there, or it refuses your token; start one with "
    "`ray start --head`, and where it has a token, put that into RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token"
)


class Cluster:
    """Tasks of Ray, `count` at a time at most; by default as many as the cluster has processors for.

    address: "host:port" of the head node, "auto" for the cluster this machine belongs to, "" to start one here.
    gpu: the share of a GPU that a task is given which uses one; with 0 all computes on processors.
    folders: what every machine must be able to read. mark: a file of the workspace that no other folder has.

    Raises InputError, before anything is started, for an address where no cluster answers, for another version of
    Python or a package on a machine, and for a folder that a machine cannot read.
    """

    def __init__(self, address: str, count: int | None, gpu: float, folders: Sequence[Path], mark: Path):
        if lacking := packages.missing(["ray"]):
            raise UnavailableError(packages.needs("[engine] ray", lacking))
        self.wanted, self.gpu, self.environment = count, gpu, environment()
        self.device = "cuda" if gpu else "cpu"
        self.threads = int(self.environment["OMP_NUM_THREADS"].partition(",")[0])
        self._tasks: dict[Any, Future] = {}
        self._lock, self._closed, self._lost = threading.Lock(), threading.Event(), ""
        self.joined = _join(address, count)
        expected = {"versions": versions(), "folders": [str(path.absolute()) for path in folders]}
        mark = mark.absolute()
        here = {**expected, "folder": str(Path.cwd()), "mark": str(mark), "workspace": str(mark.parents[1])}
        self._here = json.dumps(here)
        try:
            self._there, self._room = _remote(_there, self.environment), self._has_room()
            self._look()
            threading.Thread(target=self._watch, daemon=True).start()
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        return max(1, min(self._room, self.wanted or self._room))

    def submit(self, function: Callable[..., Any], *arguments: Any, device: bool = False) -> Future:
        future: Future = Future()
        needs = {"num_cpus": self.threads, "num_gpus": self.gpu if device else 0, "max_retries": ATTEMPTS - 1}
        ref = self._there.options(**needs).remote(self._here, name_of(function), json.dumps(arguments))
        with self._lock:
            if self._lost:
                future.set_exception(LostError(self._lost))
                return future
            self._tasks[ref] = future

        def settle(raw: Future) -> None:
            with self._lock:
                if self._tasks.pop(ref, None) is None:
                    return  # it was given up
            try:
                future.set_result(opened(raw.result()))
            except Exception as error:
                future.set_exception(_of_ray(error))

        ref.future().add_done_callback(settle)
        return future

    def close(self) -> None:
        """Stop the tasks that are at work and leave the cluster, which goes on."""
        import ray

        self._closed.set()
        with self._lock:
            tasks = [*self._tasks]
        for task in tasks:
            with contextlib.suppress(Exception):  # it has ended, or its machine has
                ray.cancel(task, force=True)
        if self.joined:
            ray.shutdown()

    def _watch(self) -> None:
        """Keep `count` true; when nobody answers any more, give up all that is waited for."""
        while not self._closed.wait(ASKS):
            try:
                self._room = _in_time(self._has_room, SILENT)
            except Exception as error:  # of many kinds, all of which end it
                self._give_up(error)
                return

    def _has_room(self) -> int:
        """Functions for which the cluster has processors. Raises RunError where this machine is no part of it."""
        import ray

        own = ray.get_runtime_context().get_node_id()
        if not any(node["Alive"] and node["NodeID"] == own for node in ray.nodes()):
            raise RunError("this machine is no longer part of it")
        return int(ray.cluster_resources().get("CPU", 0) // self.threads)

    def _give_up(self, error: Exception) -> None:
        silent = isinstance(error, TimeoutError)
        why = f"its head node has not answered for {SILENT:g} s" if silent else _of_ray(error)
        with self._lock:
            self._lost = f"the Ray cluster is lost: {why}; start it again, then run again: what was finished is kept"
            waited_for, self._tasks = [*self._tasks.values()], {}
        for future in waited_for:
            future.set_exception(LostError(self._lost))

    def _look(self) -> None:
        """Ask every machine whether it has what this one has. Raises InputError naming the first that does not."""
        import ray
        from ray.exceptions import NodeDiedError, TaskUnschedulableError
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if self.gpu > ray.cluster_resources().get("GPU", 0):
            raise InputError(f"[engine] gpu = {self.gpu:g}: no machine of the cluster has a GPU; take it out")
        asked, look = {}, _remote(misfit, self.environment)
        for node in ray.nodes():
            if node["Alive"]:
                on_it = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                task = look.options(num_cpus=0, max_retries=0, scheduling_strategy=on_it)
                asked[task.remote(self._here)] = node["NodeManagerHostname"]
        for answer, host in asked.items():
            try:
                amiss = ray.get(answer, timeout=LOOKS)
            except (NodeDiedError, TaskUnschedulableError):
                continue  # it has just left the cluster
            except Exception as error:
                amiss = f"the machine {host} of the cluster cannot run Winnow: {_of_ray(error)}"
            if amiss:
                raise InputError(amiss)


# -- on the machines of the cluster ----------------------------------------------------------------------------


def _there(here: str, name: str, arguments: str) -> str:
    """What a task does: stand where the run stands, so that relative paths mean the same, and call the function."""
    if amiss := misfit(here):
        return json.dumps({"kind": "InputError", "said": amiss, "trace": amiss})
    os.chdir(json.loads(here)["folder"])
    return carried_out(name, arguments)


def misfit(here: str) -> str:
    """Why this machine cannot work for a run, in one sentence; "" when it can."""
    asked, host, own = json.loads(here), socket.gethostname(), versions()
    for package, version in asked["versions"].items():
        if own.get(package) != version:
            return (
                f"the machine {host} of the cluster has {package} {own.get(package, 'not at all')}, "
                f"this one {version}: install the same version on all of them"
            )
    for folder in (*asked["folders"], asked["folder"]):
        if not os.access(folder, os.R_OK):
            return (
                f"the machine {host} of the cluster cannot read {folder}: "
                "put it where every machine sees it at the same path"
            )
    if not Path(asked["mark"]).exists() or not os.access(asked["workspace"], os.W_OK):
        return (
            f"the machine {host} of the cluster cannot write to the workspace {asked['workspace']}: "
            "put it into a folder that all machines share"
        )
    return ""


# -- joining -----------------------------------------------------------------------------------------------------


def _remote(function: Callable, variables: dict[str, str]) -> Any:
    import ray

    return ray.remote(runtime_env={"env_vars": variables})(function)


def _in_time(ask: Callable[[], Any], seconds: float) -> Any:
    """What `ask` answers, in a thread that nobody waits for any longer. Raises TimeoutError."""
    answer: Future = Future()

    def asking() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=asking, daemon=True).start()
    return answer.result(seconds)


def _join(address: str, count: int | None) -> bool:
    """Whether a cluster was joined, or started: not when this process belongs to one already, which is then used."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return False
    # Else Ray prints here whatever workers print.
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": f"winnow-{uuid.uuid4().hex[:12]}"}
    if not address:  # one of our own, which no other machine reaches; it ends with this thread, so not in one as below
        # Else Ray makes up a token itself and leaves it in the home folder, where it changes what `ray start` does.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        own = {"include_dashboard": False, "object_store_memory": STORE, "_node_ip_address": "127.0.0.1"}
        ray.init("local", num_cpus=count, **own, **quiet)
        return True
    if address != "auto":
        _reach(address)
    try:
        # Where no cluster answers, Ray itself goes on trying for two minutes.
        _in_time(lambda: ray.init(address, **quiet), ANSWERS)
    except TimeoutError:
        raise InputError(NOBODY.format(address)) from None
    except Exception as error:
        raise InputError(f"[engine] address = {address!r}: {_of_ray(error)}") from error
    return True


def _reach(address: str) -> None:
    """Raise InputError for what is no address, or where nothing answers at all."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(
            f"[engine] address = {address!r}: expected host:port of the head node, such as 10.0.0.1:6379, or auto"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS / 2).close()
    except (OSError, OverflowError):
        raise InputError(NOBODY.format(address)) from None


def _of_ray(error: Exception) -> Exception:
    """An error of Ray's as one sentence; others as they are."""
    from ray import exceptions

    if isinstance(error, exceptions.WorkerCrashedError | exceptions.OutOfMemoryError | exceptions.NodeDiedError):
        return RunError(f"{ATTEMPTS} workers of the cluster died of it, the last by {type(error).__name__}")
    if isinstance(error, exceptions.GetTimeoutError):
        return RunError(f"no answer within {LOOKS} s")
    if isinstance(error, RunError | InputError):
        return error
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines and lines[0].startswith("Version mismatch"):
        return RunError(" ".join(lines))
    return RunError(f"{type(error).__name__}: {lines[-1] if lines else ''}")
