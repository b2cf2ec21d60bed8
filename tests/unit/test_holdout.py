"""The hold-out: who is drawn, that adding data moves nobody, and what is said of classes without a test item."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.data.holdout import with_holdout
from curation.data.items import Items, make_items


def made(labels, ids=None, splits=None, **columns) -> Items:
    n = len(labels)
    ids = [f"item {i}" for i in range(n)] if ids is None else ids
    return make_items(
        ids=ids, labels=list(labels), splits=splits or ["train"] * n, features=np.zeros((n, 1), np.float32), **columns
    )


def held(items: Items, share=0.2, seed=0) -> set[str]:
    out = with_holdout(items, share, seed)
    return set(out.column("id")[out.rows("test")])


def test_the_share_is_met_in_every_class_within_what_chance_allows():
    items = made([f"class {i % 4}" for i in range(8000)])
    out = with_holdout(items, 0.2)
    counts = np.bincount(out.codes[out.rows("test")])
    assert (abs(counts - 400) < 4 * np.sqrt(2000 * 0.2 * 0.8)).all()
    assert any("about 20% of each class, seed 0" in note for note in out.notes)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 30), st.integers(0, 2**31))
def test_adding_items_of_any_class_moves_nobody_out_of_the_test_rows(seed, share, added, order):
    rng = np.random.default_rng(order)
    ids = [f"cats/{n}" for n in range(60)] + [f"dogs/{n}" for n in range(60)]
    new = [f"{'cats' if rng.random() < 0.7 else 'birds'}/new {n}" for n in range(added)]
    everything = rng.permutation(ids + new).tolist()
    before = held(made([i.split("/")[0] for i in ids], ids), share, seed)
    after = held(made([i.split("/")[0] for i in everything], everything), share, seed)
    assert before <= after
    assert after & set(ids) == before  # nor into them


def test_another_seed_holds_out_others():
    items = made(["a", "b"] * 100)
    assert held(items, seed=0) != held(items, seed=1)
    assert held(items, seed=1) == held(items, seed=1)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_small_classes_keep_a_train_item_and_get_a_test_item_where_they_can(size):
    for share in (0.05, 0.5):
        items = made([f"class {i // size}" for i in range(40 * size)])
        out = with_holdout(items, share)
        train, test = (np.bincount(out.codes[out.rows(name)], minlength=40) for name in ("train", "test"))
        assert (train >= 1).all()
        assert (test >= 1).all() if size > 1 else (test == 0).all()


def test_copies_and_groups_go_together_and_a_group_of_most_items_stays_in_train():
    labels = ["a", "b"] * 50
    big = made(labels, groups=["one" if i < 60 else f"group {i // 4}" for i in range(100)])
    for seed in range(20):
        out = with_holdout(big, 0.3, seed)
        sides = [set(out.column("group")[out.rows(name)]) for name in ("train", "test")]
        assert not sides[0] & sides[1]
        assert "one" in sides[0]
        assert sides[1]


def test_a_copy_that_is_added_never_takes_its_original_out_of_the_test_rows():
    hashes = [f"{i:032x}" for i in range(200)]
    before = held(made(["a", "b"] * 100, hashes=hashes))
    copies = made(["a", "b"] * 100 + ["a"] * 50, hashes=hashes + hashes[:50])
    after = held(copies)
    assert before <= after
    for n in range(50):
        assert (f"item {n}" in after) == (f"item {200 + n}" in after)


def test_classes_without_a_test_item_are_said():
    items = made(["a"] * 40 + ["b"] * 40 + ["c"])
    note = "1 of 3 classes have no test item (c): verification says nothing of them."
    assert note in with_holdout(items, 0.2).notes
    own = made(["a", "b", "c", "a", "b"], splits=["train"] * 3 + ["test"] * 2)
    assert note in with_holdout(own, 0.2).notes
    assert with_holdout(made(["a", "b", "a", "b"], splits=["train"] * 2 + ["val"] * 2), 0.2).notes == ()


def test_where_nothing_can_be_held_out_the_note_says_why():
    out = with_holdout(made(["a", "b", "c"]), 0.2)
    assert len(out.rows("test")) == 0
    assert any("every class is a single item or group" in note for note in out.notes)
