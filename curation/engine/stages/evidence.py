"""Evidence: expensive things that several methods read, gathered once. What needs it brings it into the plan."""

from __future__ import annotations

from curation.engine.compute import derive
from curation.engine.plan import Ask
from curation.engine.stage import Named, Stage

STAGE = Stage(kind="evidence", section="evidence", model=Named, shape="table", after=("encode",), analysis=True)

compute = derive


def steps(section: Named, ask: Ask) -> list[str]:
    return [ask.result("evidence", section.name)]


def result(name: str, ask: Ask, rows: str = "") -> str:
    """rows: "pool" or "labelled"; by default those its card names."""
    extra = {"rows": rows} if rows else None
    return ask.derived("evidence", ask.section("evidence", name), name=f"{name} {rows}".strip(), extra=extra)
