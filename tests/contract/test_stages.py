"""A stage is one file and a kind of method is one folder: both are dropped in here, and nothing else is edited."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from curation.engine import registry
from curation.engine.stage import stages, until

ROOT = Path(__file__).parents[2]

STAGE = '''"""Mix: the rows of every subset in another order."""

from typing import Annotated

import numpy as np
from pydantic import Field

from curation.engine.stage import Section, Stage
from curation.engine.stages.prune import subset


class Mix(Section):
    times: Annotated[int, Field(ge=1)] = 1


STAGE = Stage(kind="mixers", section="mix", model=Mix, after=("prune",), report="mixed")


def steps(section, ask):
    extra = {"times": section.times}
    return [
        ask.derived("mix", section, name=prune.name, inputs={"prune": subset(prune, ask)}, extra=extra)
        for prune in ask.recipe.prune
    ]


def compute(step, store, call, folder):
    rows = np.sort(np.load(store.folder("prune", step.inputs["prune"]) / "rows.npy"))
    order = call(store.view(step, rows))
    np.save(folder / "rows.npy", rows[order])
    return {"mixed": len(order)}


def rows(plan, store):
    return [{"subset": step.name, "mixed": plan.workspace.card("mix", step.key)["mixed"]} for step in plan.of("mix")]


def table(rows):
    return [["subset", "rows mixed"], *([row["subset"], str(row["mixed"])] for row in rows)]
'''

KIND = '''"""Mixers."""

from curation.card import Kind

KIND = Kind(verb="mix", one="mixer", title="Mixers", what="put rows into another order", returns="int64 [m] positions")
'''

METHOD = '''"""Backwards: the last row comes first.

Blind to everything.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from curation.card import Card
from curation.data.view import View

CARD = Card(title="Backwards", cost="m time", blind_to="everything", needs=("labels",), stochastic=False)


def mix(
    view: View,
    *,
    step: Annotated[int, Field(ge=1, le=3, description="Rows to go back at once.")] = 1,
    notes: Annotated[Path | None, Field(description="A file that is read.")] = None,
) -> np.ndarray:
    """int64 [m] positions."""
    return np.arange(len(view))[::-step]
'''

LOOKS = """
import sys
from pathlib import Path
from curation.engine.recipe import load_recipe
from curation.errors import InputError
from curation.ui.parts import catalogue
from curation.ui.server import access, projects
from docs import generate

methods, lines = generate.methods_page(), generate.cli_page()
assert "## Mixers" in methods and "### backwards" in methods, "docs/methods.md"
assert "Rows to go back at once." in methods, "docs/methods.md"
assert "| mix | `[mix]` | [mixers](methods.md#mixers) | Mix: the rows" in lines, "docs/cli.md"
assert "map, prune, mix, verify" in " ".join(lines.replace("│", " ").split()), "--help in docs/cli.md"
assert "Mixers" in catalogue.listing(catalogue.search("backwards"), {}), "the page Methods"
text = Path("r.toml").read_text().replace('use = "backwards"', 'use = "backwards"\\nnotes = "/etc/hostname"')
Path("reads.toml").write_text(text)
access.visitor = lambda: access.Visitor("a" * 20, "ada")
try:
    projects.check_recipe(load_recipe("reads.toml"))
except InputError as error:
    assert "lies outside" in str(error)
else:
    sys.exit("a new stage may read any file")
"""


@pytest.fixture
def dropped_in(tmp_path):
    """`python(*words)`: another process that finds one more stage and one more folder of methods."""
    for path, text in {
        "stages/mix.py": STAGE,
        "methods/mixers/__init__.py": KIND,
        "methods/mixers/backwards.py": METHOD,
        "sitecustomize.py": f"import curation.engine.stages as s, curation.methods as m\n"
        f"s.__path__.append({str(tmp_path / 'stages')!r})\nm.__path__.append({str(tmp_path / 'methods')!r})\n",
        "r.toml": '[source]\nuse = "arrays"\npath = "d.npz"\n[encode]\nuse = "precomputed"\n'
        '[[prune]]\nname = "half"\nuse = "k_center"\nkeep = 0.5\n[mix]\nuse = "backwards"\nstep = 2\n',
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    labels = np.arange(40) % 2
    features = labels[:, None] * 3 + np.random.default_rng(0).normal(size=(40, 4))
    np.savez(tmp_path / "d.npz", features=features, labels=labels)

    def python(*words: str) -> subprocess.CompletedProcess:
        env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "COLUMNS": "200", "NO_COLOR": "1"}
        return subprocess.run([sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True)

    return python


def test_a_stage_and_a_kind_dropped_in_are_run_planned_told_and_documented(dropped_in, tmp_path):
    done = dropped_in("-m", "curation", "run", "r.toml", "-w", "w", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["mixed"] == [{"subset": "half", "mixed": 8}]
    assert [step["stage"] for step in answer["steps"]] == ["source", "encode", "prune", "mix"]
    (folder,) = (tmp_path / "w" / "mix").iterdir()
    assert json.loads((folder / "card.json").read_text())["params"] == {"step": 2, "notes": None, "times": 1}
    kept = np.sort(np.load(next((tmp_path / "w" / "prune").iterdir()) / "rows.npy"))
    assert np.array_equal(np.load(folder / "rows.npy"), kept[::-2])

    again = dropped_in("-m", "curation", "run", "r.toml", "-w", "w")
    assert "0 of 4 steps computed" in again.stdout
    assert "subset  rows mixed" in again.stdout
    planned = dropped_in("-m", "curation", "plan", "r.toml", "-w", "w", "--target", "mix:half")
    assert "mix half" in planned.stdout
    written = (tmp_path / "w" / "recipe.toml").read_text()
    assert '[mix]\nuse = "backwards"\nseed = 0\ntimes = 1\nstep = 2\n' in written

    looked = dropped_in("-c", LOOKS)
    assert looked.returncode == 0, looked.stderr


def test_what_is_wrong_in_a_stage_that_was_dropped_in_is_said_as_everywhere(dropped_in, tmp_path):
    text = (tmp_path / "r.toml").read_text()
    for change, sentence in {
        "stepp = 2": "[mix]: backwards has no parameter 'stepp'; did you mean 'step'?",
        "times = 0": "[mix] backwards: times = 0: input should be greater than or equal to 1",
    }.items():
        (tmp_path / "bad.toml").write_text(text.replace("step = 2", change))
        done = dropped_in("-m", "curation", "run", "bad.toml", "-w", "w")
        assert (done.returncode, done.stderr.strip()) == (2, sentence)


# -- every stage ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", stages().values(), ids=lambda stage: stage.name)
def test_every_stage_says_what_it_is_and_stands_after_what_it_reads(stage):
    assert stage.steps is not None
    assert stage.doc.split(":")[0] == stage.name.capitalize(), "the first word of a stage's docstring is its name"
    assert stage.summary.endswith(".")
    assert stage.kind in registry.kinds()
    assert list(stages()).index(stage.name) >= len(stage.after)
    if stage.rows and stage.report != "exports":
        assert stage.table, "what a machine is told, a person is told too"


def test_the_order_of_a_run_is_the_one_the_documentation_draws():
    assert list(stages()) == [
        *("source", "encode", "evidence", "score", "flag", "map", "prune", "verify", "query", "growth", "export")
    ]
    assert until("score") == ("source", "encode", "evidence", "score")


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_kind_of_method_says_what_it_is(kind):
    about = registry.kinds()[kind]
    assert about.title.lower() == kind
    assert about.what
    assert about.returns
    assert all(method.call.__name__ == about.verb for method in registry.methods(kind).values())
