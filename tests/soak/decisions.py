"""Kill the server right after a click's answer, again and again, and count the decisions.

    python -m tests.soak.decisions FOLDER KILLS

What a click calls (`Project.decide`) runs in a process of its own, a fork of one that has everything imported. As soon
as it says a decision is recorded, the parent sends SIGKILL; by then the child is at the next one, so some die in the
middle of a commit. Afterwards every decision that was answered has to be in the log, once. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path


def main(folder: Path, kills: int, seed: int = 0) -> dict:
    """folder: a project. Returns kills, answered decisions, lost, doubled, and those there without an answer."""
    from curation.data.decisions import DecisionLog
    from curation.ui.state.project import Project

    Project(folder).items  # noqa: B018 - what a running server has loaded already
    chance, answered = random.Random(seed), []
    for kill in range(kills):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            _server(folder, kill, write)
        os.close(write)
        with os.fdopen(read) as said:
            for _ in range(chance.randint(1, 3)):
                answered.append(said.readline().strip())
            os.kill(pid, signal.SIGKILL)
            answered += [line.strip() for line in said if line.endswith("\n")]
        os.waitpid(pid, 0)
    there = [decision.why for decision in DecisionLog(folder).all()]
    return {
        "kills": kills,
        "answered": len(answered),
        "lost": len(set(answered) - set(there)),
        "doubled": len(there) - len(set(there)),
        "there, not answered": len(set(there) - set(answered)),
    }


def _server(folder: Path, kill: int, write: int) -> None:
    from curation.ui.state.project import Project

    project = Project(folder)
    for number in range(1000):
        name = f"kill {kill} click {number}"
        project.decide([number % len(project.items)], "drop", why=name)
        os.write(write, f"{name}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
