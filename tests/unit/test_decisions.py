import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.data.decisions import Decision, DecisionLog, fold
from curation.errors import InputError


def test_the_last_word_counts():
    state = fold(
        [
            Decision("a", "relabel", "cat", batch=1),
            Decision("a", "relabel", "dog", batch=2),
            Decision("b", "keep", why="rare", batch=3),
            Decision("b", "drop", why="blurred", batch=4),
        ]
    )
    assert state.labels == {"a": "dog"}
    assert state.dropped == {"b": "blurred"}
    assert state.pinned == {}


def test_a_relabelled_item_stays_pinned_and_comes_back_when_it_was_dropped():
    state = fold([Decision("a", "keep"), Decision("b", "drop"), *(Decision(i, "relabel", "x") for i in "ab")])
    assert set(state.pinned) == {"a"}
    assert state.dropped == {}


def test_undo_takes_back_whole_batches_newest_first(tmp_path):
    log = DecisionLog(tmp_path)
    log.add(["a", "b"], "drop")
    log.add(["c"], "relabel", "cat")
    assert [d.id for d in log.undo()] == ["c"]
    assert {d.id for d in log.undo()} == {"a", "b"}
    assert log.undo() == []
    assert fold(log.all()).dropped == {}
    assert len(log.all()) == 5  # nothing is ever removed


def test_deciding_again_after_an_undo_works(tmp_path):
    log = DecisionLog(tmp_path)
    log.add(["a"], "drop")
    log.undo()
    log.add(["a"], "drop", why="again")
    assert fold(log.all()).dropped == {"a": "again"}


def test_a_decision_is_in_the_file_when_add_returns(tmp_path):
    DecisionLog(tmp_path).add(["a"], "relabel", "cat", why="seen")
    with sqlite3.connect(tmp_path / "decisions.sqlite") as db:
        assert db.execute("SELECT id, action, value, why FROM decision").fetchall() == [("a", "relabel", "cat", "seen")]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_two_people_deciding_at_once_lose_nothing_and_share_no_batch(tmp_path):
    def click(person):
        return [DecisionLog(tmp_path).add([f"{person}-{i}"], "drop") for i in range(25)]

    with ThreadPoolExecutor(4) as pool:
        batches = [b for made in pool.map(click, range(4)) for b in made]
    assert len(set(batches)) == 100
    assert len(fold(DecisionLog(tmp_path).all()).dropped) == 100


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_relabel_without_a_label_is_refused(tmp_path, value):
    with pytest.raises(InputError, match="needs the new label"):
        DecisionLog(tmp_path).add(["a"], "relabel", value)
