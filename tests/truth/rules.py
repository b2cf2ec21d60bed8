"""A sampler's rule, as the tests of samplers make it."""

from __future__ import annotations

import numpy as np

from curation.data.view import View
from curation.engine.registry import get
from curation.training.rule import Rule


def rule(name: str, n: int = 0, keep: float = 0.5, seed: int = 0, view: View | None = None, **params) -> Rule:
    method = get("samplers", name)
    view = View.of(labels=np.zeros(n, int)) if view is None else view
    return method.call(view, keep, seed=seed, **method.validated(params, name))
