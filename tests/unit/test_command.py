"""Your own trainer in the grid of verification: what it is handed, what it answers, how it fails, that it resumes."""

from __future__ import annotations

import csv
import json
import os
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from curation.data.trainer_files import write_part
from curation.engine import registry
from curation.engine.plan import plan
from curation.engine.recipe import parse_recipe
from curation.engine.run import run
from curation.engine.stages import verify
from curation.errors import InputError, RunError, UnavailableError

TRAINER = """
import argparse, json, os, pathlib
parser = argparse.ArgumentParser()
for name in ("train", "val", "out", "seed"):
    parser.add_argument("--" + name)
given = parser.parse_args()
lines = pathlib.Path(given.train).read_text().splitlines()
assert [json.loads(line) for line in lines] and json.loads(pathlib.Path(given.val).read_text().splitlines()[0])["id"]
assert os.environ["WINNOW_SEED"] == given.seed and not list(pathlib.Path(given.out).iterdir())
(pathlib.Path(given.out) / "weights").write_text("x")
with open(pathlib.Path(__file__).with_name("log"), "a") as log:
    log.write(f"{given.train} {len(lines)} {given.seed}\\n")
print("epoch 1\\nnearly done")
print(json.dumps({"metric": 40.0 + len(lines) / 10 + int(given.seed)}))
"""


def conversations(path: Path, n: int = 60) -> Path:
    lines = [
        {
            "id": f"c{i}",
            "messages": [{"role": "user", "content": f"Say {i}."}, {"role": "assistant", "content": "so " * (i + 1)}],
        }
        for i in range(n)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def command(program: str) -> str:
    places = "--train {train} --val {val} --out {out} --seed {seed}"
    return f"{shlex.quote(sys.executable)} {shlex.quote(program)} {places}"


def recipe(folder: Path, **more):
    if not (folder / "a.jsonl").exists():
        conversations(folder / "a.jsonl")
        (folder / "trainer with blanks.py").write_text(TRAINER)
    return parse_recipe(
        {
            "source": {"use": "chat", "path": str(folder / "a.jsonl"), "holdout": 0.2},
            "prune": [{"use": "by_score", "name": "shortest", "by": "length", "order": "easy", "keep": 0.5}],
            "verify": {
                "use": "command",
                "seeds": 2,
                "command": command(str(folder / "trainer with blanks.py")),
                **more,
            },
        }
    )


def test_a_trainer_of_ones_own_measures_every_subset_beside_random_longest_and_everything_and_resumes(tmp_path):
    made = run(recipe(tmp_path), tmp_path / "w")
    log = (tmp_path / "log").read_text().splitlines()
    assert len(log) == 8  # shortest, random, longest, everything; two seeds each
    assert {(row["method"], row["seed"]) for row in made.verify} == {
        (name, seed) for name in ("shortest", "random", "longest", "full") for seed in (0, 1)
    }
    n = next(row["train_rows"] for row in made.verify if row["method"] == "full")
    for row in made.verify:
        assert row["accuracy"] == pytest.approx(40 + row["train_rows"] / 10 + row["seed"])
        assert row["train_rows"] == (n if row["method"] == "full" else round(n / 2))
    assert not Path(log[0].split(" ")[0]).exists(), "what it was handed is removed"
    table = verify.table(made.verify)
    assert table[0][2].startswith("your metric")
    assert "only your trainer's number is known" in table[-1][1]
    assert f"{40.5 + n / 10:.4f}" in next(line[2] for line in table if line[1] == "full")

    run(recipe(tmp_path), tmp_path / "w")
    assert len((tmp_path / "log").read_text().splitlines()) == 8, "a second run trains nothing"
    run(recipe(tmp_path, seeds=3), tmp_path / "w")
    assert len((tmp_path / "log").read_text().splitlines()) == 12, "a third seed is four more trainings"
    (tmp_path / "trainer with blanks.py").write_text(TRAINER + "\n# changed\n")
    assert len(plan(recipe(tmp_path), tmp_path / "w").missing()) == 8, "another trainer is another result"


def test_conversations_without_a_trainer_are_not_verified_and_it_says_why(tmp_path):
    given = {
        "source": {"use": "chat", "path": str(conversations(tmp_path / "a.jsonl")), "holdout": 0.2},
        "encode": {"use": "lsa"},
        "prune": [{"use": "random", "keep": 0.5}],
        "verify": {"use": "head", "seeds": 1},
    }
    with pytest.raises(InputError, match="not verified here: the items have no labels") as caught:
        run(parse_recipe(given), tmp_path / "w")
    assert 'use = "command"' in str(caught.value)


def call(program: str, tmp_path: Path, **params):
    """Train once on three texts, by a program given as Python."""
    from curation.data.items import make_items
    from curation.data.view import View

    (tmp_path / "t.py").write_text(program)
    items = make_items(ids=list("abc"), labels=["x", "y", "x"], splits=["train"] * 3, written=["one", "two", "three"])
    view = View.of(labels=items.codes, classes=items.classes)
    method = registry.get("students", "command")
    given = method.validated(
        {"command": f"{shlex.quote(sys.executable)} {tmp_path / 't.py'} {{train}}", **params}, "command"
    )
    return method.call(view, seed=0, items=items, held_out=view.subset([0]), **given)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("print('done')", "the trainer's last line is 'done'; expected JSON"),
        ("pass", "the trainer printed nothing; expected JSON"),
        ("print('{\"loss\": 1}')", "expected JSON such as"),
        ("print('{\"metric\": true}')", "expected JSON such as"),
        ("print('{\"metric\": NaN}')", "the trainer's metric is nan; expected a finite number"),
        ("import sys; print('x'); sys.exit('out of memory')", "ended with exit code 1: out of memory"),
        ("import os; os.abort()", "ended with exit code -6: it printed nothing"),
        ("print('[' * 5000)", "expected JSON such as"),
    ],
)
def test_a_trainer_that_fails_is_told_in_one_sentence(program, sentence, tmp_path):
    with pytest.raises(RunError) as caught:
        call(program, tmp_path)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_trainer_that_hangs_is_stopped_with_what_it_started(tmp_path):
    program = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(100)\n"
    )
    with pytest.raises(RunError, match="was stopped after 2 s; give it longer with timeout"):
        call(program, tmp_path, timeout=2)
    child = int((tmp_path / "pid").read_text())
    for _ in range(50):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the trainer's own child is still there")


def test_it_answers_with_one_number_and_no_opinion_on_items(tmp_path):
    assert call("print('{\"accuracy\": 0.5}')", tmp_path).metric == 0.5
    method = registry.get("students", "command")
    with pytest.raises(InputError, match="use it in \\[verify\\] only"):
        method.call(None, seed=0, command="x {train}")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "was not told what to run"),
        ("python train.py", "has no {train}"),
        ("no-such-program {train}", "there is no program 'no-such-program'"),
        ("python 'train.py {train}", "close its quotes"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_runs(given, sentence):
    with pytest.raises(UnavailableError) as caught:
        registry.get("students", "command").check({"command": given, "timeout": 1})
    assert sentence in str(caught.value)


def test_any_items_are_handed_over_in_a_form_a_trainer_can_read(tmp_path):
    from curation.data.items import make_items

    texts = make_items(ids=["a", "b"], labels=["x", None], splits=["train"] * 2, written=["one, two", "drei\nvier"])
    with write_part(texts, np.array([1, 0]), np.array([None, "x"], object), tmp_path, "t").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"id": "a", "label": "x", "path": "", "text": "one, two"},
            {"id": "b", "label": "", "path": "", "text": "drei\nvier"},
        ]
    pixels = np.arange(2 * 4, dtype=np.uint8).reshape(2, 2, 2)
    arrays = make_items(ids=["a", "b"], labels=["x", "y"], splits=["train"] * 2, images=pixels)
    with np.load(write_part(arrays, np.array([1]), np.array(["y"], object), tmp_path, "i")) as file:
        assert file["labels"].tolist() == ["y"]
        assert np.array_equal(file["images"], pixels[1:])
    files = make_items(ids=["a"], labels=["x"], splits=["train"], paths=["sub/a.png"], root=tmp_path)
    with write_part(files, np.array([0]), np.array(["x"], object), tmp_path, "f").open(newline="") as file:
        assert next(csv.DictReader(file))["path"] == os.fspath(tmp_path / "sub" / "a.png")
