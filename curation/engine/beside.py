"""One step in a process of its own, beside the run: `python -m curation.engine.beside`.

The process is a fresh interpreter, so it does not matter who called `run`: a script without a main guard, a notebook,
a thread or standard input. The step goes in as one line of JSON, the answer comes back as another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from curation.engine.elsewhere import compute_packed, packed, sent
from curation.engine.plan import Plan, Step
from curation.errors import StepError, in_words

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds the package, wherever we were started


class Beside:
    """A step that is being computed by another process. The caller does not hold its lock."""

    def __init__(self, step: Step, plan: Plan, device: str):
        self.step = step
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        # Threads that wait by spinning would take the run its cores away.
        env = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-P", "-m", "curation.engine.beside"]
        with tempfile.TemporaryFile("w+") as asked:  # not a pipe, which would have to wait for the other process
            asked.write(packed(step, sent(plan.workspace, plan.find("source").key, plan.effective), device))
            asked.seek(0)
            self.process = subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, text=True, env=env)

    def join(self) -> None:
        """Wait for the result. Raises StepError with what the process said."""
        said = self.process.stdout.read()
        code = self.process.wait()
        problem = json.loads(said)["problem"] if said else f"its process ended with code {code} (out of memory?)"
        if problem:
            raise StepError(f"{self.step.label} failed: {problem}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process.stdout.close()


def main() -> None:
    """What the other process does. Locks do not pass to children: it takes that of the step itself."""
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints is not the answer
    problem = ""
    try:
        compute_packed(sys.stdin.read())
    except Exception as error:
        problem = in_words(error)
    answer.write(json.dumps({"problem": problem}))
    answer.close()


if __name__ == "__main__":
    main()
