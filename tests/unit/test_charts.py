"""Figures: the map's points, sizes and selections; histogram, bars and accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from curation.ui.parts import charts, theme
from curation.ui.verify.accuracy_figure import accuracy_figure

XY = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, 2]], dtype=float)
CODES = np.array([0, 1, 0, 1, -1])
FLAGGED = np.array([False, True, False, False, False])


def _map(**changes):
    given = {"difficulty": np.arange(5.0), "flagged": FLAGGED, "hover": {"label": np.array(["<b>"] * 5)}} | changes
    return charts.map_figure(XY, charts.Categories(["cat", "<i>dog"], CODES), **given)


def test_the_same_map_is_the_same_bytes():
    import plotly.io

    assert plotly.io.to_json(_map()) == plotly.io.to_json(_map())


def test_every_drawn_item_is_one_point_that_knows_its_row():
    figure = _map(rows=np.array([0, 1, 3, 4]))
    points = {}
    for trace in figure.data:
        assert trace.customdata.dtype == np.int32
        assert trace.x.dtype == trace.y.dtype == trace.marker.size.dtype == np.float32
        for row, x, y in zip(trace.customdata[:, 0], trace.x, trace.y, strict=True):
            assert row not in points
            points[int(row)] = (x, y)
    assert points == {row: tuple(XY[row]) for row in (0, 1, 3, 4)}


def test_flagged_items_differ_by_shape_and_outline():
    flagged = next(trace for trace in _map().data if trace.customdata[0, 0] == 1)
    rest = [trace for trace in _map().data if trace is not flagged and trace.customdata[0, 0] != 1]
    assert flagged.marker.symbol == "diamond"
    assert flagged.marker.line.width > 0
    assert {(trace.marker.symbol, trace.marker.line.width) for trace in rest} == {("circle", 0)}


def test_the_legend_isolates_a_class_with_its_flagged_items():
    dog = [trace for trace in _map().data if trace.name == "&lt;i&gt;dog"]
    assert len(dog) == 2
    assert dog[0].legendgroup == dog[1].legendgroup
    assert [trace.showlegend for trace in dog] == [True, False]


def test_names_and_hover_texts_are_never_markup():
    text = _map().to_json()
    assert "<i>dog" not in text
    assert "<b><b>" not in text


def test_a_ramp_has_one_colour_bar_and_no_legend():
    figure = charts.map_figure(XY, charts.Ramp(np.arange(5), "aum"), flagged=FLAGGED)
    assert {trace.marker.coloraxis for trace in figure.data} == {"coloraxis"}
    assert figure.layout.coloraxis.colorbar.title.text == "aum"
    assert not figure.layout.showlegend


def test_beyond_ten_classes_the_largest_have_colours_and_the_rest_is_grey():
    names = [f"c{i}" for i in range(12)]
    colours = charts.colour_map(names, [5, 1, *[9] * 9, 2])
    assert [name for name in names if colours[name] == theme.OTHER] == ["c1", "c11"]
    assert len(set(colours.values())) == 11
    codes = np.repeat(np.arange(12), [5, 1, *[9] * 9, 2])
    figure = charts.map_figure(np.zeros((len(codes), 2)), charts.Categories(names, codes))
    assert [trace.name for trace in figure.data if trace.marker.color == theme.OTHER] == ["2 other classes"]


def test_harder_items_are_larger_and_one_extreme_score_changes_nothing():
    easy_to_hard = charts.marker_sizes(np.array([0.0, 1.0, 2.0]), drawn=1000)
    np.testing.assert_allclose(easy_to_hard, [5.2, 5.2 + 9.36 / 4, 14.56])
    np.testing.assert_allclose(charts.marker_sizes(np.array([0.0, 1.0, 1e9]), drawn=1000), easy_to_hard)


def test_items_without_difficulty_are_small_and_equal_ones_alike():
    assert charts.marker_sizes(np.array([np.nan, 1.0, 2.0])).argmin() == 0
    assert len(set(charts.marker_sizes(np.ones(4)))) == 1


def test_a_sample_holds_what_matters_and_is_the_same_every_time():
    flagged, hardest = np.arange(0, 50), np.arange(40, 120)
    draw = [
        charts.sample_rows(1000, 200, always=[flagged, hardest], rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])
    assert len(set(draw[0])) == 200
    assert set(range(120)) <= set(draw[0])


def test_when_not_all_that_matters_fits_the_first_named_come_first():
    kept = charts.sample_rows(100, 10, always=[np.arange(8), np.arange(50, 90)], rng=np.random.default_rng(0))
    assert kept.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 50, 51]


def test_small_sets_are_drawn_whole():
    assert charts.sample_rows(4, 10, rng=np.random.default_rng(0)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("event", [None, {}, {"selection": {"points": []}}])
def test_no_selection_is_no_rows(event):
    assert charts.points(event) == []
    assert not charts.inside(event, XY).any()


def test_points_are_read_in_every_shape_they_come_in():
    shapes = [{"customdata": {"0": 4}}, {"customdata": [2]}, {"customdata": 1}, {"customdata": [2]}, {"x": 0}]
    assert charts.points({"selection": {"points": shapes}}) == [1, 2, 4]


def test_a_lasso_takes_what_it_surrounds_and_leaves_its_notch():
    #   an L: the unit square without its upper right quarter
    lasso = {"x": [0, 1, 1, 0.5, 0.5, 0], "y": [0, 0, 0.5, 0.5, 1, 1]}
    xy = np.array([[0.2, 0.2], [0.9, 0.2], [0.2, 0.9], [0.9, 0.9], [1.2, 0.2], [-0.1, 0.5]])
    hit = charts.inside({"selection": {"lasso": [lasso]}}, xy)
    assert hit.tolist() == [True, True, True, False, False, False]


def test_a_box_may_be_drawn_from_any_corner():
    hit = charts.inside({"selection": {"box": [{"x": [1.5, 0.5], "y": [1.5, -1]}]}}, XY)
    assert hit.tolist() == [False, True, False, True, False]


def test_the_histogram_counts_every_item_once():
    values = np.array([0.0, 1, 2, 3, np.nan, 1000])
    figure = charts.histogram(values, np.array([True, True, False, False, True, False]), "aum")
    assert [int(bar.y.sum()) for bar in figure.data] == [5, 2]


def test_class_bars_add_up():
    figure = charts.class_bars(["a", "b"], np.array([10, 4]), np.array([3, 4]))
    assert [bar.x.tolist() for bar in figure.data] == [[3, 4], [7, 0]]
    assert list(figure.data[1].text) == ["3 of 10", "4 of 4"]


def _runs(method, keep, *values):
    return [{"method": method, "keep": keep, "seed": i, "accuracy": v} for i, v in enumerate(values)]


def test_accuracy_shows_mean_and_spread_beside_random_and_everything():
    runs = _runs("random", 0.5, 0.6, 0.7) + _runs("ccs", 0.5, 0.8, 0.9, 1.0) + _runs("full", 1.0, 0.9, 0.9)
    figure = accuracy_figure(runs)
    ccs, random = figure.data
    assert (ccs.name, random.name) == ("ccs", "random")
    assert ccs.y[0] == pytest.approx(0.9)
    assert ccs.error_y.array[0] == pytest.approx(0.1)
    assert random.line.dash == "dash"
    assert [a.text for a in figure.layout.annotations] == ["full data: 90.0%"]
    assert ccs.customdata[0][0] == random.customdata[0][0] == 0.5


def test_one_seed_has_no_error_bar_and_no_runs_no_lines():
    assert accuracy_figure(_runs("ccs", 0.5, 0.8)).data[0].error_y.array[0] == 0
    assert len(accuracy_figure([]).data) == 0
