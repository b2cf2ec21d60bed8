"""card.json: what every finished result says about itself, enough to say where a number came from."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import curation
from curation.engine.plan import Step


def write_card(folder: Path, step: Step, seconds: float, device: str, about: Mapping[str, Any]) -> None:
    """Write the card of one result. `about` is what only this kind of result can tell: rows, recall, accuracy."""
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
