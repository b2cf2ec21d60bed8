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
from curation.ui.server import access, allowed_paths
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
    allowed_paths.check_recipe(load_recipe("reads.toml"))
except InputError as error:
    assert "is outside" in str(error)
else:
    sys.exit("a new stage may read any file")
"""


# What every process of the test begins with: folders of the test's own join the packages.
JOINED = """
import importlib
from pathlib import Path
import curation.engine.stages as stages
import curation.methods as methods
here = Path(__file__).parent
stages.__path__.append(str(here / "stages"))
methods.__path__.append(str(here / "methods"))
for folder in here.glob("methods/*"):
    package = importlib.import_module(f"curation.methods.{folder.name}")
    if str(folder) not in package.__path__:
        package.__path__.append(str(folder))
"""


@pytest.fixture
def dropped_in(tmp_path):
    """`python(*words)`: another process that finds one more stage, one more folder of methods, and what is added."""
    for path, text in {
        "stages/mix.py": STAGE,
        "methods/mixers/__init__.py": KIND,
        "methods/mixers/backwards.py": METHOD,
        "sitecustomize.py": JOINED,
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


# -- one file of every kind ------------------------------------------------------------------------------------

HEAD = '''"""{title}: made for a test.

Blind to everything.
"""

import numpy as np

from curation.card import Card
{imports}

CARD = Card(title="{title}", cost="m time", blind_to="everything", stochastic=False{card})


def {signature}:
    """As its kind returns."""
    {body}
'''

# kind -> (imports, further fields of the card, signature, body)
ONE_FILE = {
    "sources": (
        "from curation.data.items import make_items",
        "",
        "read()",
        """labels = [str(row % 2) for row in range(40)]
    x = np.arange(40) % 2 * 5.0 + np.arange(40) / 40
    return make_items(ids=[f"i{row}" for row in range(40)], labels=labels[:36] + [None] * 4,
                      splits=["train"] * 20 + ["test"] * 16 + ["unlabeled"] * 4,
                      features=np.stack([x, x * x], axis=1))""",
    ),
    "encoders": ("", ', needs=("features",)', "encode(view)", "return np.asarray(view.features, np.float32)"),
    "evidence": ("", ', needs=("embeddings",)', "gather(view)", "return np.linalg.norm(view.embeddings, axis=1)"),
    "scores": ("", ', needs=("own",)', "score(view)", 'return np.asarray(view.evidence("own"), np.float64)'),
    "flags": (
        "from curation.data.results import Flags",
        ', needs=("own",), tags=("outlier",)',
        "flag(view)",
        'return Flags(view.evidence("own") / 99, view.evidence("own") > 35)',
    ),
    "maps": ("", ', needs=("embeddings",)', "place(view)", "return view.embeddings[:, :2]"),
    "pruners": ("", ', needs=("own",)', "select(view, budget)", 'return np.argsort(view.evidence("own"))[:budget]'),
    "students": (
        "from curation.training.student import Predictor",
        ', needs=("embeddings", "labels")',
        "train(view)",
        """means = np.stack([view.embeddings[view.labels == code].mean(axis=0) for code in (0, 1)])
    near = lambda of: -np.linalg.norm(of.embeddings[:, None] - means, axis=2)
    return Predictor(near, near, len(view))""",
    ),
    "samplers": (
        "from curation.training.rule import Rule",
        "",
        "schedule(view, keep)",
        """rule = Rule(len(view), keep, 0)
    rule.begin_epoch = lambda t, T: (np.arange(rule.size), None)
    return rule""",
    ),
    "condensers": (
        "from curation.data.results import Condensed",
        ', needs=("embeddings", "labels")',
        "condense(view, per_class)",
        """rows = np.concatenate([np.flatnonzero(view.labels == code)[:per_class] for code in np.unique(view.labels)])
    return Condensed(view.embeddings[rows], view.labels[rows], rows=rows)""",
    ),
    "queries": ("", ', needs=("known",)', "query(view, budget)", "return np.flatnonzero(view.known < 0)[:budget]"),
    "exporters": (
        "from pathlib import Path\nfrom typing import Annotated\nfrom pydantic import Field",
        ', ending=".txt"',
        'write(table, *, path: Annotated[Path, Field(description="The file.")])',
        """path.write_text(" ".join(table.filter(table["kept"])["id"].to_pylist()))
    return [path]""",
    ),
}
OWN = """
[source]
use = "own"
[encode]
use = "own"
[evidence.own]
[[score]]
use = "own"
[[flag]]
use = "own"
[map]
use = "own"
[[prune]]
use = "own"
keep = 0.5
[verify]
use = "own"
seeds = 1
[schedule]
use = "own"
keeps = [0.5]
seeds = 1
epochs = 2
[[condense]]
use = "own"
per_class = [2]
seeds = 1
students = ["own"]
path = "sets"
[grow]
use = "own"
student = "own"
[[export]]
use = "own"
path = "kept.txt"
"""


def test_one_file_is_a_method_of_any_kind(dropped_in, tmp_path):
    assert set(ONE_FILE) == set(registry.kinds())
    for kind, (imports, card, signature, body) in ONE_FILE.items():
        text = HEAD.format(title=f"Own {kind}", imports=imports, card=card, signature=signature, body=body)
        (tmp_path / "methods" / kind).mkdir()
        (tmp_path / "methods" / kind / "own.py").write_text(text)
    (tmp_path / "own.toml").write_text(OWN)
    done = dropped_in("-m", "curation", "run", "own.toml", "-w", "w", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    own = {step["stage"] for step in answer["steps"] if step["use"] == "own"}
    assert own == set(stages()) - {"growth"}  # which plays the strategy of [grow] where [grow.simulate] asks for it
    kept = (tmp_path / "kept.txt").read_text().split()
    assert len([id_ for id_ in kept if int(id_[1:]) < 20]) == 10
    assert {row["accuracy"] for row in answer["verify"] if row["method"] == "full"} == {1.0}
    assert {row["never_seen"] for row in answer["schedule"] if row["sampler"] == "own"} == {10}


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
        *("source", "encode", "evidence", "score", "flag", "map", "prune", "verify", "schedule"),
        *("condense", "judge", "deliver", "query", "growth", "export"),
    ]
    assert until("score") == ("source", "encode", "evidence", "score")


def test_contributing_lists_every_kind_with_its_verb():
    page = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    for kind, about in registry.kinds().items():
        assert f"`{kind}` {about.verb}" in page, f"CONTRIBUTING.md, step 1: say `{kind}` {about.verb}"


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_kind_of_method_says_what_it_is(kind):
    about = registry.kinds()[kind]
    assert about.title.lower() == kind
    assert about.what
    assert about.returns
    assert all(method.call.__name__ == about.verb for method in registry.methods(kind).values())
