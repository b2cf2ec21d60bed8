"""The keys of the recipes in `recipes/` stay as they are, so that existing workspaces go on.

A key changes only when a result changes: raise the card's `version` then, and renew the table with
`python -m tests.contract.test_keys`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.data.workspace import Workspace
from curation.engine.plan import plan
from curation.engine.recipe import load_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.toml"))
TABLE = Path(__file__).with_name("keys.json")


def keys(recipe: Path, workspace: Path) -> dict[str, str]:
    """{step's label: key}, as if every file the recipe names were there and looked the same everywhere."""
    made = plan(load_recipe(recipe), Workspace(workspace), look=lambda path, where: "as it is")
    return {step.label: step.key for step in made.steps}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_the_keys_of_a_recipe_stay_as_they_are(recipe, tmp_path):
    assert keys(recipe, tmp_path) == json.loads(TABLE.read_text())[recipe.stem]


if __name__ == "__main__":
    import tempfile

    table = {path.stem: keys(path, Path(tempfile.mkdtemp())) for path in RECIPES}
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
