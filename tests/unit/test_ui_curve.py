"""The learning curve's figure: what is drawn where, read off its traces."""

from __future__ import annotations

import json

import numpy as np
import pytest

from curation.maths.fitting import learning_curve
from curation.ui.verify.curve_figure import Selected, curve_figure

SIZES = np.array([500, 1000, 2000, 4000])


@pytest.fixture(scope="module")
def curve():
    rng = np.random.default_rng(0)
    return learning_curve.fit(SIZES, [e + 0.004 * rng.standard_normal(3) for e in 4 * SIZES**-0.5 + 0.1], draws=100)


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


def test_points_line_and_bands_are_those_of_the_curve(curve):
    figure = curve_figure(curve)
    assert [t.name for t in figure.data] == ["95% band", "80% band", "curve", "random"]
    points, line = trace(figure, "random"), trace(figure, "curve")
    np.testing.assert_allclose(points.y, 1 - curve.mean)
    np.testing.assert_allclose(points.error_y.array, curve.sd)
    assert (line.x[0], line.x[-1]) == pytest.approx((500, 4000))
    np.testing.assert_allclose(line.y, curve.accuracy(np.array(line.x)))
    wide = trace(figure, "95% band")
    low, high = curve.band(500, 0.95)
    assert (wide.y[0], wide.y[-1]) == pytest.approx((1 - low, 1 - high))
    assert figure.layout.xaxis.type == "log"


def test_beyond_what_was_measured_the_line_is_dotted_and_the_prediction_marked(curve):
    figure = curve_figure(curve, predict=10_000)
    ahead = trace(figure, "prediction")
    assert ahead.line.dash == "dot"
    assert (ahead.x[0], ahead.x[-1]) == pytest.approx((4000, 10_000))
    (mark,) = [t for t in figure.data if t.marker.symbol == "star"]
    assert mark.y[0] == pytest.approx(curve.accuracy(10_000))
    (note,) = figure.layout.annotations
    low, high = curve.band(10_000)
    assert note.text == f"10,000 items: {curve.accuracy(10_000):.1%} ({1 - high:.1%} to {1 - low:.1%})"
    assert note.x == pytest.approx(4)  # an annotation on a log axis is placed by the exponent


def test_a_selection_says_how_many_random_items_it_is_worth(curve):
    better = 1 - curve.error(2000)
    figure = curve_figure(curve, selected=[Selected("a<b", 1000, [better - 0.01, better + 0.01])])
    point = trace(figure, "a&lt;b")
    assert point.x[0] == pytest.approx(1000, rel=0.05)  # set apart from the random ones
    assert point.customdata[0][2] == 1000
    assert point.y[0] == pytest.approx(better)
    assert point.customdata[0][1].startswith("worth 2.00x (")
    assert list(point.text) == ["2.0x"]
    assert point.customdata[0][1].endswith("as many random items")
    perfect = curve_figure(curve, selected=[Selected("ccs", 1000, [1.0])])
    assert trace(perfect, "ccs").customdata[0][1] == "worth > max as many random items"


def test_a_refused_curve_leaves_its_points():
    runs = {200: [0.6, 0.7], 100: [0.5]}
    refusal = learning_curve.fit([100, 200], [[0.5], [0.4, 0.3]])
    figure = curve_figure(refusal, runs=runs, selected=[Selected("ccs", 150, [0.6])])
    assert [t.name for t in figure.data] == ["random", "ccs"]
    assert list(figure.data[0].y) == pytest.approx([0.5, 0.65])
    assert len(curve_figure(refusal).data) == 1


def test_one_seed_draws_a_line_without_bands():
    curve = learning_curve.fit(SIZES, [[e] for e in 4 * SIZES**-0.5 + 0.1])
    assert [t.name for t in curve_figure(curve, predict=2000).data] == ["curve", "random", ""]


def test_the_dark_figure_differs_in_ink_and_nothing_is_random(curve):
    light, dark = (curve_figure(curve, dark=d, predict=8000).to_json() for d in (False, True))
    assert light == curve_figure(curve, predict=8000).to_json()
    assert "#1B2733" in light
    assert "#1B2733" not in dark
    assert [t["y"] for t in json.loads(light)["data"]] == [t["y"] for t in json.loads(dark)["data"]]
