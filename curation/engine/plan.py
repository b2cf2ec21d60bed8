"""The plan: from what is wanted, backwards to what must exist, and which of it exists already.

Every step has a key = hash(stage, method, version, parameters, keys of what it reads), known before anything
runs. A step whose folder exists is cached. Labels a person changed are part of the keys of what reads labels;
dropped and pinned rows are part of the keys of what chooses rows. So a relabel renews evidence and scores, a drop
renews only the subset, and neither moves the map.

A row without a label joins the train rows when a person gives it one, and that is part of the keys of all that is
computed on the train rows. Which rows those are is known once the source is read; until then a plan takes every row
to be labelled, and `run` plans again after reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from curation.data.decisions import DecisionLog, EffectiveDecisions, fold
from curation.data.reading.watched import Watched
from curation.data.remote.location import Remote
from curation.data.unlabelled import unlabelled_ids
from curation.data.workspace import Workspace, key_of
from curation.engine import registry
from curation.engine.fingerprint import fingerprint
from curation.engine.recipe import Recipe
from curation.engine.registry import Method
from curation.engine.stage import Named, Section, declared, stages
from curation.errors import RecipeError, nearest

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
    section: Section | None = None  # what it comes from; not part of the key

    @cached_property
    def key(self) -> str:
        return key_of(
            stage=self.stage,
            use=self.method.id,
            version=self.method.card.version,
            params=self.method.in_key(self.params),
            seed=self.seed if self.method.card.stochastic else None,
            inputs=self.inputs,
            extra=self.extra,
            students={
                name: [(student := registry.get("students", name)).card.version, student.in_key(params)]
                for name, params in self.students.items()
            },
            files=self.files,
        )

    @property
    def larger_keys(self) -> list[str]:
        """The keys of `larger`."""
        return [replace(self, extra={**self.extra, "keep": keep}).key for keep in self.larger]

    @property
    def trains(self) -> bool:
        """Whether it may train a student."""
        return bool(self.students) or self.method.kind == "students"

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

    @cached_property
    def labels_key(self) -> str | None:
        """Names the labels a person gave; None where there are none."""
        return labels_key(self.effective)

    def find(self, stage: str, name: str | None = None) -> Step | None:
        return next((s for s in self.steps if s.stage == stage and (name is None or s.name == name)), None)

    def of(self, stage: str) -> list[Step]:
        return [s for s in self.steps if s.stage == stage]

    def done(self, step: Step | None) -> bool:
        return step is not None and self.workspace.done(step.stage, step.key)

    def missing(self) -> list[Step]:
        return [s for s in self.steps if not self.done(s)]

    @cached_property
    def part(self) -> Recipe:
        """The recipe without the sections that no step here comes from."""
        used, kept = [step.section for step in self.steps], {}
        names = {stages()[step.stage].section for step in self.steps}
        for name, stage in declared().items():
            said = getattr(self.recipe, name)
            if stage.shape == "one":
                kept[name] = said if name in names else None
            elif stage.shape == "list":
                kept[name] = [section for section in said if section in used]
            else:
                kept[name] = {key: section for key, section in said.items() if section in used}
        return self.recipe.model_copy(update=kept)

    def needed(self, keys: Iterable[str]) -> list[Step]:
        """The steps of these keys and all they stand on, in order."""
        by_key = {step.key: step for step in self.steps}
        waiting, found = list(keys), set()
        while waiting:
            key = waiting.pop()
            if key in by_key and key not in found:
                found.add(key)
                waiting += by_key[key].inputs.values()
        return [step for step in self.steps if step.key in found]


def plan(
    recipe: Recipe,
    workspace: Workspace | Path | str,
    targets: Sequence[str] | None = None,
    effective: EffectiveDecisions | None = None,
    *,
    look: Callable[[Path | Remote | Watched, str], str] = fingerprint,
) -> Plan:
    """The steps that lead to the targets, and no others. Raises RecipeError or SourceError, before any work is done.

    targets: "prune" or "prune:*", all the recipe wants of a stage; "prune:half", the section or step of that name;
    "export:0", a section by its place. By default everything the recipe wants.
    effective: what a person decided; by default the recipe's decisions, then those of the workspace.
    look: tells from outside whether a file or folder has changed; see `fingerprint`.
    """
    workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
    if effective is None:
        effective = fold([*recipe.decision, *DecisionLog(workspace.folder).all()])
    ask = Ask(Plan(recipe, workspace, effective), look)
    wanted = [ask.source]
    for target in stages() if targets is None else targets:
        wanted += _wanted(target, ask)
    ask.plan.steps = ask.plan.needed(wanted)
    return ask.plan


def _wanted(target: str, ask: Ask) -> list[str]:
    """Plan what leads to one target; the keys of what it names."""
    name, _, part = target.partition(":")
    if name not in stages():
        raise RecipeError(f"target {target!r}: there is no stage {name!r}; {nearest(name, stages())}")
    stage = stages()[name]
    sections = stage.sections(ask.recipe)
    if part in ("", "*"):
        return [key for section in sections for key in stage.steps(section, ask)]
    named = [s for s in sections if isinstance(s, Named) and s.name == part]
    if not named and stage.shape == "list" and part.isdecimal():
        named = sections[int(part) : int(part) + 1]
    if named:
        return [key for section in named for key in stage.steps(section, ask)]
    if stage.shape != "one" and stage.result and part in registry.methods(stage.kind):
        return [stage.result(part, ask)]
    keys = {key for section in sections for key in stage.steps(section, ask)}
    steps = [step for step in ask.plan.steps if step.key in keys]
    if not (found := [step.key for step in steps if step.name == part]):
        known = [step.name for step in steps] or ["nothing of this stage"]
        raise RecipeError(f"target {target!r}: the recipe has no {name} {part!r}; {nearest(part, known)}")
    return found


class Ask:
    """What stages plan with: what is decided and known, and steps with everything they need in front of them."""

    def __init__(self, the_plan: Plan, look: Callable[[Path | Remote | Watched, str], str]):
        self.plan, self.recipe, self.effective, self.look = the_plan, the_plan.recipe, the_plan.effective, look
        # Only what differs from the data as read enters the keys: no decisions, same keys as ever.
        self.labels_key = the_plan.labels_key
        chosen = {"dropped": sorted(self.effective.dropped), "pinned": sorted(self.effective.pinned)}
        self.rows_key = key_of(**chosen) if any(chosen.values()) else None
        self._results: dict[tuple, str] = {}
        self._added: set[tuple[str, str]] = set()

    @cached_property
    def source(self) -> str:
        """The key of the source, which everything reads."""
        return self.result("source")

    @cached_property
    def unlabelled(self) -> frozenset[str]:
        """Ids the source brings without a label; none before it is read."""
        folder = self.plan.workspace.path("source", self.source)
        return unlabelled_ids(folder) if folder.is_dir() else frozenset()

    @cached_property
    def joined_key(self) -> str | None:
        """Names the rows that became train rows by a label given by hand."""
        joined = self.unlabelled & self.effective.labels.keys()
        return key_of(joined=sorted(joined)) if joined else None

    def section(self, stage: str, name: str) -> Named:
        """What the recipe says under a name, else the method of that name with its defaults."""
        its = stages()[stage]
        if found := next((section for section in its.sections(self.recipe) if section.name == name), None):
            return found
        params = registry.get(its.kind, name).validated({}, f"{its.where} {name}")
        return Named(use=name, name=name, params=params)

    def result(self, stage: str, name: str = "", **how: Any) -> str:
        """The key of one result of a stage, planned in where it is not yet."""
        asked = (stage, name, *sorted(how.items()))
        if asked not in self._results:
            self._results[asked] = stages()[stage].result(name, self, **how)
        return self._results[asked]

    def add(self, step: Step) -> str:
        """Append a step unless it is there; returns its key."""
        if (step.key, step.name) not in self._added:
            self._added.add((step.key, step.name))
            self.plan.steps.append(step)
        return step.key

    def fingerprints(self, values: Iterable[Any], where: str) -> tuple[str, ...]:
        """How the files among some values look from outside."""
        return tuple(self.look(value, where) for value in values if isinstance(value, Path | Remote | Watched))

    def derived(
        self,
        stage: str,
        section: Section,
        *,
        name: str = "",
        seed: int | None = None,
        inputs: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        shown: Mapping[str, Any] | None = None,
        students: Mapping[str, Mapping[str, Any]] | None = None,
        larger: tuple[float, ...] = (),
        knows_train: bool = False,
        needs: Sequence[str] = (),
    ) -> str:
        """A step that reads a View: plan in what its card needs, and what its references need.

        knows_train: it is told which rows are train rows, whatever rows it sees. needs: beside those of its card.
        """
        method = registry.get(stages()[stage].kind, section.use)
        needs = [*(method.needs(**section.params) if method.needs else method.card.needs), *needs]
        inputs, students = dict(inputs or {}), dict(students or {})
        for student in students:
            needs += registry.get("students", student).card.needs
        rows = (extra or {}).get("rows", method.card.rows)
        if self.joined_key and (rows in ("train", "labelled") or knows_train):
            inputs["joined"] = self.joined_key
        for parameter, ref in method.refs.items():
            if (named := section.params[parameter]) is None:
                continue
            if ref.kind == "scores":
                inputs[f"score:{named}"] = self.result("score", named)
            elif ref.kind == "students":
                student = registry.get("students", named, f"[{stage}] {method.id}: {parameter}")
                students[named] = student.validated({}, f"student {named}")
                needs += student.card.needs
        evidence = registry.evidence()
        if "network" in needs:
            student = self._recorded_student(stage, method, evidence["network"])
            students[student.id] = student.validated({}, f"student {student.id}")
            needs += student.card.needs
        needs = list(dict.fromkeys(needs))
        for need in needs:
            if need in evidence and need not in inputs:  # a stage may bring its own
                inputs[need] = self.result("evidence", evidence[need], rows=self._covered(evidence[need], rows))
            elif need in ("embeddings", "class_embeddings", "text_embeddings", "text_encoder"):
                inputs["embeddings"] = self._embeddings(stage, method)
            elif need == "labels" and self.labels_key:
                inputs["labels"] = self.labels_key
        inputs["source"] = self.source
        files = [*section.files(), *section.params.values(), *(method.files(**section.params) if method.files else ())]
        for student, given in students.items():
            if own := registry.get("students", student).files:
                files += [path for path in own(**given) if path not in files]
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
                self.fingerprints(files, f"[{stage}]"),
                larger,
                section,
            )
        )

    def _covered(self, name: str, rows: str) -> str:
        """The rows that evidence covers for a step that sees `rows`; "" for those its card names."""
        card = registry.get("evidence", self.section("evidence", name).use).card
        if card.rows == "train":
            return POOL if rows == POOL else ""
        alone = card.relative and card.rows == "all" and rows in ("train", "labelled") and self.unlabelled
        return "labelled" if alone else ""

    def _recorded_student(self, stage: str, method: Method, run: str) -> Method:
        """Whom the evidence `run` records, or a RecipeError where there is no network to differentiate."""
        self.result("evidence", run)
        recorded = self.plan.find("evidence", run)
        name = recorded.params.get("student")
        student = registry.get("students", name) if name else None
        if student is None or student.network is None:
            whose = f"the student {name} keeps none" if name else "a run brought by path has none"
            raise RecipeError(
                f"[{stage}] {method.id} differentiates the network of the recorded run, and {whose}; "
                f"take it out, or let [evidence.{run}] record a student: head or cnn"
            )
        return student

    def _embeddings(self, stage: str, method: Method) -> str:
        if self.recipe.encode is None:
            raise RecipeError(
                f"[{stage}] {method.id} needs embeddings and the recipe has no [encode]; "
                f"add one, with use = one of: {', '.join(registry.methods('encoders'))}"
            )
        return self.result("encode")


def labels_key(effective: EffectiveDecisions) -> str | None:
    """Names the labels a person gave; None where there are none."""
    return key_of(labels=effective.labels) if effective.labels else None
