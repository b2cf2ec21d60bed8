"""Computes one step: a View in, a method's answer out, its arrays and card published as one folder."""

from __future__ import annotations

import contextlib
import json
import logging
import platform
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import curation
from curation.data.parts import Spread, here
from curation.data.workspace import Workspace
from curation.engine import registry, results
from curation.engine.plan import Step
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import stages

log = logging.getLogger("winnow")


def nothing(done: int, total: int, message: str = "") -> None:
    """The progress of what nobody watches."""


class Call:
    """A step's method with its parameters bound, and with what the runner hands over to whoever asks for it.

    device: "cpu", "cuda" or "mps". progress: called with (done, total, message). recipe: what the run carries out.
    spread: makes the parts of work that falls into some.
    """

    def __init__(
        self,
        step: Step,
        device: str = "cpu",
        progress: Callable = nothing,
        recipe: Recipe | None = None,
        spread: Spread = here,
    ):
        self.step, self.device, self.progress, self.recipe, self.spread = step, device, progress, recipe, spread

    def __call__(self, *positional: Any, **more: Any) -> Any:
        """Ask the method, with random numbers that start from the step's seed."""
        return self.bound(**more)(*positional)

    def bound(self, **more: Any) -> Callable:
        """The method to be asked several times, with random numbers that go on. more: further things to hand over."""
        rng = np.random.default_rng(self.step.seed)
        offer = {"rng": rng, "seed": self.step.seed, "device": self.device, "progress": self.progress}
        offer |= {"spread": self.spread, **more}
        injected = {name: value for name, value in offer.items() if name in self.step.method.injected}
        return partial(self.step.method.call, **self.step.params, **injected)

    def student(self, name: str, **override: Any) -> Callable:
        """A student the step may train: `train(view, *, seed, record, progress, sampler, watch)`; override: parameters
        to change."""
        method = registry.get("students", name)
        params = method.validated({**self.step.students[name], **override}, f"student {name}")

        def train(view, *, seed: int, **more):
            offer = {"seed": seed, "device": self.device, "record": None, "progress": None, **more}
            return method.call(view, **params, **{k: v for k, v in offer.items() if k in method.injected})

        return train


def compute(step: Step, workspace: Workspace, store: ResultReader | None, call: Call) -> None:
    """Compute one step and publish its result with its card. The caller holds the lock. store: None for the source."""
    stage, started = stages()[step.stage], time.perf_counter()
    with workspace.write(step.stage, step.key, resume=stage.resumable) as folder:
        about = stage.compute(step, store, call, folder)
        write_card(folder, step, time.perf_counter() - started, call.device, about)
    log.info("%s %s %.2f s", step.label, step.key, time.perf_counter() - started)


def derive(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """What evidence, scores, flags and maps share: one View in, one value out; evidence may add notes for its card."""
    rows = store.rows_of(step)
    value = call(store.view(step, rows, call.student), into=folder)
    value, notes = value if isinstance(value, tuple) else (value, {})
    return {"rows": len(rows), **results.save(value, rows, folder), **notes}


def write_card(folder: Path, step: Step, seconds: float, device: str, about: Mapping[str, Any]) -> None:
    """Write card.json: what every finished result says about itself, enough to say where a number came from.

    about: what only this kind of result can tell, such as rows, recall or accuracy.
    """
    card = {
        "stage": step.stage,
        "use": step.method.id,
        "name": step.name,
        "version": step.method.card.version,
        "params": {**step.params, **step.extra},
        "inputs": dict(step.inputs),
        "seconds": round(seconds, 3),
        "device": device,
        "seed": step.seed,
        "versions": versions(),
        "created": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **about,
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1, default=str) + "\n")


def versions() -> dict[str, str]:
    """What the numbers depend on besides the recipe."""
    found = {"winnow": curation.__version__, "python": platform.python_version()}
    for package in ("numpy", "scikit-learn", "torch"):
        with contextlib.suppress(PackageNotFoundError):  # torch is no part of the core
            found[package] = version(package)
    return found
