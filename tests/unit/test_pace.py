"""The time of a training, asked before it starts."""

import pytest

from curation.engine import pace, registry
from curation.errors import StepError
from curation.methods.students import cnn, resnet18

SMALL = registry.get("students", "cnn").validated({"width": 4}, "cnn")


def test_a_step_is_timed_in_a_process_of_its_own():
    assert 0 < pace.seconds_per_pass("cnn", SMALL, side=8, classes=3, device="cpu") < 60


def test_what_cannot_be_timed_says_why():
    with pytest.raises(StepError, match=r"a step of cnn could not be timed: .*negative dimension"):
        pace.seconds_per_pass("cnn", {**SMALL, "width": -4}, side=8, classes=3, device="cpu")


@pytest.mark.parametrize("m", [50, 1000])
def test_a_student_that_says_how_many_images_it_takes_takes_as_many(m):
    import numpy as np

    from curation.data.view import View

    view = View.of(pixels=np.zeros((m, 8, 8, 3), np.uint8), labels=np.arange(m) % 2)
    for params in (SMALL | {"epochs": 1}, SMALL | {"steps": 3}):
        done = registry.get("students", "cnn").call(view, seed=0, device="cpu", **params)
        assert cnn.passes(m, **params) == done.passes


def test_a_resnet_gets_a_thousand_updates_at_least():
    params = registry.get("students", "resnet18").validated({}, "resnet18")
    assert resnet18.passes(512, **params) == 512_000
    assert resnet18.passes(50_000, **params) == 1_500_000
