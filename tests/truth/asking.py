"""What a query answers, as the tests of queries ask."""

from __future__ import annotations

import numpy as np

from curation.data.view import View
from curation.engine import registry


def ask(name: str, view: View, budget: int, seed: int = 0, **params) -> list[int]:
    method = registry.get("queries", name)
    given = method.validated(params, name)
    return method.call(view, budget, rng=np.random.default_rng(seed), **given).tolist()


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def cloud(n: int = 60, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
