"""The command line as a stranger uses it: exit codes, one line, nothing half done."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from curation import __main__ as command_line

ROOT = Path(__file__).resolve().parents[2]


def started(*words, cwd):
    """`python -m curation` in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "curation", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


@pytest.fixture
def curation(folder, monkeypatch, capsys):
    """The same in this process, without its start."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(command_line.out, "width", 200)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["curation", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            command_line.main()
        said = capsys.readouterr()
        return SimpleNamespace(returncode=end.value.code, stdout=said.out, stderr=said.err)

    return call


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    np.savez(tmp_path / "d.npz", features=(labels[:, None] * 3 + rng.normal(size=(40, 4))), labels=labels)
    (tmp_path / "good.toml").write_text(
        '[source]\nuse = "arrays"\npath = "d.npz"\n[encode]\nuse = "precomputed"\n'
        '[[prune]]\nuse = "k_center"\nkeep = 0.5\n[[export]]\nuse = "csv"\npath = "out/m.csv"\n'
    )
    return tmp_path


def test_run_exits_0_and_prints_one_json_object_last(folder, curation):
    done = started("run", "good.toml", "-w", "w", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    assert {"workspace", "steps", "exports", "verify"} <= set(answer)
    assert {"stage", "use", "key", "cached", "seconds"} <= set(answer["steps"][0])
    assert all(Path(path).exists() for path in answer["exports"])
    assert str(folder / "out" / "m.csv") in answer["exports"]
    shown = curation("show", "w")
    assert "k_center" in shown.stdout
    planned = curation("plan", "good.toml", "-w", "w")
    assert "to run" not in planned.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[source]\nuse = "folder"\npath = "nowhere"', "[source]: path = 'nowhere' does not exist"),
        ('[source]\nuse = "folder"\npath = "empty"', "empty"),
        ('[source]\nuse = "foldr"\npath = "d"', "there is no source 'foldr'; did you mean 'folder'?"),
        ('[source]\nuse = "arrays"\npath = "d.npz"\n[[prune]]\nuse = "random"\nkeep = 0', "keep = 0"),
        ('[source]\nuse = "arrays"\npath = "d.npz"\n[[prune]]\nuse = "random"\nkeep = 1.5', "keep = 1.5"),
        ('[source]\nuse = "arrays"\npath = "d.npz"\n[[prune]]\nuse = "random"\nkepe = 1', "did you mean 'keep'?"),
        ('[source]\nuse = "arrays"\npath = "pickled.npz"', "pickle"),
        ('[source]\nuse = "table"\npath = "t.csv"', "columns"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folder, curation, text, message):
    (folder / "empty").mkdir()
    (folder / "t.csv").write_text("a,b\n1,2\n")
    np.savez(folder / "pickled.npz", features=np.eye(3), labels=np.array([{}, [], None], dtype=object))
    (folder / "bad.toml").write_text(text)
    done = curation("run", "bad.toml", "-w", "w")
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_methods_lists_what_the_registry_holds_as_json(curation):
    listed = json.loads(curation("methods", "--json").stdout)
    files = {p.stem for p in (ROOT / "curation" / "methods").glob("*/*.py") if not p.stem.startswith("_")}
    assert {m["id"] for m in listed} == files
    ccs = next(m for m in listed if m["id"] == "ccs")
    assert ccs["kind"] == "pruners"
    assert "beta" in ccs["parameters"]


def test_an_unknown_kind_suggests_the_nearest(curation):
    done = curation("methods", "pruner")
    assert done.returncode == 2
    assert "did you mean 'pruners'?" in done.stderr


def test_show_of_something_else_exits_1_with_a_sentence(curation):
    done = curation("show", "empty-place")
    assert done.returncode == 1
    assert "is not a workspace" in done.stderr
