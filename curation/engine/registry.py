"""Finds every method by listing `curation/methods/`. One file = one method; there is no list to keep.

A method file has a docstring, a `CARD` and one public function named after its folder's verb, which the folder's
`__init__.py` declares as part of its `KIND`. Keyword-only parameters of that function become a pydantic model: it
validates recipes, draws the app's forms and writes the documentation. Names in `INJECTED` are handed over by the
runner and are not parameters.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pydantic

import curation.methods
from curation import packages
from curation.card import Card, Kind, Later, Ref
from curation.data.remote.location import redacted, refuse_secrets
from curation.engine import stage
from curation.errors import InputError, RecipeError, UnavailableError, nearest

# What the runner hands over by name. Everything else that is keyword-only is a parameter.
INJECTED = frozenset(
    {"rng", "seed", "device", "progress", "record", "into", "items", "held_out", "group", "sampler", "watch", "spread"}
)


@dataclass(frozen=True)
class Method:
    """One file of `curation/methods/`, described."""

    id: str
    kind: str
    card: Card
    call: Callable
    preflight: Callable | None  # optional second function: raises UnavailableError before any work
    network: Callable | None  # optional, students only: (view, **params) -> Network without weights, to differentiate
    doc: str
    files: Callable | None = None  # optional: (**params) -> files the result depends on, unnamed by parameters
    needs: Callable | None = None  # optional: (**params) -> the part of the card's needs it reads with them
    # Optional. Of students: (m, **params) -> items that m of them take in training. Of condensers: (m, per_class,
    # classes, **params) -> items a ConvNet of width 32 could be trained on in the same time.
    passes: Callable | None = None
    watches: Callable | None = None  # optional, sources only: (**params) -> what to look at instead of their paths
    recognises: Callable | None = None  # optional, sources only: (path) -> whether it holds what this source reads
    preview: Callable | None = None  # optional, sources by name only: (**params) -> Guess, before a download

    def __reduce__(self):
        return load, (self.kind, self.id)  # by name: a step can be handed to another process

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return self.doc.strip().splitlines()[0]

    @cached_property
    def injected(self) -> frozenset[str]:
        return frozenset(inspect.signature(self.call).parameters) & INJECTED

    @cached_property
    def refs(self) -> dict[str, Ref]:
        """Parameters that name another method: {parameter: Ref}."""
        found = {}
        for name, field in self.params.model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, Ref):
                    found[name] = mark
        return found

    def in_key(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that are part of a key."""
        later = {
            name: field.default
            for name, field in self.params.model_fields.items()
            if any(isinstance(mark, Later) for mark in field.metadata)
        }
        return {name: value for name, value in params.items() if name not in later or value != later[name]}

    @cached_property
    def params(self) -> type[pydantic.BaseModel]:
        """The parameters as a pydantic model; unknown names are refused."""
        hints = typing.get_type_hints(self.call, include_extras=True)
        fields: dict[str, Any] = {}
        for name, parameter in inspect.signature(self.call).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY and name not in INJECTED:
                default = ... if parameter.default is parameter.empty else parameter.default
                fields[name] = (hints[name], default)
        config = pydantic.ConfigDict(extra="forbid", validate_default=True, protected_namespaces=())
        return pydantic.create_model(f"{self.id}_params", __config__=config, **fields)

    def validated(self, given: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Parameters in full, checked. Raises RecipeError with one line that starts with `where`."""
        for name in given:
            if name not in self.params.model_fields:
                known = list(self.params.model_fields)
                hint = nearest(name, known) if known else "it takes none"
                raise RecipeError(f"{where}: {self.id} has no parameter {name!r}; {hint}")
        try:
            refuse_secrets(given)
        except InputError as error:
            raise RecipeError(f"{where}: {error}") from None
        try:
            found = self.params.model_validate(dict(given)).model_dump()
        except pydantic.ValidationError as error:
            raise RecipeError(f"{where}: {explain(error)}") from None
        paths = {name: at_home(value, f"{where}: {name}") for name, value in found.items() if isinstance(value, Path)}
        return {**found, **paths}

    def missing(self) -> list[str]:
        """Packages the card requires that are not installed, as pip knows them."""
        return packages.missing(self.card.requires)

    def check(self, params: Mapping[str, Any], device: str = "cpu") -> None:
        """Raise UnavailableError, with the command that fixes it, if this cannot run with these parameters."""
        self._check_packages()
        if self.preflight is not None:
            self.preflight(**params)

    def _check_packages(self) -> None:
        if missing := self.missing():
            raise UnavailableError(packages.needs(self.id, missing))

    def unavailable(self, params: Mapping[str, Any] | None = None) -> str | None:
        """Why this cannot run, in words; None when it can. `params` default to the method's own; a method that
        requires some, such as a path, is then judged by its packages alone."""
        try:
            if params is not None:
                self.check(params)
            elif any(field.is_required() for field in self.params.model_fields.values()):
                self._check_packages()
            else:
                self.check(self.params().model_dump())
        except UnavailableError as error:
            return str(error)
        return None


def at_home(path: Path, where: str) -> Path:
    """A path with ~ for the home folder spelt out. Raises RecipeError."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise RecipeError(f"{where} = {str(path)!r}: no such home folder; write the path in full") from None


def explain(error: pydantic.ValidationError) -> str:
    """The first problem of a pydantic error as 'key = value: what was expected'."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{key} is required and was not given"
    message = first["msg"].removeprefix("Value error, ")
    return f"{key} = {redacted(repr(first['input']))}: {message[0].lower()}{message[1:]}"


@lru_cache
def kinds() -> dict[str, Kind]:
    """Every kind of method, by its folder, in the order of the stages that use them."""
    folders = {m.name for m in pkgutil.iter_modules(curation.methods.__path__) if m.ispkg}
    order = dict.fromkeys(s.kind for s in stage.stages().values() if s.kind in folders)
    names = [*order, *sorted(folders - order.keys())]
    return {name: importlib.import_module(f"{curation.methods.__name__}.{name}").KIND for name in names}


@lru_cache
def methods(kind: str) -> dict[str, Method]:
    """All methods of one kind, by id, sorted."""
    package = importlib.import_module(f"{curation.methods.__name__}.{kind}")
    names = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    return {name: load(kind, name) for name in names}


def all_methods() -> list[Method]:
    return [method for kind in kinds() for method in methods(kind).values()]


def get(kind: str, name: str, where: str = "") -> Method:
    """One method, or a RecipeError that suggests the nearest name."""
    known = methods(kind)
    if name not in known:
        raise RecipeError(f"{where or kind}: there is no {kinds()[kind].one} {name!r}; {nearest(name, known)}")
    return known[name]


@lru_cache
def evidence() -> dict[str, str]:
    """What evidence there is: need -> the file in methods/evidence that gathers it, planned in when asked for."""
    own = [method for method in methods("evidence").values() if "brought" not in method.card.tags]
    return {need: method.id for method in own for need in (method.id, *method.card.gives)}


def load(kind: str, name: str) -> Method:
    """Import one method file."""
    module = importlib.import_module(f"{curation.methods.__name__}.{kind}.{name}")
    return Method(
        id=name,
        kind=kind,
        card=module.CARD,
        call=getattr(module, kinds()[kind].verb),
        preflight=getattr(module, "preflight", None),
        network=getattr(module, "network", None),
        files=getattr(module, "files", None),
        needs=getattr(module, "needs", None),
        passes=getattr(module, "passes", None),
        watches=getattr(module, "watches", None),
        recognises=getattr(module, "recognises", None),
        preview=getattr(module, "preview", None),
        doc=inspect.getdoc(module) or "",
    )
