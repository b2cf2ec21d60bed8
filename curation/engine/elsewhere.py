"""A step as one line of JSON, so that another process, or another machine that sees the workspace, can compute it.

The key goes with it: whoever unpacks a step and comes to another key has another version of Winnow. What was decided
does not, as there may be much of it: it is a file of the workspace, named by what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from curation.data.decisions import EffectiveDecisions
from curation.data.files import make_folder, write_text
from curation.data.workspace import Workspace, key_of
from curation.engine import registry
from curation.engine.compute import Call, compute
from curation.engine.plan import Step
from curation.engine.results_reader import ResultReader
from curation.errors import StepError
from curation.training.device import pick


def sent(workspace: Workspace, source: str, effective: EffectiveDecisions) -> dict[str, str]:
    """What opens the items and the decisions of a run elsewhere. source: the key of the source step."""
    text = json.dumps(asdict(effective) | {"confirmed": sorted(effective.confirmed)})
    path = workspace.parts("decisions", key_of(holds=text)).absolute() / "decisions.json"
    if not path.exists():
        make_folder(path.parent)
        write_text(path, text)
    return {"workspace": str(workspace.folder.absolute()), "source": source, "decisions": str(path)}


def packed(step: Step, reads: Mapping[str, str], device: str) -> str:
    """reads: as from `sent`. device: as `pick` takes it, where the step is unpacked."""
    fields = {name: value for name, value in vars(step).items() if name not in ("key", "section", "method")}
    ask = {
        "reads": reads,
        "method": [step.method.kind, step.method.id],
        "step": fields,
        "key": step.key,
        "device": device,
    }
    return json.dumps(ask, default=str)


def unpacked(text: str) -> tuple[Step, ResultReader, Call]:
    """The step, what it reads and how it is called. Raises StepError when this Winnow gives it another key."""
    ask = json.loads(text)
    method = registry.get(*ask["method"])
    fields = ask["step"] | {"method": method, "params": method.validated(ask["step"]["params"], ask["step"]["stage"])}
    step = Step(**fields)
    if step.key != ask["key"]:
        raise StepError("another version of Winnow is at work beside this one; start the run again")
    store = _reader(**ask["reads"])
    return step, store, Call(step, pick(ask["device"]))


def compute_packed(text: str) -> None:
    """Compute a packed step and publish its result, unless somebody else does. It takes the lock itself."""
    step, store, call = unpacked(text)
    with store.workspace.lock(step.stage, step.key):
        if not store.workspace.done(step.stage, step.key):
            compute(step, store.workspace, store, call)


@lru_cache(maxsize=1)
def _reader(workspace: str, source: str, decisions: str) -> ResultReader:
    """Kept for the next step of the same run: the items are read once per process."""
    said = json.loads(Path(decisions).read_text(encoding="utf-8"))
    decided = EffectiveDecisions(**said | {"confirmed": set(said["confirmed"])})
    return ResultReader(Workspace(workspace, make=False), source, decided)
