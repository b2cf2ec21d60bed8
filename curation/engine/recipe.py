"""The recipe: one TOML file that says what is wanted. Read strictly, written in full.

The stages declare its sections. Every section names a method with `use`; keys the stage knows are fields of its model,
the rest are that method's parameters and are checked against its own model. Whatever is wrong comes back as one
RecipeError line that names the section, the key and the value, before any work is done. Paths are relative to the
current directory.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any, get_args

import pydantic
import tomli_w

from curation.data.decisions import Action, Decision, checked_value
from curation.data.writing.atomic import TURNING
from curation.engine import registry
from curation.engine.stage import Named, Section, Stage, declared
from curation.errors import InputError, RecipeError, nearest


class Recipe(pydantic.BaseModel):
    """What is wanted: an attribute for every section the stages declare, as `recipe.source` or `recipe.prune`.

    One section is None where the recipe does not have it; several are a list, and evidence is a dict by name.
    decision: what a person decided, oldest first; the workspace's own decisions come after these.
    """

    model_config = pydantic.ConfigDict(extra="allow")

    decision: list[Decision] = []

    def toml(self) -> str:
        """The recipe in full, every parameter spelt out; reading it back gives an equal recipe."""
        parts = []
        for name, stage in declared().items():
            for section in stage.sections(self):
                if stage.shape == "table":
                    parts.append(_text(f"{name}.{section.name}", section, without=("use", "name")))
                else:
                    parts.append(_text(name, section, several=stage.shape == "list"))
        for decision in self.decision:
            said = {key: getattr(decision, key) for key in _SAID if getattr(decision, key)}
            parts.append(f"[[decision]]\n{tomli_w.dumps(said)}")
        return _TURNING.sub(lambda found: f"\\u{ord(found[0]):04X}", "\n".join(parts))  # as TOML spells them in quotes


_SAID = ("id", "action", "value", "why")
_TURNING = re.compile(f"[{TURNING}]")  # tomli_w spells out control characters itself


def load_recipe(path: Path | str) -> Recipe:
    """Read and check a recipe file. Raises RecipeError."""
    path = Path(os.path.expanduser(path))  # noqa: PTH111 - of an unknown user it stays as it is
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
    sections = declared()
    known = [*sections, "decision"]
    for name in raw:
        if name not in known:
            raise RecipeError(f"recipe: unknown section {name!r}; {nearest(name, known)}")
    if "source" not in raw:
        raise RecipeError("recipe: [source] is required and was not given")
    read = {"one": _one, "list": _list, "table": _table}
    parsed = {name: read[stage.shape](raw.get(name), stage) for name, stage in sections.items()}
    recipe = Recipe.model_construct(decision=_decisions(raw.get("decision", [])), **parsed)
    check_names(recipe)
    return recipe


def check_names(recipe: Recipe) -> None:
    """Raise RecipeError unless names are unique per section, and what refers to a name finds it."""
    for stage in declared().values():
        sections = stage.sections(recipe)
        names = [section.name for section in sections if isinstance(section, Named)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise RecipeError(f"{stage.where}: the name {twice!r} is used twice; give each a `name` of its own")
        for section in sections if stage.validate else ():
            stage.validate(section, recipe)


# -- reading ---------------------------------------------------------------------------------------------------


def _one(raw: Any, stage: Stage) -> Section | None:
    if isinstance(raw, list):
        raise RecipeError(f"recipe: write {stage.where}, a section that can appear only once")
    return None if raw is None else _section(raw, stage, stage.where)


def _list(raw: Any, stage: Stage) -> list[Section]:
    if raw is not None and not isinstance(raw, list):
        raise RecipeError(f"recipe: write {stage.where}, a section that can appear several times")
    return [_section(part, stage, stage.where) for part in raw or ()]


def _table(raw: Any, stage: Stage) -> dict[str, Section]:
    """Sections whose name is their method's; with a `path`, that of the method that reads files of the kind."""
    if not isinstance(raw, Mapping | None):
        raise RecipeError(f"recipe: write {stage.where}, a table for each kind of {stage.section}")
    methods = registry.methods(stage.kind)
    known = [name for name, method in methods.items() if "brought" not in method.card.tags]
    found = {}
    for name, part in (raw or {}).items():
        where = f"[{stage.section}.{name}]"
        if name not in known:
            raise RecipeError(f"{where}: there is no {stage.section} {name!r}; {nearest(name, known)}")
        if not isinstance(part, Mapping):
            raise RecipeError(f"{where}: expected a table, got {part!r}")
        brought = "path" in part and f"{name}_file" in methods
        found[name] = _section({**part, "use": f"{name}_file" if brought else name}, stage, where, hidden=("name",))
        found[name].name = name
    return found


def _section(raw: Any, stage: Stage, where: str, hidden: tuple[str, ...] = ()) -> Section:
    """hidden: fields of the model that a recipe does not write."""
    if not isinstance(raw, Mapping):
        raise RecipeError(f"{where}: expected a table with `use`, got {raw!r}")
    if "use" not in raw:
        raise RecipeError(f"{where}: `use` is required; {nearest('', registry.methods(stage.kind))}")
    method = registry.get(stage.kind, str(raw["use"]), where)
    fields = [field for field in stage.model.model_fields if field not in ("params", *hidden)]
    params = {key: value for key, value in raw.items() if key not in fields}
    for key in params:
        if key not in method.params.model_fields:
            known = [*method.params.model_fields, *fields]
            raise RecipeError(f"{where}: {method.id} has no parameter {key!r}; {nearest(key, known)}")
    try:
        section = stage.model(**{key: value for key, value in raw.items() if key in fields})
    except pydantic.ValidationError as error:
        raise RecipeError(f"{where} {method.id}: {registry.explain(error)}") from None
    section.params = method.validated(params, where)
    if isinstance(section, Named) and not section.name:
        section.name = section.use
    return section


def _decisions(raw: Any) -> list[Decision]:
    actions, found = get_args(Action), []
    for part in raw:
        if not isinstance(part, Mapping) or set(part) - set(_SAID) or not {"id", "action"} <= set(part):
            raise RecipeError(f"[[decision]]: expected id, action and perhaps value and why, got {part!r}")
        if part["action"] not in actions:
            raise RecipeError(f"[[decision]]: action = {part['action']!r}; {nearest(str(part['action']), actions)}")
        id_, why = part["id"], part.get("why", "")
        if not isinstance(id_, str) or not isinstance(why, str):
            raise RecipeError(f"[[decision]]: id = {id_!r}, why = {why!r}: expected texts; put them between quotes")
        try:
            value = checked_value(part["action"], part.get("value"))
        except InputError as error:
            raise RecipeError(f"[[decision]] on {id_!r}: {error}") from None
        found.append(Decision(id_, part["action"], value, why))
    return found


# -- writing ---------------------------------------------------------------------------------------------------


def _text(name: str, section: Section, *, several: bool = False, without: tuple[str, ...] = ()) -> str:
    """One section, and below it what has parts of its own as tables ([grow.simulate])."""
    inside = {
        field: dict(value)
        for field, value in section
        if isinstance(value, pydantic.BaseModel | dict) and field != "params"
    }
    engine = section.model_dump(exclude={"params", *without, *inside})
    flat = {**{key: value for key, value in engine.items() if value != ""}, **section.params}
    head = f"[[{name}]]" if several else f"[{name}]"
    tables = [f"[{name}.{field}]\n{_lines(values)}" for field, values in inside.items()]
    return "\n".join([f"{head}\n{_lines(flat)}", *tables])


def _lines(values: Mapping[str, Any]) -> str:
    return tomli_w.dumps({key: _plain(value) for key, value in values.items() if value is not None})


def _plain(value: Any) -> Any:
    """Paths as text; TOML has no other type that Winnow's parameters use."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, PurePath) else value
