"""Figures: histogram, bars and accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from curation.engine.comparison import compare
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


def _cells(**accuracies):
    """Named by method and share: accuracies by seed. Every seed errs on the first of 100 items."""
    rows, answers = [], {}
    for name, values in accuracies.items():
        method, share = name.split("_")
        for seed, value in enumerate(values):
            key = f"{name} {seed}"
            answers[key] = np.arange(100) >= 100 - round(100 * value)
            figures = {"accuracy": value, "worst_class": value, "passes": 1, "train_seconds": 1.0}
            rows.append({"method": method, "keep": int(share) / 100, "seed": seed, "key": key, **figures})
    return compare(rows, answers).cells


def test_accuracy_over_several_shares_is_lines_with_intervals_beside_random_and_everything():
    cells = _cells(random_50=[0.6, 0.7], ccs_50=[0.8, 0.9, 1.0], ccs_20=[0.7, 0.7], full_100=[0.9, 0.9])
    figure = accuracy_figure(cells)
    ccs, random = figure.data
    assert (ccs.type, ccs.name, random.name) == ("scatter", "ccs", "random")
    assert ccs.y == pytest.approx([0.7, 0.9])
    half = next(cell for cell in cells if cell.method == "ccs" and cell.keep == 0.5)
    low, high = half.accuracy.interval()
    assert (ccs.y[1] - ccs.error_y.arrayminus[1], ccs.y[1] + ccs.error_y.array[1]) == pytest.approx((low, high))
    assert random.line.dash == "dash"
    assert [a.text for a in figure.layout.annotations] == ["full data<br>90.0%"]
    assert "keeping 20 %" in ccs.customdata[0]


def test_accuracy_at_one_share_is_bars_from_the_highest_to_random():
    figure = accuracy_figure(_cells(random_50=[0.9, 0.9], ccs_50=[0.7, 0.7], herding_50=[0.8, 0.8]))
    assert [bar.type for bar in figure.data] == ["bar"] * 3
    assert [bar.name for bar in figure.data] == ["herding", "ccs", "random"]
    assert all(bar.error_y.array[0] > 0 for bar in figure.data)


def test_one_seed_has_the_interval_of_the_test_items_and_no_cells_no_lines():
    assert accuracy_figure(_cells(ccs_50=[0.8])).data[0].error_y.array[0] > 0.05
    assert len(accuracy_figure([]).data) == 0
