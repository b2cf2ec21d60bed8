"""Figures: histogram, bars and accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from curation.ui.parts import charts
from curation.ui.verify.accuracy_figure import accuracy_figure


def test_the_histogram_counts_every_item_once():
    values = np.array([0.0, 1, 2, 3, np.nan, 1000])
    figure = charts.histogram(values, np.array([True, True, False, False, True, False]), "aum")
    assert [int(bar.y.sum()) for bar in figure.data] == [5, 2]


def test_class_bars_add_up():
    figure = charts.class_bars(["a", "b"], np.array([10, 4]), np.array([3, 4]))
    assert [bar.x.tolist() for bar in figure.data] == [[3, 4], [7, 0]]
    assert list(figure.data[1].text) == ["3 of 10", "4 of 4"]


def _runs(method, keep, *values):
    return [{"method": method, "share": keep, "seed": i, "accuracy": v} for i, v in enumerate(values)]


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
