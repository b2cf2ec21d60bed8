"""Schedule: students trained on what samplers choose, epoch by epoch, all on the same passes."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from pydantic import Field

from curation.data.budget import keep_words
from curation.data.items import test_rows
from curation.data.view import View
from curation.engine import registry, results
from curation.engine.compute import Call
from curation.engine.plan import Ask, Plan, Step
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Section, Stage
from curation.engine.trials import FULL, finished, grid, save_answers, trial_rows
from curation.errors import InputError, RecipeError, RunError
from curation.maths.label_noise.planted import Flips, plant
from curation.training.sampler import Sampler
from curation.training.scheduled_run import train_scheduled

RS2, FULL_SHORT = "rs2", "full_short"  # beside the recipe's own, at every share
FRESH = ("embeddings", "neighbours", "factors", "labels")  # what a score may read to be computed on planted labels
_LENGTH = {"epochs", "steps"}  # parameters of a student that the schedule decides
_PLANTED = 1 << 32  # key of the wrong labels' generator

Share = Annotated[float, Field(gt=0, le=1)]


class Schedule(Section):
    """`use` is the sampler a person thinks of, with its parameters."""

    others: list[str] = Field(default_factory=list)  # samplers to compare with it, each with its defaults
    # Shares of the passes of an ordinary run.
    keeps: Annotated[list[Share], Field(min_length=1, default_factory=lambda: [0.3, 0.5, 0.7])]
    seeds: Annotated[int, Field(ge=1, le=100, strict=True)] = 3
    epochs: Annotated[int, Field(ge=1, le=1000, strict=True)] = 12  # of the ordinary run
    student: str = "head"
    network: dict[str, Any] = Field(default_factory=dict)  # [schedule.network]: parameters of the student
    noise: Annotated[float, Field(ge=0, le=0.9)] = 0.0  # share of the train labels to plant wrong ones on
    flips: Flips = "symmetric"

    @pydantic.model_validator(mode="after")
    def _network_in_full(self) -> Schedule:
        method = registry.get("students", self.student, "[schedule] student")
        if "sampler" not in method.injected:
            students = registry.methods("students").items()
            able = ", ".join(name for name, student in students if "sampler" in student.injected)
            raise RecipeError(f"[schedule] student = {self.student!r} has no epochs to schedule; use one of: {able}")
        if fixed := self.network.keys() & _LENGTH:
            raise RecipeError(f"[schedule.network] {min(fixed)}: `epochs` and `keeps` in [schedule] say how long it is")
        full = method.validated(self.network, "[schedule.network]")
        self.network = {name: value for name, value in full.items() if name not in _LENGTH}
        return self

    def trained(self) -> dict[str, Any]:
        """The student's parameters in full."""
        return registry.get("students", self.student).validated({**self.network, "epochs": self.epochs}, self.student)

    def files(self) -> list[Path]:
        method = registry.get("students", self.student)
        more = method.files(**self.network) if method.files else ()
        return [*(value for value in self.network.values() if isinstance(value, Path)), *more]


# A student that diverges, or a sampler that cannot go on, ends its own cell.
STAGE = Stage(kind="samplers", section="schedule", model=Schedule, after=("verify",), trial=RunError)


def validate(section: Schedule, recipe) -> None:
    for name in section.others:
        registry.get("samplers", name, "[schedule] others")


def cells(section: Schedule) -> list[tuple[str, float]]:
    """(sampler, keep) of every cell but everything; rs2 and everything for fewer epochs are always there."""
    names = dict.fromkeys([section.use, *section.others, FULL_SHORT, RS2])
    return [(name, keep) for keep in sorted(set(section.keeps)) for name in names if name != FULL]


def steps(section: Schedule, ask: Ask) -> list[str]:
    keys, inputs = [], {"rows": ask.rows_key} if ask.rows_key else {}
    student = registry.get("students", section.student)
    for cell, seed in grid(cells(section), section.seeds):
        name, keep = cell or (FULL, 1.0)
        own = section
        if name != section.use:
            own = section.model_copy(update={"use": name, "params": registry.get("samplers", name).validated({}, name)})
        extra = {"keep": keep, "epochs": section.epochs, "student": student.id}
        needs: list[str] = []
        if section.noise:
            scores = _scores(ask, name, own.params)
            extra |= {"noise": section.noise, "flips": section.flips, "scores": scores}
            needs = [need for score in scores.values() for need in registry.get("scores", score["use"]).card.needs]
        keys.append(
            ask.derived(
                "schedule",
                own,
                name=f"{name} at {keep_words(keep)}, seed {seed}",
                seed=section.seed + seed,
                inputs=inputs,
                extra=extra,
                shown={"sampler": name, "keep": keep},
                students={student.id: section.trained()},
                needs=needs,
            )
        )
    return keys


def check(store: ResultReader) -> None:
    if not len(test_rows(store.items)):
        raise InputError("[schedule] needs test rows and the source has none: set holdout = 0.2 in [source]")


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """value.npy int32 [m], how often every row was trained on; correct.npy, a bit per test item; the figures, and those
    of every epoch, on the card."""
    extra, view = step.extra, store.view(step, store.candidates, call.student)
    planted = np.zeros(len(view), bool)
    if share := extra.get("noise"):
        rng = np.random.default_rng([step.seed, _PLANTED])
        labels, planted = plant(view.labels, len(view.classes), share, extra["flips"], rng)
        view = view.relabelled(labels, view.classes, scores=partial(_on_these_labels, extra["scores"], step.seed))
    wrong = _wrong(view, store.items.column("truth")[store.candidates], planted)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        begin = time.perf_counter()
        rule = call(view, extra["keep"])
        making = time.perf_counter() - begin
        schedule = Sampler(rule, extra["epochs"], step.method.id, step.params)
        made = train_scheduled(
            call.student(extra["student"]), view, store.view(step, test_rows(store.items)), schedule,
            seed=step.seed, wrong=wrong, progress=call.progress,
        )  # fmt: skip
    results.save(made.used, store.candidates, folder)
    save_answers(made.right, folder)
    accounts = made.accounting
    return {
        "accuracy": made.accuracy,
        "passes": schedule.spent,
        "noise_taken": None if wrong is None else made.noise_taken,
        **{name: accounts[name] for name in ("gini", "train_passes", "eval_passes", "planned", "never_seen", "aside")},
        "train_rows": len(view),
        "test_rows": len(test_rows(store.items)),
        "choose_seconds": round(making + accounts["seconds"], 4),
        "train_seconds": round(accounts["train_seconds"], 3),
        "notes": sorted({str(one.message) for one in said if one.category is UserWarning}),
        "epochs": {
            "passes": made.passes.tolist(),
            "accuracy": made.curve.tolist(),
            "noise": None if wrong is None else made.noise.tolist(),
        },
    }


def rows(plan: Plan, store: ResultReader) -> list[dict[str, Any]]:
    """A row per cell of the plan that is trained or has failed, in the plan's order.

    sampler, keep, seed, key, student, noise (the share planted); accuracy of the finished student on test rows; passes,
    one that goes forward only counted as a third; noise_taken, the share of wrong labels among all passes, None where
    none are known; gini, how unevenly items were used; share, passes of those of everything; train_passes, eval_passes,
    never_seen, aside, train_rows, test_rows; seconds of preparing (what the sampler stands on: neighbours, factors, a
    score), choosing and training; notes, what was warned of. A cell that failed has `failed`, the reason in one
    sentence, and no figures.
    """
    figures = (
        *("accuracy", "passes", "noise_taken", "gini", "train_passes", "eval_passes", "never_seen", "aside"),
        *("train_rows", "test_rows", "choose_seconds", "train_seconds", "notes"),
    )
    made = []
    for row, step, card in trial_rows(plan, "schedule", _head):
        if card is not None:
            row |= {name: card[name] for name in figures}
            row["share"] = card["passes"] / (card["train_rows"] * step.extra["epochs"])
            row["prepare_seconds"] = _prepared(plan, step)
        made.append(row)
    return made


def table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Mean and spread over the seeds, per share and sampler."""
    done = finished(rows)
    lines = [["keep", "sampler", "accuracy (mean +- sd)", "passes", "wrong taken", "Gini", "seeds"]]
    for keep, name in sorted({(row["keep"], row["sampler"]) for row in done}):
        cell = [row for row in done if (row["keep"], row["sampler"]) == (keep, name)]
        accuracy = 100 * np.array([row["accuracy"] for row in cell])
        spread = f"{accuracy.mean():.2f} +- {accuracy.std(ddof=1) if len(cell) > 1 else 0:.2f}"
        taken = [row["noise_taken"] for row in cell]
        wrong = "" if None in taken else f"{np.mean(taken):.1%}"
        passes, gini = (np.mean([row[of] for row in cell]) for of in ("passes", "gini"))
        lines.append([keep_words(keep), name, spread, f"{passes:,.0f}", wrong, f"{gini:.2f}", str(len(cell))])
    return lines


# ------------------------------------------------------------------------------------------------------------


def _head(step: Step) -> dict[str, Any]:
    return {"seed": step.seed, "key": step.key, "student": step.extra["student"], "noise": step.extra.get("noise", 0.0)}


def _prepared(plan: Plan, step: Step) -> float:
    """Seconds of the evidence and the scores this sampler reads, whoever asked for them first."""
    scores = {f"score:{step.params[name]}" for name, ref in step.method.refs.items() if ref.kind == "scores"}
    keys = [step.inputs[n] for n in {*step.method.card.needs, *scores} - {"embeddings", "labels"} if n in step.inputs]
    needed = [s for s in plan.needed(keys) if s.stage in ("evidence", "score") and plan.done(s)]
    return sum(plan.workspace.card(s.stage, s.key)["seconds"] for s in needed)


def _wrong(view: View, truth: np.ndarray, planted: np.ndarray) -> np.ndarray | None:
    """bool [m]: rows whose label is wrong, by the truth where the source knows it; None where no wrong one is known."""
    labels = np.array(view.classes, object)[view.labels]
    wrong = np.where(np.not_equal(truth, None), truth != labels, planted)
    return wrong if wrong.any() else None


def _scores(ask: Ask, name: str, params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The scores a sampler goes by, {name: {"use", "params"}}, which have to be computed on the planted labels.

    Raises RecipeError for one that stands on a student which saw the right ones.
    """
    found = {}
    for parameter, ref in registry.get("samplers", name).refs.items():
        if ref.kind == "scores":
            section = ask.section("score", params[parameter])
            if not set(registry.get("scores", section.use).card.needs) <= set(FRESH):
                raise RecipeError(
                    f"[schedule] noise: {name} goes by {section.name}, which stands on a student that saw the right "
                    "labels; take a score of embeddings and labels, such as knn_shapley"
                )
            found[section.name] = {"use": section.use, "params": section.params}
    return found


def _on_these_labels(scores: Mapping[str, Mapping[str, Any]], seed: int, name: str, view: View) -> np.ndarray:
    """A score computed on the labels of this view."""
    score = registry.get("scores", scores[name]["use"])
    offer = {"rng": np.random.default_rng(seed), "seed": seed, "device": "cpu"}
    injected = {key: value for key, value in offer.items() if key in score.injected}
    return score.call(view, **scores[name]["params"], **injected)
