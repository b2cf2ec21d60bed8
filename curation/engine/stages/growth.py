"""Growth: strategies played on labelled rows, whose labels are hidden and given when asked for, over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.engine import registry
from curation.engine.compute import Call, nothing
from curation.engine.plan import Ask, Plan, Step
from curation.engine.pool_context import PoolContext, cold
from curation.engine.results_reader import ResultReader
from curation.engine.stage import Stage
from curation.engine.stages.query import Grow, asked
from curation.engine.trials import FULL, RANDOM, grid, trial_rows
from curation.errors import InputError, WinnowError
from curation.training import simulation
from curation.training.active_learning import reachable

# A strategy may need more labels than the simulation begins with; the others are played all the same.
STAGE = Stage(kind="queries", section="grow", after=("query",), trial=WinnowError)


def trials(section: Grow) -> list[tuple[str | None, int]]:
    """(strategy, seed) of every simulation; None is everything labelled at once."""
    names = dict.fromkeys([section.use, *section.simulate.strategies, RANDOM])
    return grid(list(names), section.simulate.seeds)


def steps(section: Grow, ask: Ask) -> list[str]:
    """A step for every strategy and seed: the whole history of a pool that grows."""
    if section.simulate is None:
        return []
    setting = section.simulate.model_dump(exclude={"strategies", "seeds"})
    inputs = {name: key for name, key in (("labels", ask.labels_key), ("rows", ask.rows_key)) if key}
    keys, played = [], section
    for strategy, seed in trials(section):
        extra = {**setting, "seed": seed}
        if strategy is None:  # whoever was last: nothing is left to choose
            extra["rounds"] = 0
        elif strategy == section.use:
            played = section
        else:
            params = registry.get("queries", strategy).validated({}, f"[grow.simulate] {strategy}")
            played = section.model_copy(update={"use": strategy, "params": params})
        name = FULL if strategy is None else strategy
        shown, drawn = {"method": name}, section.seed + seed
        keys.append(asked("growth", played, ask, inputs, extra, shown=shown, seed=drawn, name=f"{name}, seed {seed}"))
    return keys


def compute(step: Step, store: ResultReader, call: Call, folder: Path) -> dict[str, Any]:
    """asked.npy, the item rows in the order they were asked for, and a line for every round on the card."""
    context, extra, labels = PoolContext(step, store, call.student), step.extra, store.labels
    truth = np.where(context.known >= 0, labels[store.pool], -1)
    setting = simulation.setting(
        truth, store.classes, concept=context.concept, seed=extra["seed"],
        **{name: extra[name] for name in ("start", "others", "noise", "rare", "outside", "outside_share")},
    )  # fmt: skip
    if not len(context.test):
        raise InputError("[grow.simulate] needs test rows and the source has none: set holdout = 0.2 in [source]")
    test = context.test[~np.isin(labels[context.test], [store.classes.index(name) for name in extra["outside"]])]
    order, history = simulation.grow(
        context.pool, setting, context.classes, call.bound(progress=nothing),
        needs=step.method.card.needs,
        train=call.student(extra["student"]),
        batch=extra["batch"],
        rounds=extra["rounds"],
        seed=step.seed,
        reach=context.reach(),
        costs=context.costs,
        cold=cold(),
        test=store.view(step, test, call.student),
        test_codes=context.codes(labels[test]),
        progress=call.progress,
    )  # fmt: skip
    np.save(folder / "asked.npy", store.pool[order], allow_pickle=False)
    about = {"rounds": history, **simulation.summary(history)}
    if not extra["rounds"] and extra["candidates"] == "seals":  # once for each setting, beside what all labels give
        wanted = setting.playing & ((setting.right == 1) if context.concept is not None else (setting.right >= 0))
        about["reachable"] = float(reachable(context.reach(), setting.start)[wanted].mean())
    return about


def rows(plan: Plan, store: ResultReader | None) -> list[dict[str, Any]]:
    """A row per finished round of every trial, in the plan's order.

    method ("full" = everything labelled), seed, round; then what `simulation.grow` says of a round. A trial that could
    not be finished has one row with `failed`, the reason in one sentence.
    """
    made = []
    for row, _, card in trial_rows(plan, "growth", lambda step: {"seed": step.extra["seed"]}):
        lines = [None] if card is None else card["rounds"]
        made += [row if line is None else row | {"round": number} | line for number, line in enumerate(lines)]
    return made


def table(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Where each strategy stands at the end of its simulations, the mean over the seeds."""
    last = {(row["method"], row["seed"]): row for row in rows if not row["failed"]}
    lines = [["strategy", "labels", "accuracy", "average precision", "seeds"]]
    for name in dict.fromkeys(method for method, _ in last):
        cell = [row for (method, _), row in last.items() if method == name and "accuracy" in row]
        if cell:
            figures = [f"{100 * np.mean([row[of] for row in cell]):.2f}" for of in ("accuracy", "average_precision")]
            lines.append([name, f"{cell[0]['labels']:,}", *figures, str(len(cell))])
    return lines
