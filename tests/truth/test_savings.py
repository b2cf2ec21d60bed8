"""Savings against numbers worked by hand."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from curation.errors import InputError
from curation.maths.accounting import savings as module
from curation.maths.accounting.constants import DEVICES, REGIONS, Constants
from curation.maths.accounting.savings import break_even, difference, savings

SAME = [0.0, 0.0, 0.0]


def test_the_worked_example_on_one_p100():
    hours = 3.82
    made = {
        pue: savings(differences=SAME, hours=hours, passes=2.38 / hours, constants=Constants.of("P100").edited(pue=pue))
        for pue in (1.0, 1.58)
    }
    assert made[1.0].hours.saved == pytest.approx(1.44)
    assert made[1.0].energy.saved == pytest.approx(0.40, abs=0.005)  # 275 W at the plug
    assert made[1.58].energy.saved == pytest.approx(0.63, abs=0.005)
    assert made[1.58].carbon.saved == pytest.approx(0.30, abs=0.005)


def test_the_same_from_its_parts_half_the_passes_and_a_proxy_of_28_minutes():
    made = savings(differences=SAME, hours=229 / 60, passes=0.5, selection=28 / 60)
    assert (made.hours.before, made.hours.after) == pytest.approx((3.817, 2.375), abs=0.001)
    assert made.break_even == 1


def test_every_line_by_hand():
    constants = Constants().edited(
        device_power=400, utilisation=0.5, host_power=100, pue=1.2, carbon=300, price=2, electricity=0.1, label=0.05,
        checking=0.1, storage=0.02,
    )  # fmt: skip
    told = {
        "differences": [0.01], "hours": 100, "passes": 0.3, "selection": 20, "selection_cpu": 10, "trainings": 4,
        "labels": 1000, "gigabytes": 50, "months": 12, "constants": constants,
    }  # fmt: skip
    made = savings(**told)
    assert (made.hours.before, made.hours.after) == pytest.approx((400, 140))
    # (200 + 100) W * 1.2 = 0.36 kW; a CPU-hour draws the host's 0.12 kW
    assert (made.energy.before, made.energy.after) == pytest.approx((144, 50.4 + 1.2))
    assert (made.carbon.before, made.carbon.after) == pytest.approx((43.2, 15.48))
    assert (made.money.before, made.money.after) == pytest.approx((800, 280))
    assert made.labelling == pytest.approx(55)
    assert made.storage == pytest.approx(12)
    assert made.break_even == 1
    owned = savings(**told, hired=False).money
    assert (owned.before, owned.after) == pytest.approx((14.4, 5.16))  # electricity, and no price of an hour on top


def test_a_selection_dearer_than_what_it_saves_shows_as_a_loss():
    made = savings(differences=SAME, hours=10, passes=0.9, selection=3)
    assert made.hours.saved == pytest.approx(-2)
    assert made.break_even == 3
    for amount in (made.energy, made.carbon, made.money):
        assert amount.saved < 0
        assert amount.low <= amount.saved <= amount.high < 0
    more = savings(differences=SAME, hours=10, passes=1.2)
    assert more.hours.saved == pytest.approx(-2)
    assert more.break_even == math.inf


@pytest.mark.parametrize(("passes", "selection"), [(0.5, 8), (0.7, 100), (0.3, 35), (0.9, 1), (0.35, 6.5)])
def test_the_selection_has_paid_at_break_even_and_not_one_training_earlier(passes, selection):
    at = break_even(10, passes, selection)
    saved = [
        savings(differences=SAME, hours=10, passes=passes, selection=selection, trainings=m).hours.saved
        for m in (at, max(at - 1, 1))
    ]
    assert saved[0] >= -1e-9
    assert at == 1 or saved[1] < 0


def test_ranges_come_from_the_constants_that_have_one():
    made = savings(differences=SAME, hours=100, passes=0.5, constants=Constants.of("A100"))
    # 50 hours of 0.7 * (250 to 400) + 100 W, PUE 1.10 to 1.58
    assert (made.energy.low, made.energy.high) == pytest.approx((50 * 0.275 * 1.1, 50 * 0.38 * 1.58))
    assert (made.money.low, made.money.saved, made.money.high) == pytest.approx((75, 137.5, 200))
    sure = savings(differences=SAME, hours=100, passes=0.5, constants=Constants().edited(device_power=400, pue=1.3))
    assert sure.energy.low == sure.energy.high == pytest.approx(sure.energy.saved)


def test_what_nobody_has_set_is_not_stated():
    made = savings(differences=SAME, hours=1, passes=0.5, labels=10, gigabytes=1, constants=Constants.of("P100"))
    assert made.money is made.labelling is made.storage is None
    assert savings(differences=SAME, hours=1, passes=0.5).labelling == 0  # no labels saved is no money, at any price


def test_a_cpu_draws_the_power_of_its_host():
    constants = Constants.of("CPU").edited(pue=1)
    assert savings(differences=SAME, hours=10, passes=0.5, constants=constants).energy.saved == pytest.approx(0.5)


def test_the_interval_beside_the_accuracy_is_the_t_interval_of_scipy():
    from scipy import stats

    values = np.array([-0.011, 0.002, -0.004, 0.0])
    made = difference(values)
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (made.mean, made.low, made.high) == pytest.approx((values.mean(), interval.low, interval.high))
    assert str(difference([0.01])) == "+1.0 points of accuracy (one seed: no interval)"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"differences": []}, "only beside the accuracy"),
        ({"differences": [-3.0]}, "only beside the accuracy"),
        ({"differences": [float("nan")]}, "only beside the accuracy"),
        ({"hours": -1}, "hours is -1"),
        ({"passes": float("nan")}, "passes is nan"),
        ({"trainings": 0}, "number of trainings is 0"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(changed, words):
    with pytest.raises(InputError, match=words):
        savings(**{"differences": SAME, "hours": 1, "passes": 0.5, **changed})


def test_accuracy_cannot_be_left_out():
    with pytest.raises(TypeError, match="differences"):
        savings(hours=1, passes=0.5)


def test_unknown_names_of_constants_name_the_nearest():
    with pytest.raises(InputError, match="did you mean 'A100'"):
        Constants.of("A10")
    with pytest.raises(InputError, match="did you mean 'carbon'"):
        Constants().edited(carbn=3)
    with pytest.raises(InputError, match="pue is -1"):
        Constants().edited(pue=-1)


def test_every_constant_says_its_unit_source_and_standing_and_is_in_the_docs():
    from pathlib import Path

    page = (Path(module.__file__).parents[3] / "docs" / "savings.md").read_text(encoding="utf-8")
    default = Constants()
    constants = [getattr(default, f.name) for f in fields(default)]
    constants += [c for pair in DEVICES.values() for c in pair] + list(REGIONS.values())
    for constant in constants:
        assert constant.unit
        assert constant.source
        assert (constant.value is None) == (constant.standing == "not set")
        assert constant.low is None or constant.low <= constant.value <= constant.high
    for name in [*DEVICES, *REGIONS, *(f.name for f in fields(default))]:
        assert name in page, f"docs/savings.md does not mention {name}"
    for name, (power, _) in DEVICES.items():
        assert f"| {name} | {power.value:g}" in page
    for name, grams in REGIONS.items():
        assert f"| {name} | {grams.value:g}" in page
