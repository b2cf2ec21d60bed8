"""Score: one number per train row; higher = harder."""

from __future__ import annotations

from curation.engine.compute import derive
from curation.engine.plan import Ask
from curation.engine.stage import Named, Stage

STAGE = Stage(kind="scores", section="score", model=Named, shape="list", after=("evidence",), analysis=True)

compute = derive


def steps(section: Named, ask: Ask) -> list[str]:
    return [ask.result("score", section.name)]


def result(name: str, ask: Ask) -> str:
    return ask.derived("score", ask.section("score", name))
