"""How long a student or a pruner takes on this machine, before it runs.

Of a student a few steps are timed in a process of their own:

    python -m curation.engine.pace < question.json

The process keeps torch out of the app, and its memory ends with it. Random images stand for real ones: a step takes
as long whatever it sees. Blind to what else the machine will be doing by then:
the quickest of three tries is told.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from curation.card import Card
from curation.data.view import View
from curation.engine import registry
from curation.engine.beside import ROOT
from curation.errors import StepError
from curation.maths.selection import rounds

IMAGES = 64  # per timed step on a CPU, where an image takes as long in small batches as in large ones
LONG = 0.5  # seconds of steps that are enough to go by
SIZES = (1_000, 8_000)  # items, of the two measurements on a pruner's card
REFERENCE = 0.0193  # CPU seconds of the fixed piece of work where the cards were measured
TRIES = 3  # the quickest counts: whatever else runs can only make it slower


def seconds_per_pass(student: str, params: Mapping[str, Any], side: int, classes: int, device: str = "auto") -> float:
    """Seconds of training per image and pass. side: of the square pixels. Raises StepError where no step ran."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    question = {"student": student, "params": dict(params), "side": side, "classes": classes, "device": device}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "curation.engine.pace"],
        input=json.dumps(question), capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"its process ended with code {done.returncode}"])[-1]
        raise StepError(f"a step of {student} could not be timed: {reason}")
    return float(done.stdout)


def selection_seconds(card: Card, n: int) -> float | None:
    """Seconds a pruner takes here to choose half of n items, without what it reads; None where nobody measured it.

    A power law through the two sizes its card was measured at, times how this machine does a fixed piece of work; where
    it chooses in rounds, that of a shard for every shard. Blind to the length of the embeddings (512 when measured) and
    to cores beyond the first: rather too long.
    """
    if card.seconds is None:
        return None
    small, large = (max(seconds, 1e-4) for seconds in card.seconds)
    power = max(np.log(large / small) / np.log(SIZES[1] / SIZES[0]), 0.0)
    shards = n / rounds.SHARD if card.rounds and n > rounds.WHOLE else 1
    return float(shards * large * (n / shards / SIZES[1]) ** power * slowness())


@functools.cache
def slowness() -> float:
    """How long this machine takes for a fixed piece of work, over the machine the cards were measured on."""
    x = np.random.default_rng(0).random((1024, 1024), np.float32)

    def spent() -> float:
        started = time.process_time()
        x.argsort(axis=1)
        return time.process_time() - started

    return min(spent() for _ in range(TRIES)) / REFERENCE


def _timed(student: str, params: dict[str, Any], side: int, classes: int, device: str) -> float:
    from curation.training.device import pick

    device, method = pick(device), registry.get("students", student)
    m = params["batch"] if device != "cpu" else min(params["batch"], IMAGES)
    pixels = np.random.default_rng(0).integers(0, 256, (m, side, side, 3), dtype=np.uint8)
    view = View.of(pixels=pixels, labels=np.arange(m) % classes, classes=[str(c) for c in range(classes)])

    def seconds(steps: int) -> float:
        started = time.perf_counter()
        student = method.call(view, seed=0, device=device, **{**params, "steps": steps, "batch": m})
        student.logits(view.subset([0]))  # a GPU is done when it answers
        return time.perf_counter() - started

    seconds(1)  # what is slow only once
    steps = int(np.clip(LONG / seconds(1), 1, 100))
    return min(seconds(steps) for _ in range(TRIES)) / (steps * m)


if __name__ == "__main__":
    print(_timed(**json.load(sys.stdin)))
