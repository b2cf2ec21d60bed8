"""What is left when a run is killed at a write, the disk fills up, cannot be written or vanishes, or the clock jumps.

The write points are broken one by one by tests/soak/faults.py; here every few of them, in `make soak` all.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from curation.data.decisions import DecisionLog
from curation.data.workspace import Workspace, write_text
from curation.engine.jobs import Jobs
from curation.engine.recipe import load_recipe
from curation.engine.run import run
from curation.errors import WinnowError, WorkspaceError

ROOT = Path(__file__).resolve().parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
RECIPE = """
[source]
use = "arrays"
path = "{folder}/blobs.npz"
[encode]
use = "precomputed"
[[flag]]
use = "duplicates"
[[prune]]
use = "random"
keep = 0.5
[[export]]
use = "csv"
path = "{out}"
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    return written(tmp_path, tmp_path / "out" / "m.csv")


def written(folder: Path, out: Path | str) -> Path:
    """120 points in three classes, and a recipe that needs no torch."""
    labels = np.arange(120) % 3
    features = np.eye(3)[labels] * 4 + np.random.default_rng(0).normal(size=(120, 3))
    features[5] = features[2]
    np.savez(
        folder / "blobs.npz",
        features=features.astype(np.float32),
        labels=np.array(["ant", "bee", "cow"])[labels],
        split=np.where(np.arange(120) < 90, "train", "test"),
        ids=np.array([f"item-{i:03d}" for i in range(120)]),
    )
    (folder / "recipe.toml").write_text(RECIPE.format(folder=folder, out=out))
    return folder / "recipe.toml"


# -- every write ---------------------------------------------------------------------------------------------


def broken(tmp_path: Path, how: str, every: int, first: int) -> dict:
    (tmp_path / "top").mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.soak.faults",
        how,
        str(written(tmp_path, "out/m.csv")),
        str(tmp_path / "top"),
    ]
    done = subprocess.run([*command, str(every), str(first)], cwd=tmp_path, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_killed_at_a_write_a_run_leaves_all_finished_results_and_the_next_gives_the_same_manifest(tmp_path):
    made = broken(tmp_path, "kill", every=9, first=4)
    assert made["broken"] >= 8


def test_on_a_full_disk_a_run_says_so_and_the_next_gives_the_same_manifest(tmp_path):
    made = broken(tmp_path, "full", every=14, first=3)
    assert made["broken"] >= 5
    assert made["said"]
    assert all("no space left on device" in said for said in made["said"])


def test_nothing_takes_its_final_name_before_it_is_synced_and_every_name_is_synced_after(tmp_path):
    """What a power cut may leave: a rename that reaches the disk before the content is the one that must not be."""
    points = broken(tmp_path, "order", 1, 1)["points"]
    renames = 0
    for at, (event, path, source) in enumerate(points):
        if event != "os.rename":
            continue
        renames += 1
        inside = {p for e, p, _ in points[:at] if e == "open" and (p == source or p.startswith(source + "/"))}
        for file in inside:
            opened = max(i for i, (e, p, _) in enumerate(points[:at]) if (e, p) == ("open", file))
            assert ["fsync", file, ""] in points[opened:at], f"{file} is renamed and was not synced"
        if Path(path).suffix == "" and "/." not in path:  # a folder: its entries too
            assert ["fsync", source, ""] in points[:at], f"the folder {source} is renamed and was not synced"
        following = [p for e, p, _ in points[at + 1 :] if e == "fsync"][:1]
        assert following == [str(Path(path).parent)], f"the new name {path} was not synced"
    assert renames >= 6
    for at, (event, path, _) in enumerate(points):
        if event == "os.mkdir" and "/.partial-" not in path and not path.endswith(("/.locks", "/logs", "/out")):
            assert points[at + 1] == ["fsync", str(Path(path).parent), ""], f"the folder {path} was not synced"


def test_kills_after_clicks_stopped_jobs_and_polling_lose_and_leave_nothing(tmp_path):
    """The short form of `make soak`; it says which promise is broken."""
    short = ["--clicks", "20", "--cancels", "2", "--hours", "0.1"]
    parts = [word for name in ("clicks", "cancels", "polling") for word in ("--only", name)]
    command = [sys.executable, "-m", "tests.soak", *short, *parts]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    clicks, cancels, polling = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    assert clicks["clicks"]["kills"] == 20
    assert cancels["cancels"]["jobs"] == 2
    assert polling["polling"]["polls"] == 360


# -- a disk that cannot be written -----------------------------------------------------------------------------


@pytest.fixture
def read_only():
    """A finished workspace nobody may write to, with decisions in a log that was not folded into the table yet."""
    top = Path(tempfile.mkdtemp(prefix="winnow-test-"))  # pytest's own folders are closed to other users
    folder = top / "w"
    run(load_recipe(written(top, top / "out" / "m.csv")), folder, device="cpu")
    DecisionLog(folder).add(["item-001"], "drop", why="blurred")
    reader = sqlite3.connect(folder / "decisions.sqlite")
    reader.execute("SELECT * FROM decision").fetchall()
    DecisionLog(folder).add(["item-002"], "keep")
    aside = shutil.copytree(folder, top / "copy")
    reader.close()
    assert (aside / "decisions.sqlite-wal").stat().st_size > 0
    (aside / "decisions.sqlite-shm").unlink(missing_ok=True)
    top.chmod(0o755)
    for path in [aside, *aside.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield aside
    for path in [aside, *aside.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(top)


def as_somebody_without_rights(work) -> str:
    """What `work` returns in a child process that may not write; root may everywhere."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            said = work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    return said


def test_a_read_only_workspace_is_read_whole(read_only):
    def read() -> str:
        decided = [(d.id, d.action) for d in DecisionLog(read_only).all()]
        cards = [card["stage"] for card in Workspace(read_only).cards()]
        return json.dumps([decided, cards, len(Jobs(read_only).all())])

    decided, cards, _ = json.loads(as_somebody_without_rights(read))
    assert decided == [["item-001", "drop"], ["item-002", "keep"]]
    assert cards == ["encode", "evidence", "export", "flag", "prune", "source"]


def test_a_read_only_workspace_refuses_decisions_jobs_and_runs_in_words(read_only):
    asked = load_recipe(read_only.parent / "recipe.toml")
    for work in (
        lambda: str(DecisionLog(read_only).add(["item-003"], "drop")),
        lambda: str(Jobs(read_only).start(asked, "Analyse")),
        lambda: str(run(asked, read_only, device="cpu")),
    ):
        said = as_somebody_without_rights(work)
        assert said.startswith("WorkspaceError: ")
        assert "readonly" in said or "permission denied" in said or "read-only" in said or "unable to open" in said


# -- a workspace that vanishes, or is of another time -----------------------------------------------------------


def test_a_workspace_removed_during_a_run_is_said_and_does_not_come_back(recipe, tmp_path):
    folder = tmp_path / "w"

    def remove(progress) -> None:
        if progress.label.startswith("flag"):
            shutil.rmtree(folder, ignore_errors=True)

    with pytest.raises(WinnowError, match="is gone: it was deleted or moved while it was open"):
        run(load_recipe(recipe), folder, device="cpu", on_progress=remove)
    assert not folder.exists()
    run(load_recipe(recipe), folder, device="cpu")
    assert (tmp_path / "out" / "m.csv").exists()


def test_a_decision_in_a_project_that_was_removed_is_refused_and_makes_no_ghost(recipe, tmp_path):
    from curation.ui.state.project import Project

    run(load_recipe(recipe), tmp_path / "w", device="cpu")
    project = Project(tmp_path / "w")
    assert project.decide([0], "drop") == 1
    shutil.rmtree(tmp_path / "w")
    for act in (lambda: project.decide([1], "drop"), project.undo, lambda: Project(tmp_path / "w")):
        with pytest.raises(WorkspaceError, match="is gone"):
            act()
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": null}', '{"format": "new"}', "\0" * 20])
def test_a_workspace_whose_marker_is_damaged_is_refused_in_words(tmp_path, text):
    (tmp_path / "winnow.json").write_text(text)
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Workspace(tmp_path)


def test_what_killed_runs_left_behind_is_cleared_and_what_others_work_on_is_not(recipe, tmp_path):
    space = Workspace(tmp_path / "w")
    for stage, key in (("score", "dead"), ("score", "held"), ("encode", "resumed")):
        (space.folder / stage / f".partial-{key}").mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (space.folder / f".recipe.toml.{dead.pid}").write_text("half")
    (space.folder / f".recipe.toml.{os.getppid()}").write_text("another process is writing this")
    with space.lock("score", "held"):
        space.tidy(resumed=("encode",))
        write_text(space.folder / "recipe.toml", "whole")
    assert sorted(p.name for p in space.folder.glob("*/.partial-*")) == [".partial-held", ".partial-resumed"]
    assert [p.name for p in space.folder.glob(".recipe*")] == [f".recipe.toml.{os.getppid()}"]


def test_two_runs_of_one_recipe_at_once_compute_every_result_once(recipe, tmp_path):
    command = [sys.executable, "-m", "curation", "run", str(recipe), "-w", str(tmp_path / "w")]
    both = [subprocess.Popen(command, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        assert process.wait() == 0, process.stderr.read()
    logs = "".join(path.read_text() for path in (tmp_path / "w" / "logs").glob("*.log"))
    for card in Workspace(tmp_path / "w").cards():
        if card["stage"] != "export":
            assert logs.count(f" {card['key']} ") == 1, card["name"]


# -- jobs ------------------------------------------------------------------------------------------------------


@pytest.fixture
def asleep(recipe, tmp_path, monkeypatch):
    """Jobs whose processes sleep, so that nothing but their rows is at work."""
    Workspace(tmp_path / "w")
    popen = subprocess.Popen

    def sleeping(command, **options):
        return popen([sys.executable, "-c", "import time; time.sleep(60)"], **options)

    monkeypatch.setattr("curation.engine.jobs.subprocess.Popen", sleeping)
    jobs = Jobs(tmp_path / "w")
    yield jobs, load_recipe(recipe)
    for job in jobs.all():
        jobs.cancel(job.number)


def test_a_clock_put_back_loses_no_job(asleep, monkeypatch):
    jobs, recipe = asleep
    number = jobs.start(recipe, "Analyse").number
    now, boot = time.time(), psutil.boot_time()
    monkeypatch.setattr("time.time", lambda: now - 86_400)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot - 86_400)
    assert jobs.get(number).state == "starting"
    assert jobs.start(recipe, "Again").number == number
    jobs.cancel(number)
    assert jobs.get(number).state == "cancelled"


def test_a_job_of_the_future_that_never_began_blocks_nothing(asleep):
    jobs, recipe = asleep
    with jobs._writing() as db:
        db.execute("INSERT INTO job (title, created) VALUES ('from tomorrow', ?)", (time.time() + 86_400,))
    assert [job.state for job in jobs.all()] == ["lost"]
    assert jobs.start(recipe, "Analyse").number == 2


def test_stopping_a_job_that_has_no_process_yet_stops_nobody_else(asleep):
    jobs, _ = asleep
    with jobs._writing() as db:  # as a server leaves it that is killed between the row and the process
        number = db.execute("INSERT INTO job (title, created) VALUES ('x', ?)", (time.time(),)).lastrowid
    jobs.cancel(number)  # the group 0 would be our own
    assert jobs.get(number).state == "cancelled"


def test_clicks_at_the_same_moment_start_one_job(asleep):
    from concurrent.futures import ThreadPoolExecutor

    jobs, recipe = asleep
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: jobs.start(recipe, "Analyse").number, range(8)))
    assert set(numbers) == {1}
    assert len(jobs.all()) == 1


def test_a_job_killed_from_outside_is_lost_and_leaves_no_zombie(asleep):
    jobs, recipe = asleep
    job = jobs.start(recipe, "Analyse")
    os.kill(job.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while jobs.get(job.number).active and time.monotonic() < deadline:
        time.sleep(0.02)
    assert jobs.get(job.number).state == "lost"
    jobs.all()
    assert not psutil.pid_exists(job.pid)


def test_a_job_outlives_the_server_that_started_it(recipe, tmp_path):
    code = (
        "import sys; from curation.engine.jobs import Jobs; from curation.engine.recipe import load_recipe\n"
        "print(Jobs(sys.argv[1]).start(load_recipe(sys.argv[2]), 'Analyse').number, flush=True)\n"
        "import time; time.sleep(60)"
    )
    Workspace(tmp_path / "w")
    command = [sys.executable, "-c", code, str(tmp_path / "w"), str(recipe)]
    with subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, text=True) as server:
        number = int(server.stdout.readline())
        server.kill()
    jobs, deadline = Jobs(tmp_path / "w"), time.monotonic() + 60
    while jobs.get(number).active and time.monotonic() < deadline:
        time.sleep(0.1)
    assert jobs.get(number).state == "done", jobs.log_text(number)
    assert (tmp_path / "out" / "m.csv").exists()
