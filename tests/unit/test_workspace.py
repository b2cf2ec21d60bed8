import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from curation.data.workspace import KEPT, Workspace, key_of, update_text, write_text
from curation.data.writing.atomic import atomic
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


def test_parts_wait_a_month_for_the_run_that_goes_on_with_them(tmp_path):
    space = Workspace(tmp_path)
    young, old, held = (space.parts("evidence", key) for key in ("young", "old", "held"))
    for folder in (young, old, held):
        folder.mkdir(parents=True)
        (folder / "part").write_text("")
    for folder in (old, held):
        os.utime(folder, (time.time() - KEPT - 60,) * 2)
    with space.lock("evidence", "held"):
        space.tidy()
    assert (young.exists(), old.exists(), held.exists()) == (True, False, True)


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


# -- small files ------------------------------------------------------------------------------------------------


def export(path: Path, text: str) -> None:
    with atomic(path) as beside:
        beside.write_text(text)


@pytest.mark.parametrize("write", [write_text, export])
def test_threads_that_replace_one_file_never_fail_and_it_is_whole_at_every_moment(tmp_path, write):
    path, texts = tmp_path / "recipe.toml", [letter * 20_000 for letter in "abcd"]
    write(path, texts[0])
    with ThreadPoolExecutor(5) as threads:
        writers = [threads.submit(lambda text=text: [write(path, text) for _ in range(20)]) for text in texts]
        seen = set()
        while not all(writer.done() for writer in writers):
            seen.add(path.read_text())
        for writer in writers:
            writer.result()
    assert seen <= set(texts)
    assert [entry.name for entry in tmp_path.iterdir()] == ["recipe.toml"]


def test_changes_made_at_once_by_threads_and_by_another_process_are_all_kept(tmp_path):
    path = tmp_path / "count"
    code = (
        "import sys; from pathlib import Path; from curation.data.workspace import update_text\n"
        "for _ in range(20): update_text(Path(sys.argv[1]), lambda text: str(int(text or 0) + 1))"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT) as other:
        with ThreadPoolExecutor(4) as threads:
            made = list(threads.map(lambda _: update_text(path, lambda text: str(int(text or 0) + 1)), range(40)))
        assert other.wait() == 0
    assert path.read_text() == "60"
    assert len(set(made)) == 40  # everyone was told of a number of their own


def test_a_change_that_fails_leaves_the_file_and_lets_the_next_one_in(tmp_path):
    write_text(tmp_path / "a", "before")
    with pytest.raises(ZeroDivisionError):
        update_text(tmp_path / "a", lambda text: str(1 / 0))
    assert update_text(tmp_path / "a", lambda text: text + ", after") == "before, after"
