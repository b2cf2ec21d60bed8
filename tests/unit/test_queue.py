"""What the review shows, in which order, and what is said of an item: small arrays, checked by eye."""

import numpy as np

from curation.data.decisions import Decision, fold
from curation.data.items import make_items
from curation.data.results import Neighbours
from curation.data.writing.manifest import Flagged
from curation.ui.review import queue
from curation.ui.state.analysis_results import AnalysisResults, suggested, suspicion
from curation.ui.state.item_state import item_state
from curation.ui.state.reasons import reasons
from curation.ui.state.similar_items import nearest_of_class, twins

CLASSES = ("cat", "dog", "eel")


def made(labels, flags=None, *, splits=None, truth=None, **more) -> AnalysisResults:
    """Findings of items a, b, c, ... with these labels."""
    n = len(labels)
    items = make_items(
        ids=[chr(97 + i) for i in range(n)],
        labels=labels,
        splits=splits or ["train"] * n,
        truth=truth,
        classes=CLASSES,
    )
    flags = flags or {}
    return AnalysisResults(
        items=items,
        classes=CLASSES,
        scores={},
        flags=flags,
        titles={name: name.upper() for name in flags},
        known=more.pop("known", {}),
        **more,
    )


def doubt(score, flagged, suggests=None, tags=("mislabel",)) -> Flagged:
    n = len(score)
    codes = np.full(n, -1) if suggests is None else np.array(suggests)
    return Flagged(tags, np.array(score, float), np.array(flagged, bool), codes)


def copies(*duplicate_of) -> Flagged:
    kept = np.array(duplicate_of)
    return Flagged(("duplicate",), (kept >= 0).astype(float), kept >= 0, None, kept)


def now(found, *decisions):
    return item_state(found.items, fold([Decision(*d, batch=i + 1) for i, d in enumerate(decisions)]))


# -- order -------------------------------------------------------------------------------------------------


def test_sent_by_hand_comes_first_then_the_flagged_most_suspicious_first():
    found = made(["cat"] * 5, {"one": doubt([0.1, 0.9, 0.5, 0.7, 0.2], [0, 1, 1, 1, 0])})
    assert queue.mislabel_queue(found).tolist() == [1, 3, 2]
    assert queue.mislabel_queue(found, ["e", "a"]).tolist() == [4, 0, 1, 3, 2]


def test_an_item_that_is_flagged_and_sent_by_hand_stands_in_the_queue_once():
    found = made(["cat"] * 3, {"one": doubt([0.1, 0.9, 0.5], [0, 1, 1])})
    assert queue.mislabel_queue(found, ["c"]).tolist() == [2, 1]


def test_without_flags_only_what_was_sent_by_hand_is_in_the_queue():
    found = made(["cat"] * 3)
    assert queue.mislabel_queue(found).tolist() == []
    assert queue.mislabel_queue(found, ["b"]).tolist() == [1]


def test_suspicion_is_the_mean_share_of_less_suspicious_items_whatever_the_scale_of_a_flag():
    flags = {"one": doubt([0.0, 0.1, 0.2], [0, 0, 1]), "two": doubt([500.0, 900.0, 0.0], [0, 1, 0])}
    assert suspicion(flags, 3).tolist() == [0.25, 0.75, 0.5]


def test_suspicion_is_unknown_where_no_flag_looked_and_outliers_do_not_count():
    flags = {
        "one": doubt([0.0, np.nan, 0.2], [0, 0, 1]),
        "far": doubt([9.0, 9.0, 9.0], [1, 1, 1], tags=("outlier",)),
    }
    assert np.isnan(suspicion(flags, 3)).tolist() == [False, True, False]
    assert np.isnan(suspicion({"far": flags["far"]}, 3)).all()


def test_a_flag_that_flags_the_item_suggests_before_one_that_does_not():
    flags = {"one": doubt([0.1, 0.2], [0, 0], [1, -1]), "two": doubt([0.1, 0.2], [1, 0], [2, -1])}
    assert suggested(flags, 2).tolist() == [2, -1]
    assert suggested(flags, 2, predictions=np.array([0, 0])).tolist() == [2, 0]


def test_outliers_come_most_isolated_first():
    found = made(["cat"] * 4, {"far": doubt([0.2, 0.9, 0.1, 0.95], [1, 1, 0, 1], tags=("outlier",))})
    assert queue.outlier_queue(found).tolist() == [3, 1, 0]
    assert queue.outlier_queue(made(["cat"])).tolist() == []


def test_the_next_open_item_follows_and_the_queue_starts_again_at_its_end():
    rows, decided = np.array([5, 2, 4]), np.zeros(6, bool)
    assert queue.next_open(rows, decided, None) == 5
    assert queue.next_open(rows, decided, 5) == 2
    assert queue.next_open(rows, decided, 4) == 5
    decided[2] = True
    assert queue.next_open(rows, decided, 5) == 4
    decided[[4, 5]] = True
    assert queue.next_open(rows, decided, 4) is None
    assert queue.next_open(rows, decided, None) is None


def test_walking_stops_at_both_ends():
    rows = np.array([5, 2, 4])
    assert [queue.beside(rows, 2, step) for step in (-1, 1)] == [5, 4]
    assert [queue.beside(rows, 5, -1), queue.beside(rows, 4, 1)] == [5, 4]
    assert queue.beside(rows[:0], None, 1) is None


def test_progress_counts_decided_labels_on_when_they_leave_the_queue():
    found = made(["cat"] * 4, {"one": doubt([0.1, 0.9, 0.5, 0.3], [0, 1, 1, 0])})
    rows = queue.mislabel_queue(found)
    assert queue.progress(rows, now(found)) == (0, 2)
    there = now(found, ("b", "drop"), ("a", "relabel", "dog"), ("d", "drop"))  # a left the queue; d never stood in it
    assert queue.progress(rows, there) == (2, 3)


# -- what is decided -----------------------------------------------------------------------------------------


def test_a_relabel_to_the_label_it_had_confirms_it():
    there = now(made(["cat", "cat"]), ("a", "relabel", "cat"), ("b", "relabel", "dog"))
    assert there.confirmed.tolist() == [True, False]
    assert there.relabelled.tolist() == [False, True]
    assert [there.label(0), there.label(1)] == ["cat", "dog"]


def test_what_is_sent_to_review_again_is_open_again():
    there = now(made(["cat", "cat"]), ("a", "confirm"), ("b", "confirm"), ("b", "review"))
    assert there.decided.tolist() == [True, False]


def test_a_new_class_comes_after_those_of_the_source():
    there = now(made(["cat", "dog"]), ("a", "relabel", "zebra"))
    assert there.classes == (*CLASSES, "zebra")
    assert there.label(0) == "zebra"


def test_decisions_on_items_that_are_not_there_change_nothing():
    there = now(made(["cat"]), ("gone", "drop"), ("gone too", "relabel", "dog"))
    assert not there.decided.any()


# -- duplicates ----------------------------------------------------------------------------------------------


def test_copies_form_one_group_with_the_kept_one_first():
    found = made(["cat"] * 5, {"same": copies(3, 3, -1, -1, 3)})
    assert [group.tolist() for group in queue.duplicate_groups(found, now(found))] == [[3, 0, 1, 4]]
    assert twins(found, 0).tolist() == [1, 3, 4]
    assert twins(found, 2).tolist() == []


def test_groups_whose_labels_differ_come_first_then_the_largest():
    found = made(["cat"] * 6 + ["dog"], {"same": copies(-1, 0, -1, 2, 2, -1, 5)})
    assert [g.tolist() for g in queue.duplicate_groups(found, now(found))] == [[5, 6], [2, 3, 4], [0, 1]]
    corrected = now(found, ("g", "relabel", "cat"))
    assert [g.tolist() for g in queue.duplicate_groups(found, corrected)] == [[2, 3, 4], [0, 1], [5, 6]]


def test_why_one_is_kept_is_said_as_far_as_the_items_tell():
    found = made(["dog", "cat", "cat", "eel"])
    because = queue.kept_because
    assert because(np.array([1, 0, 2]), now(found)) == "the first is kept: 2 of 3 have its label"
    assert because(np.array([0, 3]), now(found)) == "the first is kept: it was read first"
    assert because(np.array([3, 0]), now(found)) == "the first is kept: the flag chose it"


def test_copies_a_person_decided_on_are_not_dropped_with_the_others():
    found = made(["cat"] * 3, {"same": copies(-1, 0, 0)})
    (group,) = queue.duplicate_groups(found, now(found))
    assert queue.open_copies(group, now(found, ("b", "confirm"))).tolist() == [2]


# -- planted mistakes ----------------------------------------------------------------------------------------


def test_planted_mistakes_are_counted_among_what_the_flags_saw():
    found = made(
        ["cat", "cat", "dog", "dog", "cat"],
        {"one": doubt([0.9, 0.1, 0.8, 0.7, np.nan], [1, 0, 1, 0, 0])},
        truth=["dog", "cat", "dog", "cat", "dog"],
        splits=["train"] * 4 + ["test"],
    )
    assert queue.caught(found) == (2, 2, 1)  # planted: a and d; flagged: a and c
    assert str(queue.caught(found)) == "Found 1 of 2 planted mistakes among the 2 flagged items"


def test_nothing_is_said_of_planted_mistakes_where_the_truth_is_not_known():
    assert queue.caught(made(["cat", "dog"], {"one": doubt([0.9, 0.1], [1, 0])})) is None


# -- words and neighbours ------------------------------------------------------------------------------------


def test_why_an_item_is_suspicious_is_said_in_words():
    found = made(
        ["cat", "dog", "dog", "eel"],
        {"one": doubt([0.9, 0.1, 0.2, 0.3], [1, 0, 0, 0], [1, -1, -1, -1])},
        probabilities=(np.array([0, 1]), np.array([[0.02, 0.97, 0.01], [0.0, 1.0, 0.0]])),
        neighbours=(np.arange(4), Neighbours(np.array([[1, 2, 3]] * 4), np.zeros((4, 3)))),
    )
    assert [text for text, _ in reasons(found, now(found, ("a", "review")), 0)] == [
        "Sent to review by hand",
        "A model trained without this item says dog (97%); cat gets 2%",
        "2 of 3 nearest neighbours are labelled dog, 1 labelled eel, none labelled cat",
        "ONE: the most suspicious of 4 items",
    ]


def test_votes_count_the_labels_in_force():
    found = made(["cat"] * 3, neighbours=(np.arange(3), Neighbours(np.array([[1, 2]] * 3), np.zeros((3, 2)))))
    assert reasons(found, now(found), 0) == [("All 2 nearest neighbours are labelled cat too", None)]
    told = reasons(found, now(found, ("c", "relabel", "dog")), 0)
    assert told == [("1 of 2 nearest neighbours are labelled cat, 1 labelled dog", None)]


def test_the_nearest_of_a_class_leave_out_the_item_itself_dropped_ones_and_the_test_split():
    x = np.array([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [1.0, 0.01], [1.0, 0.0]], np.float32)
    found = made(["cat"] * 5, splits=["train"] * 4 + ["test"], embeddings=(np.arange(5), x))
    assert nearest_of_class(found, now(found), 0, "cat").tolist() == [3, 1, 2]
    assert nearest_of_class(found, now(found, ("d", "drop")), 0, "cat", k=1).tolist() == [1]
    assert nearest_of_class(found, now(found), 0, "dog").tolist() == []


# -- splits ------------------------------------------------------------------------------------------------


def test_of_one_split_only_what_is_flagged_or_sent_by_hand_there_is_reviewed():
    labels, splits = ["cat", "cat", "dog", "eel"], ["train", "test", "test", "val"]
    flags = {"label": doubt([0.9, 0.8, 0.1, 0.7], [1, 1, 0, 0]), "same": copies(-1, 0, -1, -1)}
    found = made(labels, flags, splits=splits)
    assert found.splits == ("train", "test")
    assert found.only("") is found
    test = found.only("test")
    assert queue.mislabel_queue(test, ["a", "c"]).tolist() == [2, 1]
    assert queue.mislabel_queue(found, ["a", "c"]).tolist() == [0, 2, 1]
    assert [rows.tolist() for rows in queue.duplicate_groups(test, now(test))] == [[0, 1]]
    assert queue.duplicate_groups(found.only("train"), now(found)) == []
    assert found.only("test") is test, "nothing is worked out again for every rerun"
