"""A sampler to take home: lines for one's own loop, and a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.engine import registry
from curation.engine.recipe import Recipe
from curation.engine.stages.schedule import Schedule

_GIVEN = {"embeddings": "features", "neighbours": "features", "factors": "features", "labels": "labels"}


def snippet(name: str, params: Mapping[str, Any], *, keep: float, epochs: int, seed: int = 0) -> str:
    """Python for a plain loop with this sampler; what the sampler reads is asked for, parameters are those changed.

    >>> print(snippet("rs2", {}, keep=0.5, epochs=12).splitlines()[8])
    s = sampler("rs2", n=len(dataset), epochs=12, keep=0.5, seed=0)
    """
    method = registry.get("samplers", name)
    standard = method.validated({}, name)
    changed = {key: value for key, value in params.items() if value != standard.get(key)}
    asked = [_GIVEN[need] for need in method.card.needs if need in _GIVEN]
    if any(ref.kind == "scores" for ref in method.refs.values()):
        asked += ["features", "labels"]
    words = [f'"{name}"', "n=len(dataset)", f"epochs={epochs}", f"keep={keep:g}", f"seed={seed}"]
    words += [f"{what}={what}" for what in dict.fromkeys(asked)] + [
        f"{key}={value!r}" for key, value in changed.items()
    ]
    about = {"features": "# features: float [n, d], of a frozen encoder", "labels": "# labels: [n]"}
    lines = [
        "import math",
        "",
        "import torch",
        "from torch.nn.functional import cross_entropy",
        "from torch.utils.data import DataLoader",
        "",
        "from curation import indexed, sampler",
        "",
        *(about[what] for what in dict.fromkeys(asked)),
        f"s = sampler({', '.join(words)})",
        "loader = DataLoader(indexed(dataset), batch_size=64, sampler=s)",
        'peaks = [group["lr"] for group in optimiser.param_groups]',
        "while not s.finished:",
        *_AHEAD * _looks_ahead(method),
        "    for inputs, targets, ids in loader:",
        "        for group, peak in zip(optimiser.param_groups, peaks):",
        '            group["lr"] = peak * 0.5 * (1 + math.cos(math.pi * s.progress))',
        "        logits = net(inputs)",
        '        losses = cross_entropy(logits, targets, reduction="none")',
        "        optimiser.zero_grad()",
        "        (torch.from_numpy(s.weights(ids)) * losses).mean().backward()",
        "        optimiser.step()",
        "        s.update(ids, losses, logits)",
        "    s.end_epoch()",
        "print(s.accounting())",
    ]
    return "\n".join(lines) + "\n"


_AHEAD = [
    "    ahead = torch.utils.data.Subset(indexed(dataset), s.forward_rows.tolist())",
    "    for inputs, targets, ids in DataLoader(ahead, batch_size=256):",
    "        with torch.no_grad():",
    "            logits = net(inputs)",
    '        s.update(ids, cross_entropy(logits, targets, reduction="none"), logits, forward_only=True)',
]


def _looks_ahead(method: registry.Method) -> bool:
    return "forward" in method.card.tags


def chosen(recipe: Recipe, name: str, keep: float) -> Recipe:
    """The recipe with this sampler at this share as its schedule, and nothing but the baselines beside it."""
    section: Schedule = recipe.schedule
    params = section.params if name == section.use else registry.get("samplers", name).validated({}, name)
    own = section.model_copy(update={"use": name, "params": params, "others": [], "keeps": [keep]})
    return recipe.model_copy(update={"schedule": own})
