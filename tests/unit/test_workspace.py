import json
import subprocess
import sys
from pathlib import Path

import pytest

from curation.data.workspace import Workspace, key_of
from curation.errors import WorkspaceError

ROOT = Path(__file__).resolve().parents[2]


def test_equal_parts_give_equal_keys_and_other_parts_others():
    assert key_of(a=1, b=[2, 3]) == key_of(b=[2, 3], a=1)
    assert key_of(a=1) != key_of(a=2)
    assert key_of(a=1) != key_of(a="1")


def killed(space, stage, name, **how):
    """Write half a result, then fail."""
    with space.write(stage, "k", **how) as folder:
        (folder / name).write_text("half")
        raise ZeroDivisionError


def test_a_result_is_there_only_when_its_block_ended_well(tmp_path):
    space = Workspace(tmp_path)
    with pytest.raises(ZeroDivisionError):
        killed(space, "score", "value.npy")
    assert not space.done("score", "k")
    with space.write("score", "k") as folder:
        assert list(folder.iterdir()) == []  # what the failed attempt left is gone
        (folder / "card.json").write_text("{}")
    assert space.done("score", "k")


def test_a_resumable_result_finds_what_the_killed_attempt_left(tmp_path):
    space = Workspace(tmp_path)
    with pytest.raises(ZeroDivisionError):
        killed(space, "encode", "shard", resume=True)
    with space.write("encode", "k", resume=True) as folder:
        assert (folder / "shard").read_text() == "half"


def test_a_lock_is_free_again_when_its_process_is_killed(tmp_path):
    code = (
        "import sys, time; from curation.data.workspace import Workspace\n"
        "with Workspace(sys.argv[1]).lock('score', 'k'): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout.readline() == "held\n"
        holder.kill()
        with Workspace(tmp_path).lock("score", "k"):
            pass


def test_a_workspace_of_a_newer_winnow_is_left_alone(tmp_path):
    (tmp_path / "winnow.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(WorkspaceError, match="newer Winnow"):
        Workspace(tmp_path)


def test_a_workspace_under_a_file_says_so(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Workspace(tmp_path / "file")
