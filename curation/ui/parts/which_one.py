"""Which method is the one for me: the catalogue by what a person wants and by what their data does not have."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from curation.engine import registry
from curation.engine.registry import Method

# what a person wants -> kind of method, and the tag it must have
WANTS = {
    "Find wrong labels": ("flags", "mislabel"),
    "Find duplicates": ("flags", "duplicate"),
    "Find outliers": ("flags", "outlier"),
    "Know what is hard": ("scores", None),
    "Keep the best part": ("pruners", None),
    "Label the next items": ("queries", None),
    "Train on what matters now": ("samplers", None),
}
HAVE = ("labels", "images", "texts")  # what data may lack


def fitting(methods: Sequence[Method], want: str | None, lacking: Collection[str]) -> list[Method]:
    """The methods that do what is wanted (None: anything) with data that lacks some of `HAVE`; the pruners of the
    highest accuracy on the benchmark first."""
    kind, tag = WANTS[want] if want else (None, None)
    found = [m for m in methods if kind in (None, m.kind) and (tag is None or tag in m.card.tags)]
    found = [m for m in found if not stands_on(m) & set(lacking)]
    return sorted(found, key=lambda m: -m.card.grid)


def stands_on(method: Method) -> set[str]:
    """What it reads in the end, through the evidence, scores and students it is given by default."""
    found = reads(method)
    for parameter, ref in method.refs.items():
        default = method.params.model_fields[parameter].default
        if isinstance(default, str) and default in registry.methods(ref.kind):
            found |= stands_on(registry.get(ref.kind, default))
    return found | ({"labels"} if method.kind == "students" else set())


def reads(method: Method) -> set[str]:
    """What it reads itself, and through evidence; what it is told to use can be exchanged."""
    found: set[str] = set()
    for need in method.card.needs:
        if need == "labels" and method.card.rows == "all":
            continue  # it looks at labels where there are any
        maker = next((m for m in registry.methods("evidence").values() if need in (m.id, *m.card.gives)), None)
        found |= {need} if maker is None or maker is method else {need} | stands_on(maker)
    return found
