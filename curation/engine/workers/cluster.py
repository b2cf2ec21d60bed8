"""Workers that are tasks on a Ray cluster. Only core tasks: functions and JSON go out, JSON comes back.

A cluster that runs already is joined and left as it was; without an address one is started on this machine and ended
again. Ray tries a task again whose worker or machine died. Results are files in the workspace, which every machine has
to see at the same path, as it has to see the data; that is asked of each machine before anything starts, and of every
process before its first task, so that a machine that joins later is held to it too.
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
from curation.errors import InputError, RunError, UnavailableError

ANSWERS = 8  # seconds within which a cluster answers
LOOKS = 120  # seconds within which every machine has looked at the folders
STORE = 200 * 10**6  # bytes of the object store of a cluster of our own; nothing large goes through it
NOBODY = (
    "[engine] address = {!r}: no Ray cluster answers there; start one with `ray start --head`, and where it has a "
    "token, put that into RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token"
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
        self._tasks: set[Any] = set()
        self._lock = threading.Lock()
        self.joined = _join(address, count)
        expected = {"versions": versions(), "folders": [str(path.absolute()) for path in folders]}
        mark = mark.absolute()
        here = {**expected, "folder": str(Path.cwd()), "mark": str(mark), "workspace": str(mark.parents[1])}
        self._here = json.dumps(here)
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        import ray

        room = int(ray.cluster_resources().get("CPU", 0) // self.threads)
        return max(1, min(room, self.wanted or room))

    def submit(self, function: Callable[..., Any], *arguments: Any, device: bool = False) -> Future:
        task = self._task(_there, num_cpus=self.threads, num_gpus=self.gpu if device else 0, max_retries=ATTEMPTS - 1)
        future, ref = Future(), task.remote(self._here, name_of(function), json.dumps(arguments))
        with self._lock:
            self._tasks.add(ref)

        def settle(raw: Future) -> None:
            with self._lock:
                self._tasks.discard(ref)
            try:
                future.set_result(opened(raw.result()))
            except Exception as error:
                future.set_exception(_of_ray(error))

        ref.future().add_done_callback(settle)
        return future

    def close(self) -> None:
        """Stop the tasks that are at work and leave the cluster, which goes on."""
        import ray

        with self._lock:
            tasks = [*self._tasks]
        for task in tasks:
            with contextlib.suppress(Exception):  # it has ended, or its machine has
                ray.cancel(task, force=True)
        if self.joined:
            ray.shutdown()

    def _task(self, function: Callable, **options: Any) -> Any:
        import ray

        return ray.remote(function).options(runtime_env={"env_vars": self.environment}, **options)

    def _look(self) -> None:
        """Ask every machine whether it has what this one has. Raises InputError naming the first that does not."""
        import ray
        from ray.exceptions import NodeDiedError, TaskUnschedulableError
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if self.gpu > ray.cluster_resources().get("GPU", 0):
            raise InputError(f"[engine] gpu = {self.gpu:g}: no machine of the cluster has a GPU; take it out")
        asked = {}
        for node in ray.nodes():
            if node["Alive"]:
                on_it = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                task = self._task(misfit, num_cpus=0, max_retries=0, scheduling_strategy=on_it)
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
    begun: Future = Future()

    def begin() -> None:
        try:
            begun.set_result(ray.init(address, **quiet))
        except BaseException as error:
            begun.set_exception(error)

    # In a thread that nobody has to wait for: where no cluster answers, Ray itself goes on trying for two minutes.
    threading.Thread(target=begin, daemon=True).start()
    try:
        begun.result(ANSWERS)
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
