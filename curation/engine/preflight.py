"""What is looked at before a run begins, and what once its items are read: nothing is computed to fail at the end."""

from __future__ import annotations

import numpy as np

from curation.data.items import TRAIN
from curation.engine import registry
from curation.engine.plan import Plan, Step
from curation.engine.recipe import Engine
from curation.engine.results_reader import ResultReader, no_labels
from curation.engine.stage import stages
from curation.errors import InputError


def preflight(the_plan: Plan) -> None:
    """Raise InputError for the first step that something stands in the way of, before any work."""
    for step in the_plan.steps:
        if (look := stages()[step.stage].preflight) is not None:
            look(step, the_plan.workspace)
    checked = set()
    for step in the_plan.missing():
        for method, params in [(step.method, step.params)] + [
            (registry.get("students", name), params) for name, params in step.students.items()
        ]:
            mark = (method.kind, method.id, str(params))
            if mark not in checked:
                checked.add(mark)
                method.check(params)


def check_device(the_plan: Plan, device: str, engine: Engine) -> None:
    """Raise InputError for a device that was asked for by name and is not there, if a step may use it."""
    from curation.training.device import pick

    steps = the_plan.missing() if the_plan.done(the_plan.find("source")) else the_plan.steps
    if device == "auto" or not any(map(on_device, steps)):
        return
    if engine.use != "ray":
        pick(device)
    elif device != "cpu" and not engine.gpu:
        raise InputError(
            f"--device {device}: on a cluster, say in [engine] which share of a GPU each task gets: gpu = 1"
        )


def on_device(step: Step) -> bool:
    """Whether a step uses the device it is given."""
    methods = (step.method, *(registry.get("students", name) for name in step.students))
    return stages()[step.stage].device or any("device" in method.injected for method in methods)


def check(the_plan: Plan, store: ResultReader) -> None:
    """What can only be known once the items are read, checked before anything else is done with them."""
    trains = [s for s in the_plan.missing() if s.trains and not stages()[s.stage].cold and not s.method.card.unlabelled]
    if trains and not (store.labels >= 0).any():
        where = stages()[trains[0].stage].where
        if trains[0].stage == "verify":
            raise InputError(
                f"{where} not verified here: the items have no labels, and no student of Winnow learns anything from "
                'such items that would tell how good they are; bring your own trainer with use = "command"'
            )
        raise InputError(no_labels(f"{trains[0].label} trains a student on", store.items))
    if trains and len(np.unique(store.labels[store.train])) < 2:
        names = sorted({str(name) for name in store.label_names[store.items.rows(TRAIN)]}) or ["none"]
        raise InputError(
            f"{trains[0].label} trains a student and needs train rows of at least two classes; found: {names[0]}"
        )
    for stage in stages().values():
        if stage.check and the_plan.of(stage.name):
            stage.check(store)
