"""Break a run at every point where it writes, one after the other.

    python -m tests.soak.faults kill RECIPE FOLDER [EVERY] [FIRST]     SIGKILL before the n-th write
    python -m tests.soak.faults full RECIPE FOLDER [EVERY] [FIRST]     from the n-th write on the disk is full
    python -m tests.soak.faults order RECIPE FOLDER                    breaks nothing, prints the writes in order

A write point is every file opened to write, every rename, folder, removal and fsync that Python sees (an audit hook
and a wrapped `os.fsync`), and every commit of SQLite. For each n a fresh process (a fork of one that has everything
imported) runs the recipe in a workspace that an undisturbed run has half filled, and is broken at point n; then one
more run has to finish, give the manifest of an undisturbed run byte for byte, and leave every result that was there
before exactly as it was. Prints one JSON object: the points, how many were broken, and what was said of a full disk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.mkdir", "os.link")
REMOVALS = ("os.remove", "os.rmdir")


class Counter:
    """Counts write points under one folder and breaks the process, or the disk, at one of them."""

    def __init__(self, under: Path, at: int = 0, how: str = "kill"):
        self.under, self.at, self.how = str(under), at, how
        self.count, self.names, self.on = 0, [], True

    def point(self, name: str, path: object = "", source: object = "") -> None:
        if not self.on or (path and not str(path).startswith(self.under)):
            return
        self.count += 1
        self.names.append((name, str(path), str(source)))
        if self.at and self.count >= self.at:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if name not in REMOVALS:  # a full disk still lets go of what it has
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def install(self) -> None:
        sys.addaudithook(self._heard)
        fsync, connect = os.fsync, sqlite3.connect

        def counted_fsync(handle) -> None:
            self.point("fsync", Path(f"/proc/self/fd/{handle}").readlink())
            fsync(handle)

        def counted_connect(*args, **kwargs):
            return connect(*args, **kwargs, factory=self._connection())

        os.fsync, sqlite3.connect = counted_fsync, counted_connect

    def _heard(self, event: str, args: tuple) -> None:
        if not self.on:
            return
        if event == "open" and isinstance(args[0], str | bytes) and isinstance(args[2], int) and args[2] & WRITES:
            self.point("open", os.fsdecode(args[0]))
        elif event == "os.rename":
            self.point(event, args[1], args[0])
        elif event in CHANGES or event in REMOVALS:
            self.point(event, args[0])

    def _connection(self) -> type:
        point = self.point

        class Counted(sqlite3.Connection):
            def execute(self, text, *values):
                if text == "COMMIT":
                    try:
                        point("sqlite commit")
                    except OSError:
                        raise sqlite3.OperationalError("database or disk is full") from None
                made = super().execute(text, *values)
                if text == "COMMIT":
                    point("sqlite committed")
                return made

        return Counted


def forked(work: Callable[[], None]) -> int:
    """Run something in a child process; its exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except SystemExit as end:
            os._exit(end.code or 0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def fingerprint(workspace: Path) -> dict[str, str]:
    """sha256 of every file of every finished result."""
    found = {}
    for card in workspace.glob("[!.]*/[!.]*/card.json"):
        for path in card.parent.rglob("*"):
            if path.is_file():
                found[str(path.relative_to(workspace))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main(how: str, recipe: Path, top: Path, every: int = 1, first: int = 1) -> dict:
    """recipe: its export writes to `out/m.csv` in the current folder. top: where workspaces may be made."""
    from curation.data.decisions import DecisionLog
    from curation.engine.recipe import load_recipe
    from curation.engine.run import run
    from curation.errors import WinnowError

    half, work, out = top / "half", top / "w", Path("out")

    def once(workspace: Path, targets: tuple[str, ...] | None = None) -> None:
        run(load_recipe(recipe), workspace, targets=targets, device="cpu")

    def decide(workspace: Path) -> None:
        """As a click does; in the manifest of every run that follows."""
        DecisionLog(workspace).add([f"item-{i:03d}" for i in range(3)], "drop", why="blurred")

    once(top / "warm")  # imports everything there is to import
    shutil.rmtree(top / "warm")
    shutil.rmtree(out)
    assert forked(lambda: once(half, ("encode",))) == 0
    decide(half)

    def broken(at: int, kind: str = how) -> None:
        counter = Counter(top.parent, at, kind)
        counter.install()
        try:
            once(work)
        except WinnowError as error:
            counter.on = False
            (top / "said").write_text(str(error))
            sys.exit(1)
        counter.on = False
        (top / "points").write_text(json.dumps(counter.names))

    shutil.copytree(half, work)
    assert forked(lambda: broken(0)) == 0
    points = json.loads((top / "points").read_text())
    if how == "order":
        return {"how": how, "points": points}
    expected = (out / "m.csv").read_bytes()
    before = fingerprint(half)
    said: set[str] = set()
    tried = 0
    writes = [at for at, (name, *_) in enumerate(points, start=1) if how == "kill" or name not in REMOVALS]
    for at in range(first, max(writes) + 1, every):  # a full disk is not felt by removals at the end
        shutil.rmtree(work)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(half, work)
        decided = DecisionLog(work).all()
        status = forked(lambda at=at: broken(at))
        where = f"broken at {at} of {len(points)} ({' '.join(points[at - 1])})"
        assert status == (-signal.SIGKILL if how == "kill" else 1), f"{where}: ended with {status}"
        if how == "full":
            said.add((top / "said").read_text().replace(str(top), "").partition("; the log is")[0])
        there = fingerprint(work)
        assert all(there.get(name) == mark for name, mark in before.items()), f"{where}: a finished result changed"
        assert DecisionLog(work).all() == decided, f"{where}: decisions changed"
        assert forked(lambda: once(work)) == 0, f"{where}: the next run failed"
        assert (out / "m.csv").read_bytes() == expected, f"{where}: another manifest"
        after = fingerprint(work)
        changed = [name for name, mark in there.items() if after.get(name) != mark]
        assert not changed, f"{where}: results that were there were written again: {changed}"
        left = [p for folder in (work, out) for p in folder.rglob(".*") if p.name not in (".locks",)]
        assert not left, f"{where}: left behind: {left}"
        tried += 1
    return {"how": how, "points": len(points), "broken": tried, "said": sorted(said)}


if __name__ == "__main__":
    made = main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:]))
    print(json.dumps(made))
