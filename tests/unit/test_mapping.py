"""What the map page shows, in which colours and order."""

import numpy as np
from test_queue import CLASSES, doubt, made, now

from curation.ui.map import selection
from curation.ui.map.selection import Look

LINE = np.column_stack([np.arange(6.0), np.zeros(6)])  # items a..f from left to right


def on_map(labels="cat cat dog dog eel eel", xy=LINE, **more):
    labels = labels.split()
    flags = {"one": doubt(np.linspace(0, 1, len(labels)), [0] * (len(labels) - 1) + [1])}
    return made(labels, flags, xy=np.asarray(xy, float), **more)


def test_filters_leave_out_what_is_not_on_the_map_not_flagged_or_of_another_class():
    xy = LINE.copy()
    xy[0] = np.nan
    found = on_map(xy=xy)
    shown = lambda **look: selection.shown_rows(found, now(found), Look(**look)).tolist()  # noqa: E731
    assert shown() == [1, 2, 3, 4, 5]
    assert shown(flagged=True) == [5]
    assert shown(classes=("dog", "cat")) == [1, 2, 3]
    assert shown(classes=("dog",), flagged=True) == []


def test_the_gallery_is_ordered_by_suspicion_difficulty_or_as_read_and_unknown_comes_last():
    found = on_map()
    found.scores["hard"] = np.array([3.0, 1.0, np.nan, 2.0, 0.0, 5.0])
    rows = np.array([0, 1, 2, 3])
    order = lambda name, size="hard": selection.ordered(found, rows, name, size).tolist()  # noqa: E731
    assert order("suspicious") == [3, 2, 1, 0]
    assert order("hard") == [0, 3, 1, 2]
    assert order("easy") == [1, 3, 0, 2]
    assert order("read") == [0, 1, 2, 3]
    assert order("hard", size="") == [0, 1, 2, 3]


def test_each_item_is_coloured_by_the_first_kind_of_flag_that_speaks_against_it():
    flags = {
        "far": doubt([1, 1, 0], [1, 1, 0], tags=("outlier",)),
        "one": doubt([1, 0, 0], [1, 0, 0]),
    }
    found = made(["cat"] * 3, flags, xy=LINE[:3])
    colour = selection.colouring(found, now(found), Look("flags"), dark=False)
    assert [colour.names[code] for code in colour.codes] == ["label in doubt", "outlier", "not flagged"]


def test_decisions_are_a_colour_too():
    found = on_map()
    there = now(found, ("a", "drop"), ("b", "relabel", "dog"), ("c", "keep"), ("d", "confirm"), ("e", "review"))
    colour = selection.colouring(found, there, Look("decision"), dark=True)
    assert [colour.names[code] for code in colour.codes] == [
        "dropped", "relabelled", "kept", "label confirmed", "in review", "undecided",
    ]  # fmt: skip


def test_classes_filtered_for_get_a_colour_of_their_own_among_many():
    names = tuple(f"k{i}" for i in range(30))  # more than there are colours
    codes = np.repeat(np.arange(30), np.arange(30, 0, -1))  # the last classes are the smallest
    colour = selection._by_class(names, codes, Look(classes=("k29",)), "none")
    assert colour.colours["k29"] != selection.OTHER
    assert colour.colours["k28"] == selection.OTHER


def test_rings_go_to_the_flagged_most_suspicious_first_and_know_the_label_that_fits_better():
    flags = {"one": doubt([0.5, 0.9, 0.1, 0.7, 0.2, 0.3], [1, 1, 0, 1, 0, 0], suggests=[1, 2, -1, 0, -1, -1])}
    found = made(["cat", "cat", "dog", "dog", "eel", "eel"], flags, xy=LINE)
    there = now(found, ("c", "relabel", "ant"))  # a class the analysis does not know
    rings = selection.rings(found, there)
    assert rings.rows.tolist() == [1, 3, 0]
    assert [there.classes[rings.suggested[row]] for row in (0, 1, 3)] == ["dog", "eel", "cat"]
    assert rings.suggested[2] == -1


def test_what_is_among_the_selected_is_counted_and_the_rest_summed_up():
    found = on_map("cat cat cat dog dog eel")
    assert selection.composition(now(found), np.arange(6), most=2) == [("cat", 3), ("dog", 2), ("1 more", 1)]
    assert selection.composition(now(found), np.arange(0)) == []


def test_only_what_is_there_is_offered_as_colour_and_size():
    bare = made(["cat"], xy=np.zeros((1, 2)))
    assert list(selection.colour_options(bare)) == ["label", "decision"]
    assert list(selection.size_options(bare)) == [""]
    found = on_map(probabilities=(np.arange(6), np.eye(3)[[0] * 6]))
    found.scores["hard"] = np.arange(6.0)
    assert list(selection.colour_options(found)) == ["label", "prediction", "flags", "decision", "suspicion", "hard"]
    assert next(iter(selection.size_options(found))) == "hard"
    assert set(CLASSES) == set(found.classes)


def test_the_split_is_a_colour_and_a_filter_where_there_are_several():
    one, several = on_map(), on_map(splits=["train", "train", "test", "test", "val", "train"])
    assert "split" not in selection.colour_options(one)
    assert "split" in selection.colour_options(several)
    assert list(selection.split_options(several)) == ["", "train", "val", "test"]
    assert selection.shown_rows(several, now(several), Look(split="test")).tolist() == [2, 3]
    colour = selection.colouring(several, now(several), Look("split"), dark=False)
    assert [colour.names[code] for code in colour.codes] == ["train", "train", "test", "test", "val", "train"]
