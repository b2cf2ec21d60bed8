"""Your own trainer: any program that trains on a file and says how good the result is.

    [verify]
    use = "command"
    command = "python train.py --train {train} --val {val} --out {out} --seed {seed}"

For every subset and seed of the grid it is started once: {train} is a file with the subset, {val} one with the
held-out items, {out} an empty folder, {seed} a number (also in WINNOW_SEED). The last line it prints is JSON, such as
`{"metric": 0.81}` (or "accuracy"): one number, higher = better, the same measure every time. Conversations are handed
over as they were read, letter for letter; other items as `data/trainer_files.py` says. There is no shell
between: a place holder is one argument, whatever its path holds. {out} and both files are removed when the trainer has
ended, so whatever should stay must be written elsewhere.

Only the number is known, not the answer to each item. So intervals and tests rest on the seeds alone, and two or
three of them show large differences only. The program named and files among its arguments are part of the result's key;
what those read is not. It runs with your rights: a recipe by somebody else may name any program. From the command line
only where people log in. Blind to whatever your trainer is blind to.

Bouthillier et al., Accounting for Variance in Machine Learning Benchmarks, MLSys 2021 (why several seeds).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import psutil
from pydantic import Field

from curation.card import Card
from curation.data.items import Items
from curation.data.trainer_files import write_part
from curation.data.view import View
from curation.errors import InputError, RunError, UnavailableError
from curation.training.student import Measured

CARD = Card(
    title="Your own trainer, by its command",
    cost="your trainer's",
    blind_to="whatever your trainer is blind to; of its answers only one number is known",
    needs=("labels",),
    paper="https://arxiv.org/abs/2103.03098",
    tags=("measures",),
    own_code=True,
    unlabelled=True,
)

PLACES = ("train", "val", "out", "seed")
_TAIL = 1 << 16  # bytes of its output that are looked at
_SHOWN = 300  # characters of it that are quoted


def train(
    view: View,
    *,
    seed: int,
    items: Items | None = None,
    held_out: View | None = None,
    command: Annotated[
        str, Field(max_length=4000, description="The command, with {train}, {val}, {out} and {seed} in it.")
    ] = "",
    timeout: Annotated[
        int, Field(ge=1, le=30 * 86_400, description="Seconds after which a trainer is stopped and counts as failed.")
    ] = 86_400,
) -> Measured:
    """The number the trainer gave for exactly the rows of the view. `items` and `held_out` are handed over by
    verification.

    Raises InputError where it is asked for answers to single items, RunError where the trainer fails, hangs or prints
    no number.
    """
    if items is None or held_out is None:
        raise InputError(
            "command measures with your own trainer and cannot say what it thinks of an item: use it in [verify] only"
        )
    with tempfile.TemporaryDirectory(prefix="winnow-trainer-") as place:
        folder = Path(place)
        (folder / "out").mkdir()
        found = {"out": str(folder / "out"), "seed": str(seed)}
        for name, part in (("train", view), ("val", held_out)):
            found[name] = str(write_part(items, part.rows, _names(part), folder, name))
        said = _run(_arguments(command, found), folder, seed, timeout)
    return Measured(_metric(said), len(view))


def preflight(*, command: str, **_) -> None:
    if not command.strip():
        raise UnavailableError(
            'command was not told what to run; give it, as in command = "python train.py --train {train} --val {val}"'
        )
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UnavailableError(
            f"command = {command!r} cannot be taken apart ({str(error).lower()}); close its quotes"
        ) from None
    if "{train}" not in command:
        raise UnavailableError(
            f"command = {command!r} has no {{train}}, so every subset would give the same; put it in"
        )
    if shutil.which(words[0]) is None:
        raise UnavailableError(
            f"command = {command!r}: there is no program {words[0]!r}; give its path, or start where it is found"
        )


def files(*, command: str, **_) -> list[Path]:
    """Files among its arguments, such as train.py, whose changes make old results void."""
    try:
        words = shlex.split(command)
    except ValueError:
        return []
    return [Path(word) for word in words[1:] if len(word) < 4096 and Path(word).is_file()]


def passes(m: int, **_) -> int:
    """Unknown to Winnow; one pass over m items is counted."""
    return m


def _names(view: View) -> np.ndarray:
    """object [m]: the labels by their names, None where there is none."""
    return np.array([*view.classes, None], object)[view.labels]


def _arguments(command: str, found: dict[str, str]) -> list[str]:
    """The words of the command with its place holders filled in: a path with blanks stays one word."""
    made = []
    for word in shlex.split(command):
        for name in PLACES:
            word = word.replace("{" + name + "}", found[name])
        made.append(word)
    return made


def _run(arguments: list[str], folder: Path, seed: int, timeout: int) -> str:
    """The end of what the trainer printed. It is in this run's process group, so what stops the run stops it too."""
    environment = os.environ | {"WINNOW_SEED": str(seed)}
    printed, complained = folder / "stdout", folder / "stderr"
    with printed.open("wb") as out, complained.open("wb") as err:
        try:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        except OSError as error:
            raise RunError(
                f"the trainer cannot be started ({(error.strerror or str(error)).lower()}): {arguments[0]}"
            ) from None
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise RunError(f"the trainer was stopped after {timeout:,} s; give it longer with timeout = ...") from None
        finally:
            _end(process.pid)
            process.wait()
    if code:
        why = _last(_tail(complained)) or _last(_tail(printed)) or "it printed nothing"
        raise RunError(f"the trainer ended with exit code {code}: {why}")
    return _tail(printed)


def _end(pid: int) -> None:
    """Stop a trainer that is still there, and what it started."""
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _metric(said: str) -> float:
    expected = 'expected JSON such as {"metric": 0.81} on its last line'
    line = _last(said)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise RunError(
            f"the trainer's last line is {line!r}; {expected}" if line else f"the trainer printed nothing; {expected}"
        ) from None
    number = value.get("metric", value.get("accuracy")) if isinstance(value, dict) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise RunError(f"the trainer's last line is {line!r}; {expected}")
    if not math.isfinite(number):
        raise RunError(f"the trainer's metric is {number}; expected a finite number, higher = better")
    return float(number)


def _tail(path: Path) -> str:
    with path.open("rb") as handle:
        handle.seek(max(path.stat().st_size - _TAIL, 0))
        return handle.read().decode("utf-8", "replace")


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_SHOWN] if lines else ""
