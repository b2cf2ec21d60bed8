"""Winnow: see a labelled dataset, find what is wrong with it, keep the part worth training on, prove it is enough.

The app is `winnow app`, the command line `winnow`; both drive the same engine:

    from curation.engine.recipe import load_recipe
    from curation.engine.run import run
    run(load_recipe("recipes/digits.toml"), "workspaces/digits")
"""

from curation.recorder import Recorder
from curation.schedule import export_schedule, indexed, sampler

__all__ = ["Recorder", "export_schedule", "indexed", "sampler"]
__version__ = "0.1.0"
