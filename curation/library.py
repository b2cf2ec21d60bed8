"""What a workspace holds, as tables: `curation.open_workspace(path)`. Nothing is computed and nothing is written."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation.data.workspace import Workspace
from curation.data.writing import manifest
from curation.engine import results
from curation.engine.plan import Plan, plan
from curation.engine.recipe import Recipe, load_recipe
from curation.engine.results_reader import ResultReader
from curation.engine.stage import analysis
from curation.engine.stages.export import Export, gather
from curation.engine.stages.flag import flagged
from curation.errors import InputError


class Results:
    """The results of a workspace under its recipe and every decision made so far. Each table has a row per item, in
    the order they were read, and begins with the column `id`.

    recipe: that of the workspace, or another one whose results are wanted.
    """

    def __init__(self, workspace: Workspace, recipe: Recipe):
        self.workspace, self.recipe = workspace, recipe

    @cached_property
    def _plan(self) -> Plan:
        return plan(self.recipe, self.workspace, analysis())

    @cached_property
    def _store(self) -> ResultReader:
        source = self._plan.find("source")
        if not self._plan.done(source):
            raise InputError(f"{self.workspace.folder} has not read its source yet: run its recipe first")
        return ResultReader(self.workspace, source.key, self._plan.effective)

    def manifest(self, prune: str = "") -> pa.Table:
        """What becomes of every item and why; the columns are those of an export.

        prune: the name of a subset, or "full" for everything not dropped; by default the recipe's first subset.
        Raises InputError, naming the step, where something it stands on has not been computed.
        """
        section = Export(use="csv", prune=prune, params={"path": Path("manifest.csv")})
        recipe = self.recipe.model_copy(update={"export": [section]})
        the_plan = plan(recipe, self.workspace, ["export:0"], self._plan.effective)
        *needed, export = the_plan.steps
        if missing := next((step for step in needed if not the_plan.done(step)), None):
            raise InputError(f"{missing.label} has not been computed in {self.workspace.folder}: run its recipe first")
        return manifest.build(gather(export, self._store))

    def scores(self) -> pa.Table:
        """A column for every score of the recipe that has been computed: float, null where it says nothing. Higher =
        harder."""
        n, done = len(self._store.items), [step for step in self._plan.of("score") if self._plan.done(step)]
        columns = {step.name: results.spread(self._store.folder("score", step.key), n) for step in done}
        return self._by_id({name: _floats(values) for name, values in columns.items()})

    def flags(self) -> pa.Table:
        """For every flag that has been computed its verdict, `<name>`, and its suspicion, `<name>.score`; where the
        flag gives them, `<name>.suggested`, a label, and `<name>.duplicate_of`, the id of the item that is kept."""
        ids, classes = self._store.items.column("id"), np.array([*self._store.classes, None], object)
        columns: dict[str, pa.Array] = {}
        for step in self._plan.of("flag"):
            if self._plan.done(step):
                flag = flagged(self._store, step.key)
                columns |= {step.name: pa.array(flag.flagged > 0), f"{step.name}.score": _floats(flag.score)}
                if flag.suggested is not None:
                    columns[f"{step.name}.suggested"] = pa.array(classes[flag.suggested], pa.string())
                if flag.duplicate_of is not None:
                    kept = np.where(flag.duplicate_of >= 0, ids[flag.duplicate_of], None)
                    columns[f"{step.name}.duplicate_of"] = pa.array(kept, pa.string())
        return self._by_id(columns)

    def _by_id(self, columns: dict[str, pa.Array]) -> pa.Table:
        return pa.table({"id": self._store.items.table["id"], **columns})


def open_workspace(path: Path | str, recipe: Recipe | None = None) -> Results:
    """A workspace that a run or the app has made. Raises WorkspaceError where there is none.

    recipe: by default the one the workspace keeps.
    """
    workspace = Workspace(path, make=False)
    return Results(workspace, recipe or load_recipe(workspace.folder / "recipe.toml"))


def _floats(values: np.ndarray) -> pa.Array:
    values = np.asarray(values, np.float64)
    return pa.array(values, mask=~np.isfinite(values))
