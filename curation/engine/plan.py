"""The plan: from what a recipe wants, backwards to what must exist, and which of it exists already.

Every step has a key = hash(stage, method, version, parameters, keys of what it reads), known before anything
runs. A step whose folder exists is cached. Labels a person changed are part of the keys of what reads labels;
dropped and pinned rows are part of the keys of what chooses rows. So a relabel renews evidence and scores, a drop
renews only the subset, and neither moves the map.

A row without a label joins the train rows when a person gives it one, and that is part of the keys of all that is
computed on the train rows. Which rows those are is known once the source is read; until then a plan takes every row
to be labelled, and `run` plans again after reading.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from curation.card import EVIDENCE
from curation.data.decisions import DecisionLog, EffectiveDecisions, fold
from curation.data.items import unlabelled_ids
from curation.data.workspace import Workspace, key_of
from curation.engine import registry
from curation.engine.recipe import Export, Grow, Named, Prune, Recipe, Section, Simulate
from curation.engine.registry import Method
from curation.errors import RecipeError, SourceError

STAGES = ("source", "encode", "query", "evidence", "score", "flag", "map", "prune", "verify", "growth", "export")

# stage -> kind of method, for the stages that read a View
KIND_OF = {
    "evidence": "evidence",
    "score": "scores",
    "flag": "flags",
    "map": "maps",
    "query": "queries",
    "prune": "pruners",
    "verify": "students",
    "growth": "queries",
}

FULL, RANDOM = "full", "random"  # what verification and growth always show beside the recipe's own
POOL = "pool"  # train and unlabelled rows


@dataclass(frozen=True)
class Step:
    """One result to have. `inputs` maps what is read to the key it comes from."""

    stage: str
    name: str  # tells steps of one stage apart; the section's name
    method: Method
    params: Mapping[str, Any]
    seed: int
    inputs: Mapping[str, str]
    extra: Mapping[str, Any] = field(default_factory=dict)  # what the engine itself adds, e.g. keep and balance
    shown: Mapping[str, Any] = field(default_factory=dict)  # words for tables and charts; not part of the key
    reads: tuple[str, ...] = ()  # what its View provides: the card's needs and those of a student it trains
    students: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # students it may train, with parameters
    files: tuple[str, ...] = ()  # fingerprints of the files among the parameters
    larger: tuple[float, ...] = ()  # shares of the same nested prune: where one is done, this is a prefix of it

    @cached_property
    def key(self) -> str:
        return key_of(
            stage=self.stage,
            use=self.method.id,
            version=self.method.card.version,
            params=self.params,
            seed=self.seed if self.method.card.stochastic else None,
            inputs=self.inputs,
            extra=self.extra,
            students={name: [registry.get("students", name).card.version, p] for name, p in self.students.items()},
            files=self.files,
        )

    @property
    def label(self) -> str:
        """As a person would name it: 'score aum'."""
        return f"{self.stage} {self.name}"


@dataclass
class Plan:
    """Steps in an order that runs, and which are done."""

    recipe: Recipe
    workspace: Workspace
    effective: EffectiveDecisions
    steps: list[Step] = field(default_factory=list)

    def find(self, stage: str, name: str | None = None) -> Step | None:
        return next((s for s in self.steps if s.stage == stage and (name is None or s.name == name)), None)

    def of(self, stage: str) -> list[Step]:
        return [s for s in self.steps if s.stage == stage]

    def done(self, step: Step | None) -> bool:
        return step is not None and self.workspace.done(step.stage, step.key)

    def missing(self) -> list[Step]:
        return [s for s in self.steps if not self.done(s)]


def plan(
    recipe: Recipe, workspace: Workspace, until: str | None = None, effective: EffectiveDecisions | None = None
) -> Plan:
    """Work out every step of a recipe. Raises RecipeError or SourceError, before any work is done.

    until: the last stage wanted, out of `STAGES`.
    effective: what a person decided; by default the recipe's decisions, then those of the workspace.
    """
    if until is not None and until not in STAGES:
        raise RecipeError(f"--until {until!r}: {registry.nearest(until, STAGES)}")
    if effective is None:
        effective = fold([*recipe.decision, *DecisionLog(workspace.folder).all()])
    planner = _Planner(recipe, workspace, effective)
    for stage in STAGES[: STAGES.index(until) + 1] if until else STAGES:
        planner.stage(stage)
    return planner.plan


class _Planner:
    """Adds steps with everything they need in front of them; a step is added once."""

    def __init__(self, recipe: Recipe, workspace: Workspace, effective: EffectiveDecisions):
        self.recipe, self.effective = recipe, effective
        self.plan = Plan(recipe, workspace, self.effective)
        # Only what differs from the data as read enters the keys: no decisions, same keys as ever.
        self.labels_key = labels_key(effective)
        chosen = {"dropped": sorted(self.effective.dropped), "pinned": sorted(self.effective.pinned)}
        self.rows_key = key_of(**chosen) if any(chosen.values()) else None

    @cached_property
    def unlabelled(self) -> frozenset[str]:
        """Ids the source brings without a label; none before it is read."""
        folder = self.plan.workspace.path("source", self.source_key)
        return unlabelled_ids(folder) if folder.is_dir() else frozenset()

    @cached_property
    def joined_key(self) -> str | None:
        """Names the rows that became train rows by a label given by hand."""
        joined = self.unlabelled & self.effective.labels.keys()
        return key_of(joined=sorted(joined)) if joined else None

    def stage(self, stage: str) -> None:
        """Add all a recipe wants of one stage. The key of the source is asked for by everything, once."""
        recipe = self.recipe
        if stage == "evidence":
            for name in recipe.evidence:
                self.evidence(name)
        elif stage in ("score", "flag"):
            for section in getattr(recipe, stage):
                self.derived(stage, section)
        elif stage == "map" and recipe.map:
            self.derived("map", recipe.map)
            if recipe.grow and self.unlabelled:  # with the rows that wait for a label
                self.derived("map", recipe.map, name=POOL, extra={"rows": POOL})
        elif stage == "query" and recipe.grow:
            self.query(recipe.grow)
        elif stage == "growth" and recipe.grow and recipe.grow.simulate:
            self.growth(recipe.grow, recipe.grow.simulate)
        elif stage == "prune":
            for section in recipe.prune:
                self.prune(section)
        elif stage == "verify" and recipe.verify:
            self.verify()
        elif stage == "export":
            for section in recipe.export:
                self.export(section)
        elif stage == "encode" and recipe.encode:
            _ = self.encode_key
        elif stage == "source":
            _ = self.source_key

    # -- one method per stage: each returns the step's key ----------------------------------------------

    @cached_property
    def source_key(self) -> str:
        section = self.recipe.source
        method = registry.get("sources", section.use)
        files = _fingerprints(section.params.values(), "[source]")
        return self.add(
            Step(
                "source",
                section.use,
                method,
                section.params,
                section.seed,
                {},
                {"holdout": section.holdout, **({"group": section.group} if section.group else {})},
                files=files,
            )
        )

    @cached_property
    def encode_key(self) -> str:
        section = self.recipe.encode
        method = registry.get("encoders", section.use)
        files = _fingerprints(section.params.values(), "[encode]")
        inputs = {"source": self.source_key}
        return self.add(
            Step(
                "encode",
                section.use,
                method,
                section.params,
                section.seed,
                inputs,
                reads=method.card.needs,
                files=files,
            )
        )

    def evidence(self, name: str, rows: str = "") -> str:
        extra = {"rows": rows} if rows else None
        return self.derived("evidence", self.evidence_section(name), name=f"{name} {rows}".strip(), extra=extra)

    def evidence_section(self, name: str) -> Section:
        if name in self.recipe.evidence:
            return self.recipe.evidence[name]
        method = registry.get("evidence", name)
        return Section(use=name, params=method.validated({}, f"[evidence.{name}]"))

    def score(self, name: str) -> str:
        """A score some method refers to: one of the recipe's, else a method's with its defaults."""
        section = next((s for s in self.recipe.score if s.name == name), None)
        if section is None:
            method = registry.get("scores", name)
            section = Named(use=name, name=name, params=method.validated({}, f"[[score]] {name}"))
        return self.derived("score", section)

    def prune(
        self,
        section: Prune,
        keep: float | None = None,
        seed: int | None = None,
        shown: Mapping[str, Any] | None = None,
    ) -> str:
        card = registry.get("pruners", section.use).card
        balance = section.balance and not card.balances  # what a pruner does anyway is not asked of the engine
        extra = {"keep": keep or section.keep, "balance": balance, "without": sorted(section.without)}
        inputs = {f"flag:{name}": self.flag(name) for name in section.without}
        if self.rows_key:
            inputs["rows"] = self.rows_key
        if balance and self.labels_key:
            inputs["labels"] = self.labels_key
        shares = {section.keep, *(self.recipe.verify.keeps if self.recipe.verify else ()), 1.0}
        larger = tuple(share for share in sorted(shares) if card.nested and share > extra["keep"])
        return self.derived("prune", section, extra=extra, inputs=inputs, seed=seed, shown=shown, larger=larger)

    def flag(self, name: str) -> str:
        return self.derived("flag", next(s for s in self.recipe.flag if s.name == name))

    def verify(self) -> None:
        verify = self.recipe.verify
        wanted = [(p, keep) for p in self.recipe.prune for keep in (verify.keeps or [p.keep])]
        for keep in sorted({keep for _, keep in wanted}):
            baseline = Prune(use="random", name=RANDOM, keep=keep, balance=True)
            if not any(p.name == RANDOM for p, k in wanted if k == keep):
                wanted.append((baseline, keep))
        for seed in range(verify.seeds):
            for section, keep in sorted(wanted, key=lambda w: -w[1]):  # of a nested pruner the others are prefixes
                method = registry.get("pruners", section.use)
                drawn = section.seed + seed if method.card.stochastic else section.seed
                key = self.prune(section, keep, drawn, shown={"trial": True})  # a subset only verification asks for
                self.cell(section.name, keep, seed, {"prune": key})
            self.cell(FULL, 1.0, seed, {"rows": self.rows_key} if self.rows_key else {})

    def cell(self, name: str, keep: float, seed: int, inputs: dict[str, str]) -> None:
        label = f"{name} at {100 * keep:.4g} %, seed {seed}"
        shown = {"method": name, "keep": keep}
        self.derived("verify", self.recipe.verify, inputs=inputs, seed=seed, name=label, shown=shown)

    def query(self, grow: Grow) -> str:
        """The next batch. Every label given, and every row put aside, makes it another one."""
        inputs = {"labels": self.labels_key, "rows": self.rows_key}
        if self.effective.queued:
            inputs["queued"] = key_of(queued=sorted(self.effective.queued))
        return self.asked("query", grow, {k: v for k, v in inputs.items() if v})

    def growth(self, grow: Grow, simulate: Simulate) -> None:
        """A cell for every strategy and seed: the whole history of a pool that grows."""
        extra = simulate.model_dump(exclude={"strategies", "seeds"})
        inputs = {name: key for name, key in (("labels", self.labels_key), ("rows", self.rows_key)) if key}
        sections = [grow]
        for name in dict.fromkeys([*simulate.strategies, RANDOM]):
            if name != grow.use:
                params = registry.get("queries", name).validated({}, f"[grow.simulate] {name}")
                sections.append(grow.model_copy(update={"use": name, "params": params}))
        for seed in range(simulate.seeds):
            for section in sections:
                shown = {"method": section.use}
                name = f"{section.use}, seed {seed}"
                self.asked("growth", section, inputs, {**extra, "seed": seed}, shown, grow.seed + seed, name)
            shown = {"method": FULL}
            more = {**extra, "seed": seed, "rounds": 0}
            self.asked("growth", sections[-1], inputs, more, shown, grow.seed + seed, f"{FULL}, seed {seed}")

    def asked(
        self,
        stage: str,
        grow: Grow,
        inputs: dict[str, str],
        extra: Mapping[str, Any] | None = None,
        shown: Mapping[str, Any] | None = None,
        seed: int | None = None,
        name: str = "",
    ) -> str:
        """What a batch and a simulation share: the strategy, the student, and where candidates come from."""
        mine = grow.model_dump(include={"batch", "candidates", "concept", "cost"})
        if grow.candidates == "seals":
            mine["neighbours"] = grow.neighbours
            inputs["similarity"] = self.evidence("similarity")
        student = registry.get("students", grow.student, "[grow] student")
        # One class against all others is rarely half of them.
        balanced = {"balanced": True} if grow.concept and "balanced" in student.params.model_fields else {}
        students = {student.id: student.validated(balanced, f"student {student.id}")}
        cost = [Path(grow.cost)] if grow.cost not in ("", "bytes", "pixels") else []
        return self.derived(
            stage,
            grow,
            extra={**mine, "student": student.id, **(extra or {})},
            shown=shown,
            inputs=inputs,
            seed=seed,
            name=name,
            students=students,
            files=cost,
        )

    def export(self, section: Export) -> str:
        wanted = section.prune or (self.recipe.prune[0].name if self.recipe.prune else "")
        prune = next((p for p in self.recipe.prune if p.name == wanted), None)
        inputs = {"source": self.source_key}
        for stage in ("score", "flag"):
            inputs |= {f"{stage}:{s.name}": self.derived(stage, s) for s in getattr(self.recipe, stage)}
        if prune:
            inputs["prune"] = self.prune(prune)
            # A score only a pruner refers to is in the manifest too: it is why items were taken.
            step = next(s for s in self.plan.steps if s.stage == "prune" and s.key == inputs["prune"])
            inputs |= {name: key for name, key in step.inputs.items() if name.startswith("score:")}
        force = self.effective
        if force.dropped or force.pinned or force.labels or force.confirmed:
            said = {"dropped": force.dropped, "pinned": force.pinned, "labels": force.labels}
            inputs["decisions"] = key_of(**said, confirmed=sorted(force.confirmed))
        method = registry.get("exporters", section.use)
        name = f"{section.use} {section.params['path']}"
        return self.add(Step("export", name, method, section.params, section.seed, inputs, {"prune": wanted}))

    # -- what they share ---------------------------------------------------------------------------------

    def derived(
        self,
        stage: str,
        section: Section,
        *,
        extra: Mapping[str, Any] | None = None,
        shown: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        seed: int | None = None,
        name: str = "",
        students: Mapping[str, Mapping[str, Any]] | None = None,
        files: Sequence[Path] = (),
        larger: tuple[float, ...] = (),
    ) -> str:
        """A step that reads a View: plan in what its card needs, and what its references need."""
        method = registry.get(KIND_OF[stage], section.use)
        needs = [*(method.needs(**section.params) if method.needs else method.card.needs)]
        inputs, students = dict(inputs or {}), dict(students or {})
        for student in students:
            needs += registry.get("students", student).card.needs
        rows = (extra or {}).get("rows", method.card.rows)
        if self.joined_key and (rows == "train" or stage == "flag"):  # a flag on all rows knows the train rows too
            inputs["joined"] = self.joined_key
        for parameter, ref in method.refs.items():
            named = section.params[parameter]
            if ref.kind == "scores":
                inputs[f"score:{named}"] = self.score(named)
            elif ref.kind == "students":
                student = registry.get("students", named, f"[{stage}] {method.id}: {parameter}")
                students[named] = student.validated({}, f"student {named}")
                needs += student.card.needs
        if "network" in needs:
            student = self.recorded_student(stage, method)
            students[student.id] = student.validated({}, f"student {student.id}")
            needs += student.card.needs
        needs = list(dict.fromkeys(needs))
        for need in needs:
            if need in EVIDENCE:
                inputs[need] = self.evidence(EVIDENCE[need], POOL if rows == POOL else "")
            elif need in ("embeddings", "class_embeddings"):
                inputs["embeddings"] = self.embeddings(stage, method)
            elif need == "labels" and self.labels_key:
                inputs["labels"] = self.labels_key
        inputs["source"] = self.source_key
        files = [*files, *section.params.values(), *(method.files(**section.params) if method.files else ())]
        return self.add(
            Step(
                stage,
                name or getattr(section, "name", "") or section.use,
                method,
                section.params,
                section.seed if seed is None else seed,
                inputs,
                extra or {},
                shown or {},
                tuple(needs),
                students,
                _fingerprints(files, f"[{stage}]"),
                larger,
            )
        )

    def recorded_student(self, stage: str, method: Method) -> Method:
        """Whom [evidence.dynamics] records, or a RecipeError where there is no network to differentiate."""
        name = self.evidence_section("dynamics").params.get("student")
        student = registry.get("students", name) if name else None
        if student is None or student.network is None:
            whose = f"the student {name} keeps none" if name else "a run brought by path has none"
            raise RecipeError(
                f"[{stage}] {method.id} differentiates the network of the recorded run, and {whose}; "
                "take it out, or let [evidence.dynamics] record a student: head or cnn"
            )
        return student

    def embeddings(self, stage: str, method: Method) -> str:
        if self.recipe.encode is None:
            raise RecipeError(
                f"[{stage}] {method.id} needs embeddings and the recipe has no [encode]; "
                f"add one, with use = one of: {', '.join(registry.methods('encoders'))}"
            )
        return self.encode_key

    def add(self, step: Step) -> str:
        """Append a step unless it is there; returns its key."""
        if not any(s.key == step.key and s.name == step.name for s in self.plan.steps):
            self.plan.steps.append(step)
        return step.key


def labels_key(effective: EffectiveDecisions) -> str | None:
    """Names the labels a person gave; None where there are none."""
    return key_of(labels=effective.labels) if effective.labels else None


def _fingerprints(values: Iterable[Any], where: str) -> tuple[str, ...]:
    """What the files among the parameters look like from outside: names, sizes and times, not contents."""
    return tuple(fingerprint(value, where) for value in values if isinstance(value, Path))


def fingerprint(path: Path, where: str) -> str:
    """Changes when a file, or any file below a folder, is added, removed, resized or touched."""
    if not path.exists():
        raise SourceError(f"{where}: path = {str(path)!r} does not exist; give an existing file or folder")
    if path.is_file():
        stat = path.stat()
        return f"{stat.st_size}:{stat.st_mtime_ns}"
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            stat = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - Path objects triple the time here
            digest.update(f"{os.path.relpath(folder, path)}/{name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()
