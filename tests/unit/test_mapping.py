"""What the map draws and what a lasso takes."""

import numpy as np
from test_queue import CLASSES, doubt, made, now

from curation.ui.map import selection
from curation.ui.map.selection import Look
from curation.ui.parts import charts

LINE = np.column_stack([np.arange(6.0), np.zeros(6)])  # items a..f from left to right


def on_map(labels="cat cat dog dog eel eel", xy=LINE, **more):
    labels = labels.split()
    flags = {"one": doubt(np.linspace(0, 1, len(labels)), [0] * (len(labels) - 1) + [1])}
    return made(labels, flags, xy=np.asarray(xy, float), **more)


def event(rows=(), lasso=None) -> dict:
    """What the chart reports: points drawn and hit, and the lasso around them."""
    shapes = [{"x": [p[0] for p in lasso], "y": [p[1] for p in lasso]}] if lasso else []
    return {"selection": {"points": [{"customdata": [row]} for row in rows], "lasso": shapes, "box": []}}


AROUND_B_TO_E = [(0.5, -1), (4.5, -1), (4.5, 1), (0.5, 1)]


def test_filters_leave_out_what_is_not_on_the_map_not_flagged_or_of_another_class():
    xy = LINE.copy()
    xy[0] = np.nan
    found = on_map(xy=xy)
    shown = lambda **look: selection.shown_rows(found, now(found), Look(**look)).tolist()  # noqa: E731
    assert shown() == [1, 2, 3, 4, 5]
    assert shown(flagged=True) == [5]
    assert shown(classes=("dog", "cat")) == [1, 2, 3]
    assert shown(classes=("dog",), flagged=True) == []


def test_up_to_the_cap_all_is_drawn_above_it_flagged_selected_and_hardest_always_are():
    n = 500
    score = np.zeros(n)
    score[:5] = 1  # the hardest
    found = on_map(" ".join(["cat"] * n), np.zeros((n, 2)))
    found.scores["hard"] = score
    shown, look = np.arange(n), Look(size="hard")
    assert len(selection.drawn_rows(found, shown, look, np.array([], int), cap=n)) == n
    hardest = selection.hardest(found, shown, look, count=5)
    assert sorted(hardest.tolist()) == [0, 1, 2, 3, 4]
    drawn = selection.drawn_rows(found, shown, look, np.array([250, 251]), cap=60)
    assert len(drawn) == 60
    assert {250, 251, n - 1} <= set(drawn.tolist())  # selected, and the one that is flagged
    again = selection.drawn_rows(found, shown, look, np.array([250, 251]), cap=60)
    assert drawn.tolist() == again.tolist()


def test_flagged_and_selected_take_at_most_half_of_the_map_each_the_most_suspicious_first():
    n = 100
    flags = {"one": doubt(np.arange(n), [1] * n)}
    found = made(["cat"] * n, flags, xy=np.zeros((n, 2)))
    nothing, everything = np.array([], int), np.arange(n)
    assert selection.flagged_first(found, everything, cap=20).tolist() == list(range(99, 89, -1))
    drawn = selection.drawn_rows(found, everything, Look(), nothing, cap=20)
    assert len(drawn) == 20
    assert set(range(90, 100)) <= set(drawn.tolist())
    assert len(selection.drawn_rows(found, everything, Look(), everything, cap=20)) == 20


def test_a_lasso_takes_the_points_it_holds():
    found, rows = on_map(), np.arange(6)
    assert selection.taken(event([1, 2]), found, rows, rows, None).tolist() == [1, 2]
    assert selection.taken(event(), found, rows, rows, None).tolist() == []
    assert selection.taken(None, found, rows, rows, None).tolist() == []


def test_a_lasso_on_a_sample_takes_what_lies_inside_though_it_was_not_drawn():
    found, rows, drawn = on_map(), np.arange(6), np.array([0, 2, 5])
    assert selection.taken(event([2], AROUND_B_TO_E), found, rows, drawn, None).tolist() == [1, 2, 3, 4]
    without_d = np.array([0, 1, 2, 4, 5])  # filtered away
    assert selection.taken(event([2], AROUND_B_TO_E), found, without_d, drawn, None).tolist() == [1, 2, 4]


def test_of_what_was_not_drawn_only_groups_with_a_point_in_the_lasso_are_taken():
    found, rows, drawn = on_map(), np.arange(6), np.array([0, 2, 5])
    groups = selection.legend_groups(selection.colouring(found, now(found), Look(), dark=False))
    assert selection.taken(event([2], AROUND_B_TO_E), found, rows, drawn, groups).tolist() == [2, 3]  # only dogs


def test_a_ramp_has_no_legend_and_classes_beyond_the_colours_share_an_entry():
    assert selection.legend_groups(charts.Ramp(np.zeros(3), "x")) is None
    names = [f"k{i}" for i in range(13)]
    colours = charts.colour_map(names)
    groups = selection.legend_groups(charts.Categories(names, np.arange(13), colours))
    assert len(set(groups[:10].tolist())) == 10
    assert set(groups[10:].tolist()) == {-2}


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
    names = tuple(f"k{i}" for i in range(30))
    codes = np.repeat(np.arange(30), np.arange(30, 0, -1))  # the last classes are the smallest
    colour = selection._by_class(names, codes, Look(classes=("k29",)), "none")
    assert colour.colours["k29"] != selection.OTHER
    assert colour.colours["k28"] == selection.OTHER


def test_the_hover_card_names_label_suggestion_difficulty_and_file():
    found = on_map(predictions=np.array([0, 1, 1, 1, 2, 2]))
    found.scores["hard"] = np.arange(6.0)
    lines = selection.hover(found, now(found), Look(size="hard"))
    assert {name: values[1] for name, values in lines.items()} == {
        "label": "cat", "suggested:": "dog", "hard:": 1.0, "file:": "b",
    }  # fmt: skip
    assert lines["suggested:"][0] == "–"  # the same as its label


def test_a_fresh_map_shows_what_is_selected():
    found = on_map()
    colour = selection.colouring(found, now(found), Look(), dark=False)
    figure = charts.map_figure(found.xy, colour, flagged=found.marked())
    selection.show_selected(figure, np.array([1, 5]))
    shown = {int(t.customdata[i, 0]) for t in figure.data for i in t.selectedpoints}
    assert shown == {1, 5}


def test_what_is_among_the_selected_is_counted_and_the_rest_summed_up():
    found = on_map("cat cat cat dog dog eel")
    assert selection.composition(now(found), np.arange(6), most=2) == [("cat", 3), ("dog", 2), ("1 more", 1)]
    assert selection.composition(now(found), np.arange(0)) == []


def test_only_what_is_there_is_offered_as_colour_and_size():
    bare = made(["cat"], xy=np.zeros((1, 2)))
    assert list(selection.colour_options(bare)) == ["label", "decision"]
    assert list(selection.size_options(bare)) == [""]
    found = on_map(predictions=np.zeros(6, int))
    found.scores["hard"] = np.arange(6.0)
    assert list(selection.colour_options(found)) == ["label", "prediction", "flags", "decision", "suspicion", "hard"]
    assert next(iter(selection.size_options(found))) == "hard"
    assert set(CLASSES) == set(found.classes)
