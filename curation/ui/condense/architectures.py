"""Students trained on a condensed set as proxies: do they rank architectures as students trained on everything do?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

EXACT = 7  # architectures up to which every order is counted

# Six that train within seconds on small images: two widths of each of two kinds, the small ResNet, a transformer.
SIX: tuple[str | dict, ...] = (
    "convnet",
    {"use": "convnet", "name": "convnet, narrow", "width": 8},
    "mlp",
    {"use": "mlp", "name": "mlp, narrow", "hidden": 16},
    "cnn",
    "vit",
)


class Agreement(NamedTuple):
    """Spearman's rho of two accuracies of n architectures; chance: how often a random order would agree as well."""

    rho: float
    n: int
    chance: float


def agreement(on_set: Mapping[str, float], on_all: Mapping[str, float]) -> Agreement | None:
    """None where fewer than three architectures are on both sides, or all of one side are equal.

    >>> agreement({"a": 0.2, "b": 0.3, "c": 0.4}, {"a": 0.5, "b": 0.8, "c": 0.9})
    Agreement(rho=1.0, n=3, chance=0.167)
    """
    from scipy.stats import rankdata, spearmanr

    names = [name for name in on_set if name in on_all]
    x, y = (rankdata([side[name] for name in names]) for side in (on_set, on_all))
    if len(names) < 3 or not np.ptp(x) or not np.ptp(y):
        return None
    found = spearmanr(x, y, alternative="greater")
    chance = float(found.pvalue)
    if len(names) <= EXACT:
        orders = [np.dot(np.array(order), y) for order in itertools.permutations(x)]
        chance = float(np.mean(np.array(orders) >= np.dot(x, y) - 1e-9))
    return Agreement(round(float(found.statistic), 3), len(names), round(chance, 3))
