"""Winnow: see a labelled dataset, find what is wrong with it, keep the part worth training on, prove it is enough.

The app is `winnow app`, the command line `winnow`; from Python the same engine is

    import curation

    recipe = curation.load_recipe("recipes/digits.toml")
    curation.run(recipe, "workspaces/digits")
    curation.open_workspace("workspaces/digits").manifest().to_pandas()

See docs/library.md. Importing this loads numpy and nothing larger; the rest is imported when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from curation.recorder import Recorder
from curation.schedule import export_schedule, indexed, sampler

if TYPE_CHECKING:
    from curation.engine.plan import plan
    from curation.engine.recipe import load_recipe
    from curation.engine.run import run
    from curation.library import open_workspace

__all__ = ["Recorder", "export_schedule", "indexed", "load_recipe", "open_workspace", "plan", "run", "sampler"]
__version__ = "0.1.0"

_LATER = {
    "load_recipe": "curation.engine.recipe",
    "plan": "curation.engine.plan",
    "run": "curation.engine.run",
    "open_workspace": "curation.library",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'curation' has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
