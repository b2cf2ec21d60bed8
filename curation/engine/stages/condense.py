"""Condense: a few items, made or chosen, that stand for all train items, with real ones of the same size beside them.

Every method, number of items per class and seed is a step of its own: it goes on where it was stopped, and more seeds
or numbers add steps. What each set is worth is another stage's question (`judge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from pydantic import Field

from curation.data.view import View
from curation.engine import registry, results
from curation.engine.compute import Call
from curation.engine.plan import Ask, Step
from curation.engine.recipe import Recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Named, Section, Stage
from curation.engine.stages.prune import left_out_of, subset
from curation.engine.trials import FULL
from curation.errors import InputError, RecipeError, RunError, nearest
from curation.training.condensing import Watch
from curation.training.mosaic import legible
from curation.training.realism import LEAST, realism

SNAPSHOT_SECONDS = 0.5  # between two snapshots at first; twice as long whenever there are too many
EQUAL_BYTES = "random_real, as many bytes"

PerClass = Annotated[int, Field(ge=1, le=10_000, strict=True)]


class Condense(Named):
    per_class: Annotated[list[PerClass], Field(min_length=1, default_factory=lambda: [1, 10])]
    seeds: Annotated[int, Field(ge=1, le=100, strict=True)] = 3  # condensations, each judged by a fresh student
    # Students that judge it: ids, or tables with `use`, a name and parameters. By default convnet; head for embeddings.
    students: list[str | dict[str, Any]] = Field(default_factory=list)
    size: Annotated[int, Field(ge=0, le=256, strict=True)] = 0  # side of the images in pixels; 0: [evidence.pixels]'s
    seconds: Annotated[float, Field(ge=0)] = 0.0  # for one condensation; 0: the method's own number of iterations
    prune: str = ""  # condense what this [[prune]] keeps; by default all train items
    without: list[str] = Field(default_factory=list)  # flags whose flagged items are left out
    path: Path | None = None  # a folder to write the finished sets to

    @pydantic.model_validator(mode="after")
    def _path_at_home(self) -> Condense:
        if self.path is not None:
            self.path = registry.at_home(self.path, "[[condense]] path")
        return self

    def writes(self) -> list[Path]:
        return [] if self.path is None else [self.path]

    @property
    def space(self) -> str:
        """What its sets hold: "pixels" or "embeddings"."""
        return "pixels" if "pixels" in _needs(self) else "embeddings"

    @property
    def judges(self) -> dict[str, Section]:
        """The students by name, with their parameters in full."""
        return judges(self.students or ["convnet" if self.space == "pixels" else "head"], f"[[condense]] {self.name}")

    @property
    def label(self) -> str:
        """What tables call it beside `of`: 'dm' of a section named 'dm of half'."""
        return self.name.removesuffix(f" of {self.of}")

    @property
    def of(self) -> str:
        """Which items it condenses, in words; "" for all."""
        return ", ".join([*filter(None, [self.prune]), *(f"without {name}" for name in self.without)])


# A condensation that fails ends its own cells and nothing else.
STAGE = Stage(
    kind="condensers",
    section="condense",
    model=Condense,
    shape="list",
    after=("schedule",),
    trial=RunError,
    resumable=True,
)


def validate(section: Condense, recipe: Recipe) -> None:
    where = f"[[condense]] {section.name}"
    if "text_embeddings" in _needs(section):
        raise RecipeError(f"{where}: {section.use} condenses arrays of pairs from Python only; see docs/condense.md")
    for one in section.judges.values():
        if one.use not in (able := learners(section.space)):
            reads = [need for need in registry.get("students", one.use).card.needs if need != "labels"]
            raise RecipeError(
                f"{where}: its sets hold {section.space} and the student {one.use} reads "
                f"{', '.join(reads) or 'files of real items'}; use one of: {', '.join(able)}"
            )
    _named("prune", "prune", [section.prune] if section.prune else [], [prune.name for prune in recipe.prune], where)
    _named("without", "flag", section.without, [flag.name for flag in recipe.flag], where)
    for beside in compared(section, recipe)[1:]:
        if section.label == beside.name and (section.use, section.params) != (beside.use, beside.params):
            raise RecipeError(
                f"{where}: this name is that of a set that always stands beside; give it a `name` of its own"
            )
    if section.label in (FULL, EQUAL_BYTES):
        raise RecipeError(f"{where}: this name is reserved; give it another `name`")
    folders = [other.path.absolute() for other in recipe.condense if other.path is not None]
    if section.path is not None and folders.count(section.path.absolute()) > 1:
        raise RecipeError(f"{where}: path = {str(section.path)!r} is written twice; give each its own folder")


def learners(space: str) -> dict[str, registry.Method]:
    """Students that a set can teach: of an item they read what sets of this space hold, and nothing else."""
    students = registry.methods("students")
    return {name: one for name, one in students.items() if set(one.card.needs) == {space, "labels"}}


def judges(students: Sequence[str | dict[str, Any]], where: str) -> dict[str, Section]:
    """Students as a recipe names them, checked: name -> a section with `use` and the parameters in full."""
    found: dict[str, Section] = {}
    for given in students:
        given = {"use": given} if isinstance(given, str) else dict(given)
        use = str(given.pop("use", ""))
        name = str(given.pop("name", use))
        method = registry.get("students", use, f"{where} students")
        if name in found:
            raise RecipeError(f"{where} students: {name!r} stands there twice; give each a `name` of its own")
        found[name] = Section(use=use, params=method.validated(given, f"{where} students: {name}"))
    return found


def compared(section: Condense, recipe: Recipe) -> list[Condense]:
    """The section, and the sets that always stand beside it."""
    made = [section]
    for use, given in baselines(section, recipe):
        params = registry.get("condensers", use).validated(given, use)
        name = use + " + soft" * params.get("soft", False)
        made.append(
            section.model_copy(update={"use": use, "name": name, "params": params, "seconds": 0.0, "path": None})
        )
    return made


def baselines(section: Condense, recipe: Recipe) -> list[tuple[str, dict[str, Any]]]:
    """Condensers with parameters: real items, the means of k-means, and real items with an expert's soft labels. Those
    that read embeddings are there where the recipe encodes; mosaics where their parts stay legible."""
    space = section.space
    found = [("random_real", {"space": space}), ("random_real", {"space": space, "soft": True})]
    if recipe.encode is not None:
        found.append(("medoids", {"space": space}))
    found.append(("centroids", {"space": space}))
    if space == "pixels" and recipe.encode is not None and legible(side(section, recipe)):
        found.append(("real_mosaic", {"soft": True}))
    return found


def side(section: Condense, recipe: Recipe) -> int:
    """Pixels a side of the images that are condensed."""
    given = recipe.evidence.get("pixels")
    params = given.params if given is not None else registry.get("evidence", "pixels").validated({}, "pixels")
    return section.size or params["size"]


def own_pixels(section: Condense, ask: Ask) -> dict[str, str]:
    """The evidence a step of the section reads in the place of the recipe's: images of its own size."""
    if section.space != "pixels" or not section.size:
        return {}
    params = registry.get("evidence", "pixels").validated({"size": section.size}, f"[[condense]] {section.name}")
    sized = Named(use="pixels", name="pixels", params=params)
    return {"pixels": ask.derived("evidence", sized, name=f"pixels, {section.size} a side")}


def steps(section: Condense, ask: Ask) -> list[str]:
    return [key for _, key, _ in sets(section, ask)]


def sets(section: Condense, ask: Ask) -> list[tuple[Condense, str, dict[str, Any]]]:
    """(what makes it, its key, words for tables) of every set, seed after seed: those of the section, the real ones
    beside them, and where its labels are soft random real items of as many bytes with one label each."""
    made = []
    for seed in range(section.seeds):
        for per_class in section.per_class:
            for one in compared(section, ask.recipe):
                shown = {"method": one.label, "per_class": per_class, "of": section.of, "seed": section.seed + seed}
                key = _condensed(one, ask, shown, {"per_class": per_class})
                made.append((one, key, shown))
                if one is section and _soft(section):
                    params = registry.get("condensers", "random_real").validated({"space": section.space}, EQUAL_BYTES)
                    update = {"use": "random_real", "name": EQUAL_BYTES, "params": params, "path": None, "seconds": 0.0}
                    real, shown = section.model_copy(update=update), shown | {"method": EQUAL_BYTES, "like": one.label}
                    made.append((real, _condensed(real, ask, shown, {}, {"like": key}), shown))
    return made


def words(shown: dict[str, Any]) -> str:
    """A set as a person would name it: 'dm, 10 per class of half, seed 0'."""
    name = shown["method"] + (f" as {shown['like']}" if shown.get("like") else "")
    return (
        f"{name}, {shown['per_class']} per class" + f" of {shown['of']}" * bool(shown["of"]) + f", seed {shown['seed']}"
    )


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """The set as `results.save` writes it, and snapshots/ of how it came to be."""
    rows = store.candidates
    if "prune" in step.inputs:
        rows = np.sort(results.load(store.folder("prune", step.inputs["prune"]), "rows"))
    rows = np.setdiff1d(rows, list(left_out_of(step, store)))
    if not len(rows):
        raise InputError(f"{step.label}: the flags in `without` leave no train item; name fewer of them")
    view, extra = store.view(step, rows, call.student), step.extra
    per_class = extra["per_class"] if "per_class" in extra else _as_many_bytes(step, store, view.labels)
    watch = Watch(folder, seconds=extra.get("seconds", 0.0), every=SNAPSHOT_SECONDS)
    made = call.bound(watch=watch)(view, per_class)
    spent = round(watch.spent, 3)
    watch.close()
    said = {"train_rows": len(rows), "asked": per_class, "spent": spent, **results.save(made, rows, folder)}
    if made.space == "pixels" and "baseline" not in step.method.card.tags:
        said["realism"] = _realism(made, view, call.device)
    return said


# ------------------------------------------------------------------------------------------------------------


def _condensed(
    section: Condense, ask: Ask, shown: dict[str, Any], extra: dict[str, Any], inputs: dict[str, str] | None = None
) -> str:
    inputs = {
        **(inputs or {}),
        **own_pixels(section, ask),
        **{f"flag:{name}": ask.result("flag", name) for name in section.without},
    }
    if section.prune:
        inputs["prune"] = subset(next(p for p in ask.recipe.prune if p.name == section.prune), ask)
    elif ask.rows_key:
        inputs["rows"] = ask.rows_key
    extra = {**extra, "without": sorted(section.without), **({"seconds": section.seconds} if section.seconds else {})}
    name, seed = words(shown), shown["seed"]
    return ask.derived("condense", section, name=name, seed=seed, inputs=inputs, extra=extra, shown=shown)


def _soft(section: Condense) -> bool:
    """Whether its sets have a number for every class in the place of a label."""
    return bool(section.params.get("soft")) or "soft" in registry.get("condensers", section.use).card.tags


def _needs(section: Section) -> tuple[str, ...]:
    method = registry.get("condensers", section.use)
    return method.needs(**section.params) if method.needs else method.card.needs


def _named(field: str, section: str, names: Sequence[str], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            among = nearest(name, known) if known else "there are none"
            raise RecipeError(f"{where}: {field} = {name!r} names no [[{section}]] of this recipe; {among}")


def _realism(made: results.Condensed, view: View, device: str) -> dict[str, float] | None:
    """None where there are too few real images, or too many of them the same, to compare with."""
    if len(view) < LEAST:
        return None
    how_real = realism(made, view, device=device)
    said = {of: round(getattr(how_real, of), 4) for of in ("residual_ratio", "ratio", "out_of_range")}
    return said if np.isfinite(list(said.values())).all() else None


def _as_many_bytes(step: Step, store: ResultReader, labels: np.ndarray) -> int:
    """Items of every class whose bytes with hard labels are nearest to, and not above, those of the set it is like."""
    like = store.workspace.card("condense", step.inputs["like"])
    classes = len(np.unique(labels))
    return max(1, int(like["bytes"] // (classes * like["item_bytes"])))
