import numpy as np

from curation.data.decisions import EffectiveDecisions
from curation.data.items import make_items
from curation.data.writing.manifest import COLUMNS, Flagged, Outcome, build, summary


def outcome(**changes):
    items = make_items(
        ids=["a", "b", "c", "d", "e"],
        labels=["cat", "cat", "dog", "dog", "cat"],
        splits=["train"] * 4 + ["test"],
        status=["ok", "ok", "ok", "truncated", "ok"],
    )
    score = np.array([0.1, 0.9, 0.5, np.nan, np.nan])
    given = {
        "items": items,
        "effective": EffectiveDecisions(),
        "labels": items.column("label"),
        "classes": items.classes,
        "scores": {"aum": score},
        "difficulty": "aum",
        "taken": np.array([1, 0]),
        "pruned_by": "ccs",
        "keep": 0.3,
    }
    return Outcome(**{**given, **changes})


def test_one_row_per_item_in_order_with_the_columns_of_the_contract():
    table = build(outcome())
    assert table.column_names == [*COLUMNS, "aum"]
    assert table["id"].to_pylist() == ["a", "b", "c", "d", "e"]


def test_every_row_says_why():
    table = build(outcome())
    assert table["kept"].to_pylist() == [True, True, False, False, True]
    assert table["reason"].to_pylist() == [
        "kept: taken by ccs",
        "kept: taken by ccs",
        "pruned: below ccs cut at 30 %",
        "unusable: truncated",
        "kept: test split, never pruned",
    ]
    assert table["rank"].to_pylist() == [2, 1, None, None, None]
    assert table["weight"].to_pylist() == [1.0, 1.0, None, None, 1.0]
    assert table["difficulty"].to_pylist() == [0.1, 0.9, 0.5, None, None]


def test_what_a_person_decided_wins_over_the_pruner():
    force = EffectiveDecisions(labels={"a": "dog"}, dropped={"b": "blurred"}, pinned={"c": "rare"})
    labels = np.array(["dog", "cat", "dog", "dog", "cat"], object)
    table = build(outcome(effective=force, labels=labels))
    assert table["kept"].to_pylist()[:3] == [True, False, True]
    assert table["reason"].to_pylist()[:3] == [
        "kept: taken by ccs; relabelled by hand from cat",
        "dropped by hand: blurred",
        "kept by hand: rare",
    ]
    assert table["label"].to_pylist()[0] == "dog"


def test_flags_fill_the_columns_of_their_kind():
    n = 5
    flags = {
        "confident_learning": Flagged(
            ("mislabel",),
            np.array([0.2, 0.9, 0.1, np.nan, np.nan]),
            np.array([False, True, False, False, False]),
            suggested=np.array([-1, 1, -1, -1, -1]),
        ),
        "duplicates": Flagged(
            ("duplicate",), np.zeros(n), np.array([1, 0, 0, 0, 0], bool), duplicate_of=np.array([2, -1, -1, -1, -1])
        ),
        "outliers": Flagged(("outlier",), np.array([0.0, 0.0, 0.7, np.nan, np.nan]), np.zeros(n, bool)),
    }
    table = build(outcome(flags=flags))
    assert table["label_quality"].to_pylist()[:3] == [0.8, 0.09999999999999998, 0.9]
    assert table["flagged"].to_pylist() == [True, True, False, False, False]
    assert table["suggested_label"].to_pylist() == [None, "dog", None, None, None]
    assert table["duplicate_of"].to_pylist() == ["c", None, None, None, None]
    assert table["outlier_score"].to_pylist() == [0.0, 0.0, 0.7, None, None]


def test_without_a_prune_everything_usable_is_kept():
    table = build(outcome(taken=None, pruned_by=""))
    assert table["kept"].to_pylist() == [True, True, True, False, True]


def test_the_summary_counts_what_the_table_says():
    items = outcome().items
    counted = summary(build(outcome()), items)
    assert counted["train"] == {"usable": 3, "kept": 2}
    assert counted["unusable"] == 1
    assert counted["classes"] == {"cat": {"train": 2, "kept": 2}, "dog": {"train": 1, "kept": 0}}


def test_items_that_say_something_take_it_with_them():
    items = make_items(ids=["a", "b"], labels=["x", "y"], splits=["train"] * 2, written=["=one", "two"])
    made = outcome(items=items, labels=np.array(["x", "y"], object), taken=None, flags={}, scores={}, difficulty=None)
    assert build(made)["text"].to_pylist() == ["=one", "two"]
