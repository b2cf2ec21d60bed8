"""Query: which rows to have labelled next, of those without a label."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from pydantic import AfterValidator, Field

from curation.data.workspace import key_of
from curation.engine import registry
from curation.engine.compute import Call
from curation.engine.plan import Ask, Step
from curation.engine.pool_context import PoolContext
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.training.active_learning import next_batch


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
    # What an item costs: nothing said = 1 each, "bytes", "pixels", or a CSV of id and cost.
    cost: Annotated[str, AfterValidator(os.path.expanduser)] = ""
    simulate: Simulate | None = None

    def files(self) -> list[Path]:
        return [] if self.cost in ("", "bytes", "pixels") else [Path(self.cost)]


# The first batch of all is asked for before anything has a label.
STAGE = Stage(kind="queries", section="grow", model=Grow, after=("deliver",), cold=True)


def validate(section: Grow, recipe) -> None:
    registry.get("students", section.student, "[grow] student")
    for name in section.simulate.strategies if section.simulate else ():
        registry.get("queries", name, "[grow.simulate] strategies")


def steps(section: Grow, ask: Ask) -> list[str]:
    """The next batch. Every label given, and every row put aside, makes it another one."""
    inputs = {"labels": ask.labels_key, "rows": ask.rows_key}
    if ask.effective.queued:
        inputs["queued"] = key_of(queued=sorted(ask.effective.queued))
    return [asked("query", section, ask, {k: v for k, v in inputs.items() if v})]


def asked(
    stage: str, section: Grow, ask: Ask, inputs: dict[str, str], extra: Mapping[str, Any] | None = None, **more: Any
) -> str:
    """What a batch and a simulation share: the strategy, the student, and where candidates come from."""
    mine = section.model_dump(include={"batch", "candidates", "concept", "cost"})
    if section.candidates == "seals":
        mine["neighbours"] = section.neighbours
        inputs = {**inputs, "similarity": ask.result("evidence", "similarity")}
    student = registry.get("students", section.student, "[grow] student")
    # One class against all others is rarely half of them.
    balanced = {"balanced": True} if section.concept and "balanced" in student.params.model_fields else {}
    students = {student.id: student.validated(balanced, f"student {student.id}")}
    extra = {**mine, "student": student.id, **(extra or {})}
    return ask.derived(stage, section, inputs=inputs, extra=extra, students=students, **more)


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """rows.npy in the order to ask, and predicted.npy [b, C], what the model thinks of them by now."""
    context = PoolContext(step, store, call.student)
    learner, known = context.learner(context.known), context.known >= 0
    picks, notes, considered, seconds = np.empty(0, np.int64), [], 0, 0.0
    if context.open.any():
        batch = next_batch(
            context.pool, context.known, context.open, learner, call.bound(), step.method.card.needs,
            step.extra["batch"], np.random.default_rng([step.seed, 1]), reach=context.reach(), costs=context.costs,
        )  # fmt: skip
        picks, notes, considered, seconds = batch.rows, [*batch.notes], batch.considered, batch.seconds
    else:
        notes.append("every item has a label: there is nothing left to choose from")
    np.save(folder / "rows.npy", store.pool[picks], allow_pickle=False)
    if len(picks) and not learner.lacks:
        predicted = learner.predict(context.pool.subset(picks)).astype(np.float32)
        np.save(folder / "predicted.npy", predicted, allow_pickle=False)
    about = {
        "labelled": int(known.sum()),
        "open": int(context.open.sum()),
        "classes": list(context.classes),
        "asked": len(picks),
        "cost": float(context.costs[picks].sum()),
        "spent": float(context.costs[known].sum()),
        "considered": considered,
        "fraction_considered": considered / max(int(context.open.sum()), 1),
        "score_ops": considered,
        "fit_seconds": round(learner.seconds, 3),
        "pick_seconds": round(seconds, 3),
        **context.measure(learner),
        "lacks": learner.lacks,  # that one of the notes which says why there is no model yet
        "notes": notes + ([learner.lacks] if learner.lacks else []),
    }
    if context.concept is not None:
        about["positives"] = int((context.known == 1).sum())
    return about
