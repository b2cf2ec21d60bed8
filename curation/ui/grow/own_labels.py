"""The curve of a person's own labels: the batches so far, and what the next labels are worth."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from curation.data.decisions import Decision, fold
from curation.engine.plan import Plan, labels_key
from curation.engine.results import read_json
from curation.maths.fitting.learning_curve import SIZES, Refusal, fit

_TRIES = 500  # moments of the history a batch is looked for at


def curve(the_plan: Plan, history: Sequence[Decision]) -> list[dict[str, Any]]:
    """The cards of the batches a person was shown on the way here, oldest first: what every label bought.

    the_plan: with the [grow] section in question. history: the decisions of the workspace, as `DecisionLog.all()` gives
    them. A batch counts when it was asked for in the same way, its size aside, and the labels known then are labels
    known on the way to today's: what was undone takes its points with it.
    """
    step = the_plan.find("query")
    mine = _way(step.method.id, {**step.params, **step.extra}, step.inputs)
    undone = {int(d.value) for d in history if d.action == "undo"}
    standing = [d for d in history if d.action != "undo" and d.batch not in undone]
    ends = [0, *(i for i in range(1, len(standing)) if standing[i].batch != standing[i - 1].batch), len(standing)]
    times = [standing[end - 1].at if end else "" for end in ends]

    @cache
    def key_at(place: int) -> str | None:
        return labels_key(fold([*the_plan.recipe.decision, *standing[: ends[place]]]))

    found: dict[int, dict[str, Any]] = {}
    for path in sorted(the_plan.workspace.path("query", "").glob("[!.]*/card.json")):
        card = read_json(path)
        if _way(card["use"], card["params"], card["inputs"]) != mine:
            continue
        # What was known when it was made stands nearest: with thousands of labels not every moment can be tried.
        made = bisect_right(times, card["created"]) - 1
        places = sorted(range(len(ends)), key=lambda place: (abs(place - made), -place))[:_TRIES]
        place = next((place for place in places if key_at(place) == card["inputs"].get("labels")), None)
        if place is not None:
            found[place] = card
    return [found[place] for place in sorted(found)]


@dataclass(frozen=True)
class Worth:
    """What the next labels are worth. gain: how far the metric is expected to rise, None where that cannot be said."""

    gain: float | None
    more: int
    sentence: str


def worth(points: Sequence[Mapping[str, Any]], more: int = 500, metric: str = "accuracy") -> Worth:
    """Read what `more` labels would buy off a curve of points, those of `curve` or the rows of one simulated cell.

    A power law is fitted through 1 - metric. The points were chosen, not drawn at random, and are few, so this is a
    hint and the sentence says "about". It is refused below four points, or where
    they follow no law.

    >>> points = [{"labelled": n, "accuracy": 1 - 2 * n**-0.5} for n in (50, 100, 200, 400, 800)]
    >>> worth(points, 800).sentence
    'The next 800 labels are worth about 2.1 points of accuracy.'
    """
    told = {p.get("labelled", p.get("labels")): p[metric] for p in points if p.get(metric) is not None}
    told = {n: value for n, value in told.items() if n}
    if len(told) < SIZES:
        return Worth(
            None,
            more,
            f"The worth of the next labels can be estimated after {SIZES} batches; so far there are {len(told)}.",
        )
    found = fit(list(told), [[1 - value] for value in told.values()])
    name = metric.replace("_", " ")
    if isinstance(found, Refusal):
        return Worth(None, more, f"The worth of the next labels cannot be estimated: {name} follows no curve so far.")
    gain = found.value_of_next(max(told), more)
    return Worth(gain, more, f"The next {more:,} labels are worth about {100 * gain:.1f} points of {name}.")


def _way(use: str, params: Mapping[str, Any], inputs: Mapping[str, str]) -> tuple:
    """What makes two batches points of one curve."""
    asked = {name: value for name, value in params.items() if name != "batch"}
    return use, json.dumps(asked, sort_keys=True, default=str), inputs["source"], inputs.get("embeddings")
