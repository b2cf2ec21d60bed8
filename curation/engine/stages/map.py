"""Map: where every item stands on the screen; also with the rows that wait for a label, where a recipe grows."""

from __future__ import annotations

from curation.engine.compute import derive
from curation.engine.plan import POOL, Ask
from curation.engine.stage import Section, Stage

# Nothing waits for the map, and its libraries compile for long: it runs beside evidence, scores and flags.
STAGE = Stage(kind="maps", section="map", model=Section, after=("flag",), analysis=True, background=True)

compute = derive


def steps(section: Section, ask: Ask) -> list[str]:
    keys = [ask.derived("map", section)]
    if ask.recipe.grow and ask.unlabelled:
        keys.append(ask.derived("map", section, name=POOL, extra={"rows": POOL}))
    return keys
