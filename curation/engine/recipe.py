"""The recipe: one TOML file that says what is wanted. Read strictly, written in full.

Every section names a method with `use`; keys the engine knows are fields here, the rest are that method's
parameters and are checked against its own model. Whatever is wrong comes back as one RecipeError line that names
the section, the key and the value, before any work is done. Paths are relative to the current directory.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import tomli_w
from pydantic import Field

from curation.card import EVIDENCE
from curation.data.decisions import Decision
from curation.data.writing.atomic import TURNING
from curation.engine import registry
from curation.errors import RecipeError, nearest

Share = Annotated[float, Field(gt=0, le=1, strict=True)]


class Section(pydantic.BaseModel):
    """`use` and `seed`, and the method's parameters in full under `params`."""

    model_config = pydantic.ConfigDict(extra="forbid")

    use: str
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    params: dict[str, Any] = {}


class Named(Section):
    """A section that may stand several times; `name` tells them apart, by default the method's id."""

    name: str = ""


class Source(Section):
    holdout: Annotated[float, Field(ge=0, le=0.5)] = 0.2  # share held out as test when the source has no test split
    group: str = ""  # what must stay together: "folder", "prefix:_" (file name up to the first _), or a column


class Simulate(pydantic.BaseModel):
    """[grow.simulate]: the labelled train rows play the pool, their labels are hidden and given when asked for."""

    model_config = pydantic.ConfigDict(extra="forbid")

    strategies: list[str] = []  # beside `use` and random, each with its defaults
    start: Annotated[int, Field(ge=0, strict=True)] = 5  # labels per class to begin with (of the concept); 0 is cold
    others: Annotated[int, Field(ge=0, strict=True)] = 95  # with a concept: labels of other classes to begin with
    rounds: Annotated[int, Field(ge=1, le=1000, strict=True)] = 10
    seeds: Annotated[int, Field(ge=1, le=100, strict=True)] = 3
    noise: Annotated[float, Field(ge=0, le=0.9)] = 0.0  # share of labels given wrong, drawn once per item
    rare: Annotated[float, Field(ge=0, le=1)] = 0.0  # thin the concept to this share of the pool; 0 leaves it
    outside: list[str] = []  # classes that are none of ours: asked for, they are a wasted question
    outside_share: Annotated[float, Field(gt=0, lt=1)] = 0.1  # thin them to this share of the pool


class Grow(Section):
    """Which items to have labelled next. `use` is the strategy."""

    batch: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 100
    candidates: Literal["all", "seals"] = "all"  # seals: only the neighbours of what is labelled
    neighbours: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 100  # per labelled row, with seals
    concept: str = ""  # one class against all others
    student: str = "logistic"  # fitted on what is labelled, again for every batch
    cost: str = ""  # what an item costs: nothing said = 1 each, "bytes", "pixels", or a CSV of id and cost
    simulate: Simulate | None = None


class Prune(Named):
    keep: Share  # of the train rows
    balance: bool = False  # keep the same share of every class
    without: list[str] = []  # flags whose flagged rows are left out before anything is chosen


class Verify(Section):
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    keeps: list[Share] = []  # shares to try for every prune; by default each prune's own


class Export(Section):
    prune: str = ""  # which [[prune]]; by default the first


class Recipe(pydantic.BaseModel):
    source: Source
    encode: Section | None = None
    evidence: dict[str, Section] = {}
    score: list[Named] = []
    flag: list[Named] = []
    map: Section | None = None
    grow: Grow | None = None
    prune: list[Prune] = []
    verify: Verify | None = None
    export: list[Export] = []
    decision: list[Decision] = []

    def toml(self) -> str:
        """The recipe in full, every parameter spelt out; reading it back gives an equal recipe."""
        out: dict[str, Any] = {"source": _flat(self.source)}
        if self.encode:
            out["encode"] = _flat(self.encode)
        for name, section in self.evidence.items():
            out[f"evidence.{name}"] = _flat(section, without=("use",))
        for kind in ("score", "flag"):
            if sections := getattr(self, kind):
                out[kind] = [_flat(section) for section in sections]
        if self.map:
            out["map"] = _flat(self.map)
        if self.grow:
            out["grow"] = _flat(self.grow, without=("simulate",))
            if self.grow.simulate:
                out["grow.simulate"] = self.grow.simulate.model_dump()
        if self.prune:
            out["prune"] = [_flat(section) for section in self.prune]
        if self.verify:
            out["verify"] = _flat(self.verify)
        if self.export:
            out["export"] = [_flat(section) for section in self.export]
        if self.decision:
            wanted = ("id", "action", "value", "why")
            out["decision"] = [{k: getattr(d, k) for k in wanted if getattr(d, k)} for d in self.decision]
        text = "\n".join(_text(name, part) for name, part in out.items())
        return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04X}", text)  # as TOML spells them between quotes


_TURNING = re.compile(f"[{TURNING}]")  # tomli_w spells out control characters itself

# section -> (kind of method, model, may stand several times)
SECTIONS = {
    "source": ("sources", Source, False),
    "encode": ("encoders", Section, False),
    "score": ("scores", Named, True),
    "flag": ("flags", Named, True),
    "map": ("maps", Section, False),
    "grow": ("queries", Grow, False),
    "prune": ("pruners", Prune, True),
    "verify": ("students", Verify, False),
    "export": ("exporters", Export, True),
}


def load_recipe(path: Path | str) -> Recipe:
    """Read and check a recipe file. Raises RecipeError."""
    path = Path(path)
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"the recipe {path} is not text in UTF-8") from None
    try:
        return parse_recipe(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"the recipe {path} is not valid TOML: {error}") from None


def parse_recipe(raw: Mapping[str, Any]) -> Recipe:
    """Check a recipe given as nested dicts (as TOML reads it). Raises RecipeError."""
    known = [*SECTIONS, "evidence", "decision"]
    for name in raw:
        if name not in known:
            raise RecipeError(f"recipe: unknown section {name!r}; {nearest(name, known)}")
    if "source" not in raw:
        raise RecipeError("recipe: [source] is required and was not given")
    parsed: dict[str, Any] = {}
    for name, (kind, model, several) in SECTIONS.items():
        if name not in raw:
            continue
        where = f"[[{name}]]" if several else f"[{name}]"
        if several != isinstance(raw[name], list):
            raise RecipeError(
                f"recipe: write {where}, " + ("it may stand several times" if several else "it stands once")
            )
        sections = [_section(part, kind, model, where) for part in (raw[name] if several else [raw[name]])]
        parsed[name] = sections if several else sections[0]
    parsed["evidence"] = _evidence(raw.get("evidence", {}))
    parsed["decision"] = _decisions(raw.get("decision", []))
    recipe = Recipe.model_construct(**{**{k: v.get_default() for k, v in Recipe.model_fields.items()}, **parsed})
    _check_names(recipe)
    return recipe


def _section(raw: Any, kind: str, model: type[Section], where: str) -> Section:
    if not isinstance(raw, Mapping):
        raise RecipeError(f"{where}: expected a table with `use`, got {raw!r}")
    if "use" not in raw:
        raise RecipeError(f"{where}: `use` is required; {nearest('', registry.methods(kind))}")
    method = registry.get(kind, str(raw["use"]), where)
    engine = {key: value for key, value in raw.items() if key in model.model_fields and key != "params"}
    params = {key: value for key, value in raw.items() if key not in engine}
    for key in params:
        if key not in method.params.model_fields:
            known = [*method.params.model_fields, *(f for f in model.model_fields if f != "params")]
            raise RecipeError(f"{where}: {method.id} has no parameter {key!r}; {nearest(key, known)}")
    if engine.get("keep") is not None and isinstance(engine["keep"], int) and not isinstance(engine["keep"], bool):
        engine["keep"] = float(engine["keep"])
    if isinstance(engine.get("keeps"), list):
        engine["keeps"] = [float(k) if isinstance(k, int) and not isinstance(k, bool) else k for k in engine["keeps"]]
    try:
        section = model(**engine)
    except pydantic.ValidationError as error:
        raise RecipeError(f"{where} {method.id}: {registry.explain(error)}") from None
    section.params = method.validated(params, where)
    if isinstance(section, Named) and not section.name:
        section.name = section.use
    return section


def _evidence(raw: Any) -> dict[str, Section]:
    if not isinstance(raw, Mapping):
        raise RecipeError("recipe: write [evidence.<name>], a table for each kind of evidence")
    found = {}
    for name, part in raw.items():
        where = f"[evidence.{name}]"
        if name not in EVIDENCE.values():
            raise RecipeError(f"{where}: there is no evidence {name!r}; {nearest(name, set(EVIDENCE.values()))}")
        if not isinstance(part, Mapping):
            raise RecipeError(f"{where}: expected a table, got {part!r}")
        brought = "path" in part and f"{name}_file" in registry.methods("evidence")
        found[name] = _section({**part, "use": f"{name}_file" if brought else name}, "evidence", Section, where)
    return found


def _decisions(raw: Any) -> list[Decision]:
    found = []
    for part in raw:
        unknown = set(part) - {"id", "action", "value", "why"}
        if unknown or not {"id", "action"} <= set(part):
            raise RecipeError(f"[[decision]]: expected id, action and perhaps value and why, got {dict(part)!r}")
        if part["action"] not in ("relabel", "confirm", "drop", "keep", "review"):
            raise RecipeError(
                f"[[decision]]: action = {part['action']!r}; "
                + nearest(str(part["action"]), ("relabel", "confirm", "drop", "keep", "review"))
            )
        found.append(Decision(str(part["id"]), part["action"], part.get("value"), part.get("why", "")))
    return found


def _check_names(recipe: Recipe) -> None:
    """Names are unique per section, and what refers to a name finds it."""
    for kind in ("score", "flag", "prune"):
        names = [section.name for section in getattr(recipe, kind)]
        for name in names:
            if names.count(name) > 1:
                raise RecipeError(f"[[{kind}]]: the name {name!r} is used twice; give each a `name` of its own")
    flags, prunes = [f.name for f in recipe.flag], [p.name for p in recipe.prune]
    for prune in recipe.prune:
        for name in prune.without:
            if name not in flags:
                raise RecipeError(
                    f"[[prune]] {prune.name}: without = {name!r} names no [[flag]] of this recipe; "
                    + (nearest(name, flags) if flags else "there are none")
                )
    for export in recipe.export:
        if export.prune and export.prune not in prunes:
            raise RecipeError(
                f"[[export]] {export.use}: prune = {export.prune!r} names no [[prune]] of this recipe; "
                + (nearest(export.prune, prunes) if prunes else "there are none")
            )
    if recipe.grow:
        registry.get("students", recipe.grow.student, "[grow] student")
        for name in recipe.grow.simulate.strategies if recipe.grow.simulate else ():
            registry.get("queries", name, "[grow.simulate] strategies")


def _text(name: str, part: dict[str, Any] | list[dict[str, Any]]) -> str:
    """One section; tomli_w alone would put short ones on a single line, before everything else."""
    if isinstance(part, list):
        return "\n".join(f"[[{name}]]\n{tomli_w.dumps(one)}" for one in part)
    return f"[{name}]\n{tomli_w.dumps(part)}"


def _flat(section: Section, without: tuple[str, ...] = ()) -> dict[str, Any]:
    flat = {**section.model_dump(exclude={"params", *without}), **section.params}
    return {key: _plain(value) for key, value in flat.items() if value is not None and value != ""}


def _plain(value: Any) -> Any:
    """Paths as text; TOML has no other type that Winnow's parameters use."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
