"""Winnow from Python: the five calls, wherever they are called from, and the examples of docs/library.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest

import curation
from curation.data.decisions import DecisionLog
from curation.errors import InputError, WorkspaceError

ROOT = Path(__file__).resolve().parents[2]


def python(*words: str, cwd: Path, text: str | None = None) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *words], cwd=cwd, env=env, input=text, capture_output=True, text=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with what is left after the examples of docs/library.md were run, as one script, one after another."""
    folder = tmp_path_factory.mktemp("library")
    page = (ROOT / "docs" / "library.md").read_text()
    (folder / "recipe.toml").write_text(re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1])
    (folder / "script.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)))
    done = python("script.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder


def test_the_examples_of_the_page_run_as_they_stand(made):
    said = (made / "said.txt").read_text()
    assert "'map pca'" in said
    assert "half.csv" in said
    assert "knn_vote.suggested" in said


def test_the_manifest_read_from_a_workspace_is_the_one_that_was_exported(made):
    manifest = curation.open_workspace(made / "workspace").manifest()
    exported = pyarrow.csv.read_csv(made / "half.csv")
    assert manifest.column_names == exported.column_names
    for name in ("id", "kept", "rank", "reason"):
        assert manifest[name].to_pylist() == exported[name].to_pylist(), name


def test_scores_and_flags_stand_beside_the_ids(made):
    results = curation.open_workspace(made / "workspace")
    scores, flags = results.scores(), results.flags()
    assert scores.column_names == ["id", "knn_shapley"]
    assert scores["id"].to_pylist() == flags["id"].to_pylist() == results.manifest()["id"].to_pylist()
    train = np.array(results.manifest()["split"].to_pylist()) == "train"
    assert np.isfinite(scores["knn_shapley"].to_numpy(zero_copy_only=False)[train]).all()
    assert scores["knn_shapley"].null_count == (~train).sum()
    names = ["knn_vote", "knn_vote.score", "knn_vote.suggested", "duplicates", "duplicates.score"]
    assert set(names) < set(flags.column_names)
    flagged = flags.filter(flags["knn_vote"])
    assert 0 < flagged.num_rows < flags.num_rows
    assert flagged["knn_vote.suggested"].null_count == 0


def test_a_subset_that_was_not_computed_is_named_and_everything_not_dropped_needs_none(made):
    recipe = curation.load_recipe(made / "recipe.toml")
    recipe.prune[0].keep = 0.25
    results = curation.open_workspace(made / "workspace", recipe)
    with pytest.raises(InputError, match=r"prune half has not been computed in .*workspace: run its recipe first"):
        results.manifest()
    everything = results.manifest("full")
    assert all(everything["kept"].to_pylist())
    with pytest.raises(WorkspaceError, match="is gone"):
        curation.open_workspace(made / "nowhere")


def test_decisions_are_part_of_what_is_read(made, tmp_path):
    import shutil

    shutil.copytree(made / "workspace", tmp_path / "w")
    first = curation.open_workspace(tmp_path / "w").manifest("full")["id"][0].as_py()
    DecisionLog(tmp_path / "w").add([first], "drop", why="blurred")
    row = curation.open_workspace(tmp_path / "w").manifest("full").slice(0, 1).to_pylist()[0]
    assert (row["kept"], row["reason"]) == (False, "dropped by hand: blurred")


CALL = """
import curation
recipe = curation.load_recipe("r.toml")
outcome = curation.run(recipe, "w", device="cpu")
print([step["stage"] for step in outcome.steps])
"""
THREAD = f"""
import threading
said = []
thread = threading.Thread(target=lambda: exec({CALL!r}, {{"print": said.append, "__builtins__": __builtins__}}))
thread.start()
thread.join()
print(*said)
"""


@pytest.mark.parametrize("way", ["script", "standard input", "cell", "thread"])
def test_a_map_is_drawn_whoever_calls_the_run(tmp_path, way):
    """The map is computed by another process, which must not need the caller's main module."""
    np.savez(tmp_path / "d.npz", features=np.random.default_rng(0).normal(size=(40, 4)), labels=np.arange(40) % 2)
    (tmp_path / "r.toml").write_text(
        '[source]\nuse = "arrays"\npath = "d.npz"\n[encode]\nuse = "precomputed"\n[map]\nuse = "pca"\n'
    )
    (tmp_path / "script.py").write_text(THREAD if way == "thread" else CALL)
    if way == "standard input":
        done = python("-", cwd=tmp_path, text=CALL)
    elif way == "cell":  # as a notebook runs it: a main module without a file
        done = python("-c", f"exec(compile({CALL!r}, '<cell>', 'exec'))", cwd=tmp_path)
    else:
        done = python("script.py", cwd=tmp_path)
    assert done.stdout.split("\n")[0] == "['source', 'encode', 'map']", done.stderr
    assert len(list((tmp_path / "w" / "map").glob("*/value.npy"))) == 1


def test_importing_winnow_loads_numpy_and_nothing_larger(tmp_path):
    heavy = ("pyarrow", "pydantic", "pandas", "torch", "sklearn", "scipy", "PIL", "typer", "streamlit")
    code = f"import sys, curation; print([name for name in {heavy!r} if name in sys.modules])"
    assert python("-c", code, cwd=tmp_path).stdout.strip() == "[]"
